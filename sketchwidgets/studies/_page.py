"""All results of a folder on one page of Markdown, and how many of the papers' claims hold, study by study."""

import re
from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from sketchwidgets._files import written_whole
from sketchwidgets.studies._folder import read_json
from sketchwidgets.studies._orderings import NO, UNDECIDED, YES
from sketchwidgets.studies._result import StudyResult, results_folder
from sketchwidgets.studies._tables import markdown

_STUDIES = (
    ("ablation", "LayerRemoval", "Layers removed, widths changed"),
    ("transfer_learning", "Transfer", "Features carried over to other data"),
    ("recognizers", "RecognizerComparison", "Sketch recognisers compared"),
    ("choices", "ChoicesResult", "Sketch-a-Net's own choices"),
    ("online", "OnlineRecognition", "Recognition stroke by stroke"),
    ("pictures", "MethodComparison", "Methods of visualisation compared"),
    ("pictures", "NetworkComparison", "Networks compared by guided backpropagation"),
    ("gabors", "FiltersAndGabors", "First filters against Gabors"),
    ("evolution", "TrainingEvolution", "Features as they form"),
)
_MARK = "Made by `sketchwidgets study page`"
_COMMAND = re.compile(r"(?:sketchwidgets study |sw\.studies\.)([a-z_-]+)")
_HEAD = ["study", "rows", "claims of the papers", "hold", "undecided", "do not hold", "controls that hold"]


_JUDGED = (
    "A claim holds, or does not, where the 95 % intervals of the two numbers are apart, and is undecided where they are "
    "not; where both were measured on the same folds, by the interval of the differences. Where it is known which of the "
    "same drawings both name right, McNemar's exact test decides at 5 %: whether those that one of the two alone names "
    "right are too unequal in number for chance. That one number is higher by little at most holds where the interval of "
    "the difference says so; of the same drawings, Newcombe's for paired shares (Statistics in Medicine 1998, method 10). "
    "Where a row was trained once more with another seed, a difference no larger than that makes is none; a recogniser of "
    "three folds is trained once for each. All this is about the drawings and folds that were measured on, and little "
    "about training anew, which moves each row by itself. Controls are claims of this package's, not of a paper's."
)


def results_page(folder: str | Path | None = None) -> str:
    """Every study's table, claims and differences from what was published, in Markdown.

    folder : with result files as in docs/results, or that of a study, with its result.json; those that were measured for
    this version by default.

    Raises ValueError where there is no result.

    >>> print(sw.studies.results_page()[:36])
    # The papers' tables, measured again
    """
    parts = [
        "# The papers' tables, measured again",
        f"{_MARK} from the files beside it; no number is written by hand. All at small scale: "
        "the differences from what was published are named with each.",
        _JUDGED,
        markdown(_summary(folder)),
    ]
    for title, name, result in _results(folder):
        parts += [f"## {title}", f"`{result.settings.get('command', name)}`, {_facts(result)}"]
        if sizes := _sizes(result.settings):
            parts.append(sizes)
        parts.append(result.table())
        if result.orderings():
            parts.append(result.orderings_table())
        differences = result.settings.get("differences")
        if differences:
            listed = [differences] if isinstance(differences, str) else differences
            parts.append("\n".join(["Differences from the papers:", "", *(f"- {each}" for each in listed)]))
    return "\n\n".join(parts) + "\n"


def write_page(folder: str | Path) -> Path:
    """Write `results_page` into README.md of the folder, and return its path.

    Raises ValueError where there is no result, or a README.md that was not written so.
    """
    text, path = results_page(folder), Path(folder) / "README.md"
    if path.exists() and not (path.is_file() and _MARK.encode() in path.read_bytes()):
        raise ValueError(f"{path} was not written by `sketchwidgets study page` and is not replaced; move it")
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def results_summary(folder: str | Path | None = None) -> str:
    """How many of the papers' claims hold, study by study: a table in Markdown.

    >>> print(sw.studies.results_summary().splitlines()[0])
    | study | rows | claims of the papers | hold | undecided | do not hold | controls that hold |
    """
    return markdown(_summary(folder))


def _summary(folder: str | Path | None) -> list[list[str]]:
    lines = [_HEAD]
    for title, _, result in _results(folder):
        claims = [ordering for ordering in result.orderings() if not ordering.control]
        controls = [ordering for ordering in result.orderings() if ordering.control]
        holds = Counter(claim.holds for claim in claims)
        counts = (len(result.rows), len(claims), holds[YES], holds[UNDECIDED], holds[NO])
        held = sum(control.holds == YES for control in controls)
        lines.append([title, *map(str, counts), f"{held} of {len(controls)}" if controls else ""])
    return lines


def _results(folder: str | Path | None) -> list[tuple[str, str, StudyResult]]:
    """Title, file's stem and result of the studies that are there, in the order of the story."""
    place = results_folder() if folder is None else Path(folder)
    own = place / "result.json"
    kinds = [
        (title, getattr(import_module(f"sketchwidgets.studies.{module}"), name))
        for module, name, title in _STUDIES
    ]
    study, found = _study_of(own) if own.is_file() else None, []
    if own.is_file() and study not in {Path(kind._file).stem for _, kind in kinds}:
        raise ValueError(f"{own}: not the result of a study that has a page")
    for title, kind in kinds:
        stem = Path(kind._file).stem
        path = own if study == stem else place / kind._file
        if path.is_file():
            found.append((title, stem, kind.open(path)))
    if not found:
        raise ValueError(
            f"{place}: no result of a study, neither result.json nor one named as in docs/results (transfer.json ...)"
        )
    return found


def _study_of(path: Path) -> str | None:
    """As the command line calls it, by the command that a result says."""
    result = read_json(path, "not the result of a study")
    settings = result.get("settings") if isinstance(result, dict) else None
    said = _COMMAND.match(str(settings.get("command"))) if isinstance(settings, dict) else None
    return said[1].replace("_", "-") if said else None


def _facts(result: StudyResult) -> str:
    """Seed, processor time and versions, as far as they are known."""
    settings = result.settings
    facts = [f"seed {settings['seed']}"] if "seed" in settings else []
    seconds = settings.get("cpu_seconds") or {}
    if seconds:
        facts.append(f"{sum(seconds.values()) / 60:.0f} processor minutes")
    facts += [f"{name} {version}" for name, version in (settings.get("versions") or {}).items()]
    return ", ".join(facts)


_COUNTED = {
    "images": "images",
    "training_drawings": "drawings to learn from",
    "training_pictures": "drawings to learn from",
    "taught_drawings": "drawings to learn from",
    "measured_drawings": "to measure on",
    "measured_pictures": "to measure on",
}


def _sizes(settings: Mapping[str, Any]) -> str:
    """How many classes there are and how many drawings, as far as a study says so."""
    classes = settings.get("learnt_classes") or settings.get("classes")
    classes = len(classes) if isinstance(classes, list | tuple) else classes
    found = [f"{classes:,} classes"] if classes else []
    found += [f"{settings[key]:,} {what}" for key, what in _COUNTED.items() if settings.get(key)]
    return f"{', '.join(found)}." if found else ""
