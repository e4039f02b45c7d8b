"""All results of a folder on one page of Markdown, and how many of the papers' claims hold, study by study."""

from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

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
_HEAD = ["study", "rows", "claims of the papers", "hold", "undecided", "do not hold", "controls that hold"]


_JUDGED = (
    "A claim holds, or does not, where the 95 % intervals of the two numbers are apart, and is undecided where they are "
    "not; where both were measured on the same folds or drawings, by the interval of the differences. That one number is "
    "higher by little at most holds where the interval of the difference says so. Of Sketch-a-Net's choices, which name the "
    "same drawings right or wrong, McNemar's test decides at 5 %, and a difference no larger than that which another seed "
    "makes is none. The intervals are of the drawings and folds that were measured on, not of training anew. Controls are "
    "claims of this package's, not of a paper's."
)


def results_page(folder: str | Path | None = None) -> str:
    """Every study's table, claims and differences from what was published, in Markdown.

    folder : with result files as in docs/results, those that were measured for this version by default.

    >>> print(sw.studies.results_page()[:36])
    # The papers' tables, measured again
    """
    parts = [
        "# The papers' tables, measured again",
        "Made by `sketchwidgets study page` from the files beside it; no number is written by hand. All at small scale: "
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
    found = []
    for module, name, title in _STUDIES:
        kind = getattr(import_module(f"sketchwidgets.studies.{module}"), name)
        path = place / kind._file
        if path.is_file():
            found.append((title, path.stem, kind.open(path)))
    return found


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
