"""All results of a folder on one page of Markdown, and how many of the papers' orderings hold, study by study."""

from collections import Counter
from importlib import import_module
from pathlib import Path

from sketchwidgets.studies._orderings import REVERSED, WITHIN, YES
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
_HEAD = ["study", "rows", "orderings of the papers", "hold", "within the intervals", "reversed"]


def results_page(folder: str | Path | None = None) -> str:
    """Every study's table, orderings and differences from what was published, in Markdown.

    folder : with result files as in docs/results, those that were measured for this version by default.

    >>> print(sw.studies.results_page()[:36])
    # The papers' tables, measured again
    """
    parts = [
        "# The papers' tables, measured again",
        "Made by `sketchwidgets study page` from the files beside it; no number is written by hand. All at small scale: "
        "the differences from what was published are named with each.",
        markdown(_summary(folder)),
    ]
    for title, name, result in _results(folder):
        parts += [f"## {title}", f"`{result.settings.get('command', name)}`, {_facts(result)}"]
        parts.append(result.table())
        if result.orderings():
            parts.append(result.orderings_table())
        differences = result.settings.get("differences")
        if differences:
            listed = [differences] if isinstance(differences, str) else differences
            parts.append("\n".join(["Otherwise than published:", "", *(f"- {each}" for each in listed)]))
    return "\n\n".join(parts) + "\n"


def results_summary(folder: str | Path | None = None) -> str:
    """How many of the orderings that the papers report hold, study by study: a table in Markdown.

    >>> print(sw.studies.results_summary().splitlines()[0])
    | study | rows | orderings of the papers | hold | within the intervals | reversed |
    """
    return markdown(_summary(folder))


def _summary(folder: str | Path | None) -> list[list[str]]:
    lines = [_HEAD]
    for title, _, result in _results(folder):
        holds = Counter(ordering.holds for ordering in result.orderings())
        counts = (len(result.rows), holds.total(), holds[YES], holds[WITHIN], holds[REVERSED])
        lines.append([title, *map(str, counts)])
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
