"""The measured tables of features carried over, beside the published ones of Caltech-101 and Caltech-256."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from sketchwidgets.studies._orderings import Measured, Ordering
from sketchwidgets.studies._result import StudyResult
from sketchwidgets.visualization import Chart, Figure, Section

SOURCE = "Zeiler & Fergus, ECCV 2014, section 5.2 and table 6"
Kind = Literal["softmax", "svm", "scratch"]
_LAST = 7

# Counterpart -> kind, layer, pictures a class -> mean of the accuracies of the classes in per cent, deviation over folds.
PUBLISHED: dict[str, dict[tuple[str, int, int], tuple[float, float]]] = {
    "Caltech-101": {
        ("scratch", 7, 15): (22.8, 1.5),
        ("scratch", 7, 30): (46.5, 1.7),
        ("softmax", 7, 15): (83.8, 0.5),
        ("softmax", 7, 30): (86.5, 0.5),
        ("svm", 1, 30): (44.8, 0.7),
        ("svm", 2, 30): (66.2, 0.5),
        ("svm", 3, 30): (72.3, 0.4),
        ("svm", 4, 30): (76.6, 0.4),
        ("svm", 5, 30): (86.2, 0.8),
        ("svm", 7, 30): (85.5, 0.4),
        ("softmax", 5, 30): (82.9, 0.4),
    },
    "Caltech-256": {
        ("scratch", 7, 15): (9.0, 1.4),
        ("scratch", 7, 30): (22.5, 0.7),
        ("scratch", 7, 45): (31.2, 0.5),
        ("scratch", 7, 60): (38.8, 1.4),
        ("softmax", 7, 15): (65.7, 0.2),
        ("softmax", 7, 30): (70.6, 0.2),
        ("softmax", 7, 45): (72.7, 0.4),
        ("softmax", 7, 60): (74.2, 0.3),
        ("svm", 1, 60): (24.6, 0.4),
        ("svm", 2, 60): (39.6, 0.3),
        ("svm", 3, 60): (46.0, 0.3),
        ("svm", 4, 60): (51.3, 0.1),
        ("svm", 5, 60): (65.6, 0.3),
        ("svm", 7, 60): (71.7, 0.2),
        ("softmax", 5, 60): (65.7, 0.5),
    },
}
TABLE_6 = {"Caltech-101": 85.4, "Caltech-256": 72.6}
"""Softmax on layer 7 a second time, as table 6 has it, of 30 and of 60 pictures a class."""


@dataclass(frozen=True)
class TransferRow:
    """One classifier on one target.

    target : its name. like : the published data set that it stands beside, "Caltech-101" or "Caltech-256".
    kind : "softmax" or "svm" on the fixed features of the first `layer` layers, or "scratch", the whole network
        trained on the target alone. per_class : training pictures of each class.
    accuracies : of each fold, the mean over the classes, in [0, 1]. classes, tested : of the target, pictures of a fold.
    """

    target: str
    like: str
    kind: Kind
    layer: int
    per_class: int
    accuracies: tuple[float, ...]
    classes: int
    tested: int

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind) or self.like not in PUBLISHED:
            raise ValueError(f"{self.target}: no {self.kind!r} like {self.like!r}")
        if not self.accuracies or not all(0 <= share <= 1 for share in self.accuracies):
            raise ValueError(f"{self.name}: accuracies {self.accuracies}")

    @property
    def name(self) -> str:
        """Such as "TU-Berlin, 30 a class: SVM (5)"."""
        return f"{self.target}, {self.per_class} a class: {self.classifier}"

    @property
    def classifier(self) -> str:
        """Such as "SVM (5)"."""
        return {"softmax": f"softmax ({self.layer})", "svm": f"SVM ({self.layer})"}.get(
            self.kind, "from scratch"
        )

    @property
    def mean(self) -> float:
        """Per cent."""
        return 100 * float(np.mean(self.accuracies))

    @property
    def deviation(self) -> float:
        """Of the folds, per cent; 0 of a single one."""
        return 100 * float(np.std(self.accuracies, ddof=1)) if len(self.accuracies) > 1 else 0.0

    @property
    def published(self) -> tuple[float, float] | None:
        """Mean and deviation of the same cell on the counterpart."""
        return PUBLISHED[self.like].get((self.kind, self.layer, self.per_class))

    def measured(self) -> Measured:
        """Per cent, with the interval of the mean over the folds at 95 %."""
        return Measured.mean(self.name, [100 * share for share in self.accuracies])

    def less(self, other: "TransferRow") -> tuple[float, ...]:
        """Per cent less those of another row, fold by fold; none where there are not several of both."""
        if len(self.accuracies) != len(other.accuracies) or len(self.accuracies) < 2:
            return ()
        return tuple(round(100 * (a - b), 4) for a, b in zip(self.accuracies, other.accuracies, strict=True))

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values, with mean, deviation and interval in per cent."""
        found = self.measured()
        return json.loads(json.dumps(asdict(self))) | {
            "name": self.name,
            "mean": round(self.mean, 2),
            "deviation": round(self.deviation, 2),
            "interval": [found.low, found.high],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TransferRow":
        """Inverse of `to_dict`; ValueError or KeyError or TypeError for anything else."""
        return cls(
            str(values["target"]),
            str(values["like"]),
            values["kind"],
            int(values["layer"]),
            int(values["per_class"]),
            tuple(float(share) for share in values["accuracies"]),
            int(values["classes"]),
            int(values["tested"]),
        )


@dataclass(frozen=True, repr=False)
class Transfer(StudyResult[TransferRow]):
    """What features learned elsewhere are worth on other data: section 5.2 and table 6 of Zeiler & Fergus.

    rows : in the order in which they were measured. settings : JSON values.

    >>> row = sw.studies.TransferRow("bees", "Caltech-101", "svm", 5, 30, (0.5, 0.52, 0.51), 10, 200)
    >>> print(sw.studies.Transfer((row,)).table())
    | data | a class | classifier | here, % | published, % |
    | --- | --- | --- | --- | --- |
    | bees | 30 | SVM (5) | 51.0 ± 1.0 | 86.2 ± 0.8 (Caltech-101) |
    """

    _row: ClassVar[type] = TransferRow
    _file: ClassVar[str] = "transfer.json"
    published: ClassVar[Mapping[str, Any]] = {
        "accuracy_percent": [
            {"data": data, "kind": kind, "layer": layer, "per_class": n, "mean": mean, "deviation": deviation}
            for data, cells in PUBLISHED.items()
            for (kind, layer, n), (mean, deviation) in cells.items()
        ],
        "softmax_7_in_table_6": TABLE_6,
        "source": SOURCE,
    }

    def _cells(self) -> list[list[str]]:
        lines = [["data", "a class", "classifier", "here, %", "published, %"]]
        for row in self.rows:
            paper = "" if row.published is None else "{:.1f} ± {:.1f}".format(*row.published)
            lines.append(
                [
                    row.target,
                    str(row.per_class),
                    row.classifier,
                    f"{row.mean:.1f} ± {row.deviation:.1f}",
                    f"{paper} ({row.like})" if paper else "",
                ]
            )
        return lines

    def orderings(self) -> tuple[Ordering, ...]:
        """What section 5.2 and table 6 say, of each target, as far as the rows are there."""
        found: list[Ordering] = []
        for target in self._targets():
            rows = {(row.kind, row.layer, row.per_class): row for row in self.rows if row.target == target}
            for sentence, higher, lower in _sentences(rows):
                like, alone = rows[higher].like, "scratch" in (higher[0], lower[0])
                # Folds of as many training pictures are of the same pictures.
                paired = rows[higher].less(rows[lower]) if higher[2] == lower[2] else ()
                paper = tuple(_paper(like, cell, table_6=not alone) for cell in (higher, lower))
                found.append(
                    Ordering(
                        f"{target}: {sentence}",
                        rows[higher].measured(),
                        rows[lower].measured(),
                        published=None if None in paper else paper,
                        source=SOURCE,
                        differences=paired,
                    )
                )
        return tuple(found)

    def figure(self) -> Figure:
        """Of each target: fixed features against training from scratch, and what each layer is worth."""
        sections = []
        for target in self._targets():
            rows = [row for row in self.rows if row.target == target]
            like = rows[0].like
            charts = [_curves(_counts(rows, like), "training pictures a class", "softmax on layer 7")]
            table = max((row.per_class for row in rows if row.kind == "svm"), default=None)
            if table is not None:
                of_layers = [row for row in rows if row.per_class == table]
                caption = f"first layers that are kept, {table} a class"
                charts.append(_curves(_layers(of_layers, like), "layer", caption))
            facts = f"{rows[0].classes} classes, {len(rows[0].accuracies)} folds; beside {like} as published"
            sections.append(Section(target, charts, facts))
        return Figure("Features carried over", sections)

    def _targets(self) -> list[str]:
        return list(dict.fromkeys(row.target for row in self.rows))

    def __repr__(self) -> str:
        best = max(self.rows, key=lambda row: row.mean)
        return f"Transfer({len(self.rows)} rows, best {best.name} {best.mean:.1f} %)"


Cell = tuple[str, int, int]


def _sentences(rows: Mapping[Cell, TransferRow]) -> Iterable[tuple[str, Cell, Cell]]:
    """What the paper says of these cells, each (sentence, higher, lower), where both are there."""
    said: list[tuple[str, Cell, Cell]] = []
    counts = sorted({n for _, _, n in rows})
    for n in counts:
        carried, alone = ("softmax", _LAST, n), ("scratch", _LAST, n)
        said.append(
            (f"with {n} a class, features learned elsewhere beat training from scratch.", carried, alone)
        )
    few, many = counts[0], counts[-1]
    if few < many:
        said.append(
            (
                f"they do with {few} a class what training from scratch does not with {many}.",
                ("softmax", _LAST, few),
                ("scratch", _LAST, many),
            )
        )
    n = max((n for kind, _, n in rows if kind == "svm"), default=0)
    for below, above in ((1, 2), (2, 3), (3, 4), (4, 5)):
        sentence = f"an SVM on layer {above} is better than on layer {below}."
        said.append((sentence, ("svm", above, n), ("svm", below, n)))
    like = next(iter(rows.values())).like
    if like == "Caltech-256":
        said.append(("an SVM on layer 7 is better than on layer 5.", ("svm", 7, n), ("svm", 5, n)))
        said.append(("a softmax on layer 7 is better than an SVM.", ("softmax", 7, n), ("svm", 7, n)))
    else:
        said.append(("an SVM on layer 5 is no worse than on layer 7.", ("svm", 5, n), ("svm", 7, n)))
    said.append(("a softmax on layer 7 is better than on layer 5.", ("softmax", _LAST, n), ("softmax", 5, n)))
    return [one for one in said if one[1] in rows and one[2] in rows]


def _paper(like: str, cell: Cell, table_6: bool) -> float | None:
    """The published mean; of the softmax on layer 7 there are two, as it was measured twice."""
    found = PUBLISHED[like].get(cell)
    if table_6 and found is not None and cell[:2] == ("softmax", _LAST):
        return TABLE_6[like]
    return None if found is None else found[0]


Curve = tuple[str, list[int], list[float]]


def _counts(rows: Iterable[TransferRow], like: str) -> list[Curve]:
    """By training pictures a class, here and published."""
    series = []
    for kind, name in (("softmax", "pretrained"), ("scratch", "from scratch")):
        here = sorted((row.per_class, row.mean) for row in rows if (row.kind, row.layer) == (kind, _LAST))
        paper = sorted(
            (n, PUBLISHED[like][of, k, n][0]) for of, k, n in PUBLISHED[like] if (of, k) == (kind, _LAST)
        )
        series += [_curve(name, here), _curve(f"{name}, {like}", paper)]
    return [curve for curve in series if curve[1]]


def _layers(rows: Iterable[TransferRow], like: str) -> list[Curve]:
    """By layer, here and published."""
    series = []
    for kind, name in (("svm", "SVM"), ("softmax", "softmax")):
        here = sorted((row.layer, row.mean) for row in rows if row.kind == kind)
        most = max(n for _, _, n in PUBLISHED[like])
        cells = [cell for cell in PUBLISHED[like] if (cell[0], cell[2]) == (kind, most)]
        paper = sorted((cell[1], _paper(like, cell, table_6=True)) for cell in cells)
        series += [_curve(name, here), _curve(f"{name}, {like}", paper)]
    return [curve for curve in series if curve[1]]


def _curve(name: str, points: list[tuple[int, float]]) -> Curve:
    return name, [x for x, _ in points], [y for _, y in points]


def _curves(series: list[Curve], x_label: str, caption: str) -> Chart:
    return Chart(series, x_label, "mean accuracy, %", caption, (0, 100), size=(400, 260))
