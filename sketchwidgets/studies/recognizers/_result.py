"""The measured table of sketch recognisers, beside the published one."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from sketchwidgets.studies._named import NamedRight, check_named, pairs_of
from sketchwidgets.studies._orderings import Measured, Ordering
from sketchwidgets.studies._result import StudyResult
from sketchwidgets.training.evaluation.intervals import wilson
from sketchwidgets.visualization import Chart, Figure, Section

HUMANS = "Humans"
PUBLISHED = {
    "Sketch-a-Net, full": 77.95,
    "Sketch-a-Net 1.0": 74.9,
    HUMANS: 73.1,
    "FV-SP": 68.9,
    "AlexNet-Sketch": 68.6,
    "AlexNet-SVM": 67.1,
    "MKL-SVM": 65.8,
    "Ensemble": 61.5,
    "HOG-SVM": 56.0,
    "LeNet": 55.2,
}
"""Top-1, per cent, highest first."""
PUBLISHED_ON = "all 250 classes of TU-Berlin, threefold (Yu et al., IJCV 2017, table 2)"


@dataclass(frozen=True)
class ComparedRecognizer:
    """One recogniser of the table.

    name : as in the papers where they have such a row. about : what it is here.
    right, total : images of each fold that it names right, and all of them; it learned from the other two.
    named : which images it names right, of all folds together in the order of the file; None if not kept.

    Raises ValueError for counts that cannot be.
    """

    name: str
    about: str
    right: tuple[int, ...]
    total: tuple[int, ...]
    named: NamedRight | None = None

    def __post_init__(self) -> None:
        fine = len(self.right) == len(self.total) > 0
        if not fine or not all(0 <= r <= n and n for r, n in zip(self.right, self.total, strict=True)):
            raise ValueError(f"{self.name} counts {self.right} of {self.total}")
        check_named(self.name, self.named, sum(self.right), sum(self.total))

    @property
    def by_fold(self) -> np.ndarray:
        """(folds,) float64, the share of each fold that is named right."""
        return np.array(self.right) / np.array(self.total)

    @property
    def accuracy(self) -> float:
        """The mean over the folds, the papers' measure."""
        return float(self.by_fold.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval at 95 % over all images, each of which is tested once."""
        return wilson(sum(self.right), sum(self.total))

    @property
    def published(self) -> float | None:
        """Per cent in the papers' table."""
        return PUBLISHED.get(self.name)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values, with what follows from them."""
        return {
            "name": self.name,
            "about": self.about,
            "right": list(self.right),
            "total": list(self.total),
            "accuracy": round(self.accuracy, 4),
            "interval": [round(bound, 4) for bound in self.interval],
            "published_percent": self.published,
            **({} if self.named is None else {"named_right": self.named.to_json()}),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ComparedRecognizer":
        """Inverse of `to_dict`; ValueError, KeyError or TypeError for anything else."""
        right, total = (tuple(map(int, values[name])) for name in ("right", "total"))
        named = NamedRight.from_json(values.get("named_right"), sum(right), sum(total))
        return cls(str(values["name"]), str(values["about"]), right, total, named)


@dataclass(frozen=True, repr=False)
class RecognizerComparison(StudyResult[ComparedRecognizer]):
    """How often each sketch recogniser is right, threefold: table 2 of the Sketch-a-Net papers.

    >>> row = sw.studies.ComparedRecognizer("LeNet", "LeNet from scratch", (40, 44, 42), (80, 80, 80))
    >>> print(sw.studies.RecognizerComparison((row,)).table())
    | recogniser | here | top-1 (95 %) | by fold | published, 250 classes |
    | --- | --- | --- | --- | --- |
    | Humans |  |  |  | 73.1 |
    | LeNet | LeNet from scratch | 52.5 % (46.2 to 58.7) | 50.0, 55.0, 52.5 | 55.2 |
    """

    _row: ClassVar[type] = ComparedRecognizer
    _file: ClassVar[str] = "sketch-recognizers.json"
    published: ClassVar[Mapping[str, Any]] = {"top1_percent": PUBLISHED, "data": PUBLISHED_ON}

    def orderings(self) -> tuple[Ordering, ...]:
        """Each row of the published table against the next one below that is there; humans were asked elsewhere."""
        there = [row for name in PUBLISHED if (row := self.get(name)) is not None]
        return tuple(
            Ordering(
                f"{first.name} is better than {second.name}.",
                *(Measured.share(row.name, sum(row.right), sum(row.total)) for row in (first, second)),
                (PUBLISHED[first.name], PUBLISHED[second.name]),
                PUBLISHED_ON,
                pairs=pairs_of(first.named, second.named),
            )
            for first, second in pairwise(there)
        )

    def figure(self) -> Figure:
        """Both tables as bars in the published order, and where humans are."""
        rows = self._in_order()
        names = [row.name for row in rows]
        here = _bars(names, [100 * row.accuracy for row in rows], "here", "here")
        published = _bars(list(PUBLISHED), list(PUBLISHED.values()), "published", "published")
        return Figure(
            "Recognisers of sketches",
            [
                Section("", [here], self._measured()),
                Section("Published, on more classes", [published], PUBLISHED_ON),
            ],
        )

    def _in_order(self) -> list[ComparedRecognizer]:
        places = {name: place for place, name in enumerate(PUBLISHED)}
        return sorted(self.rows, key=lambda row: places.get(row.name, len(places)))

    def _measured(self) -> str:
        classes = self.settings.get("classes")
        of = f" of {len(classes)} classes" if isinstance(classes, list) else ""
        return f"measured on {sum(self.rows[0].total):,} images{of}, each tested once"

    def _cells(self) -> list[list[str]]:
        head = ["recogniser", "here", "top-1 (95 %)", "by fold", "published, 250 classes"]
        human = [HUMANS, "", "", "", f"{PUBLISHED[HUMANS]:g}"]
        above = [row for row in self._in_order() if (row.published or 0) > PUBLISHED[HUMANS]]
        below = [row for row in self._in_order() if row not in above]
        return [head, *map(_cells_of, above), human, *map(_cells_of, below)]

    def __repr__(self) -> str:
        best = max(self.rows, key=lambda row: row.accuracy)
        return f"RecognizerComparison({len(self.rows)} rows, best {best.name} {100 * best.accuracy:.1f} %)"


def _cells_of(row: ComparedRecognizer) -> list[str]:
    low, high = (100 * bound for bound in row.interval)
    return [
        row.name,
        row.about,
        f"{100 * row.accuracy:.1f} % ({low:.1f} to {high:.1f})",
        ", ".join(f"{100 * share:.1f}" for share in row.by_fold),
        "" if row.published is None else f"{row.published:g}",
    ]


def _bars(names: list[str], values: list[float], series: str, caption: str) -> Chart:
    return Chart(
        [(series, names, values)], "", "recognised, %", caption, (0, 100), kind="bar", size=(1000, 240)
    )
