"""The measured table of networks without layers and with other widths, beside the published one."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from sketchwidgets.studies._named import NamedRight, check_named, pairs_of
from sketchwidgets.studies._orderings import Measured, Ordering
from sketchwidgets.studies._result import StudyResult
from sketchwidgets.studies.ablation._plan import ANOTHER_SEED
from sketchwidgets.visualization import Chart, Figure, Section

SOURCE = "Zeiler & Fergus, ECCV 2014, table 3"
_KINDS = {"train": "training top-1", "top1": "validation top-1", "top5": "validation top-5"}
_PLAIN, _OURS = "AlexNet", "ZFNet"
_WIDE = "ZFNet, 3 to 5 of 512, 1024, 512"
_BOTH = f"{_WIDE}, 6 and 7 of 8192"
_DEEP, _DENSE, _ALL = (f"AlexNet, {layers} removed" for layers in ("3 and 4", "6 and 7", "3, 4, 6 and 7"))

PUBLISHED = {
    _PLAIN: (35.1, 40.5, 18.1),
    _DEEP: (41.8, 45.4, 22.1),
    "AlexNet, 7 removed": (27.4, 40.0, 18.4),
    _DENSE: (27.4, 44.8, 22.4),
    _ALL: (71.1, 71.3, 50.1),
    "AlexNet, 6 and 7 of 2048": (40.3, 41.7, 18.8),
    "AlexNet, 6 and 7 of 8192": (26.8, 40.0, 18.1),
    _OURS: (33.1, 38.4, 16.5),
    "ZFNet, 6 and 7 of 2048": (38.2, 40.2, 17.6),
    "ZFNet, 6 and 7 of 8192": (22.0, 38.8, 17.0),
    _WIDE: (18.8, 37.5, 16.0),
    _BOTH: (10.0, 38.3, 16.9),
}
"""Errors in per cent on ImageNet 2012: training top-1, validation top-1, validation top-5."""

_LITTLE = 2.0  # points: of the pairs that the paper finds alike, the farthest are 1.8 apart
# Sentence, whose error is higher, the row with the lower one, which error; and where the claim is that it is higher by
# little, what that is.
_ORDERINGS = (
    ("Smaller first filters help: ZFNet errs less than AlexNet.", _PLAIN, _OURS, "top1"),
    ("Without the layers 3 and 4 the error is higher.", _DEEP, _PLAIN, "top1"),
    ("Without the layers 6 and 7 the error is higher.", _DENSE, _PLAIN, "top1"),
    ("Without layer 7 alone the error is hardly higher.", "AlexNet, 7 removed", _PLAIN, "top1", _LITTLE),
    ("Without 3, 4, 6 and 7 it is higher than without 3 and 4: depth matters.", _ALL, _DEEP, "top1"),
    ("Without 3, 4, 6 and 7 it is higher than without 6 and 7.", _ALL, _DENSE, "top1"),
    ("Without 3, 4, 6 and 7 the training is not even learned.", _ALL, _PLAIN, "train"),
    ("Without 6 and 7 the training is learned better.", _PLAIN, _DENSE, "train"),
    (
        "Half the units in 6 and 7 of AlexNet cost little.",
        "AlexNet, 6 and 7 of 2048",
        _PLAIN,
        "top1",
        _LITTLE,
    ),
    (
        "Twice the units in 6 and 7 of AlexNet gain little.",
        _PLAIN,
        "AlexNet, 6 and 7 of 8192",
        "top1",
        _LITTLE,
    ),
    ("Half the units in 6 and 7 of ZFNet cost little.", "ZFNet, 6 and 7 of 2048", _OURS, "top1", _LITTLE),
    ("Twice the units in 6 and 7 of ZFNet gain little.", _OURS, "ZFNet, 6 and 7 of 8192", "top1", _LITTLE),
    ("Wider layers 3 to 5 help.", _OURS, _WIDE, "top1"),
    ("Wider 3 to 5 and 6 and 7 are worse than wider 3 to 5 alone ...", _BOTH, _WIDE, "top1"),
    ("... and learn the training better: they over-fit.", _WIDE, _BOTH, "train"),
)


_NAMED = ("train", "top1")


def _right(values: Mapping[str, Any], kind: str) -> tuple[int, int]:
    """How many pictures are named right, and of how many."""
    total = int(values["train_total" if kind == "train" else "total"])
    return total - int(values[f"{kind}_wrong"]), total


@dataclass(frozen=True)
class LayerRemovalRow:
    """A network of the table.

    name : see `Variant`. parameters : how many it has. steps : of its training.
    train_wrong, train_total : training pictures named wrong, of those that were asked about.
    top1_wrong, top5_wrong, total : validation pictures named wrong, whose class is not among the first five, and all.
    train_named, top1_named : which of them are named right, in the order in which all rows were asked; None if not kept.
    """

    name: str
    parameters: int
    steps: int
    train_wrong: int
    train_total: int
    top1_wrong: int
    top5_wrong: int
    total: int
    train_named: NamedRight | None = None
    top1_named: NamedRight | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.train_wrong <= self.train_total or self.train_total < 1:
            raise ValueError(f"{self.name}: {self.train_wrong} wrong of {self.train_total}")
        if not 0 <= self.top5_wrong <= self.top1_wrong <= self.total or self.total < 1:
            raise ValueError(f"{self.name}: {self.top1_wrong} and {self.top5_wrong} wrong of {self.total}")
        for kind in _NAMED:
            check_named(self.name, getattr(self, f"{kind}_named"), *_right(vars(self), kind))

    def error(self, kind: str) -> Measured:
        """Per cent wrong with Wilson's interval at 95 %; kind is "train", "top1" or "top5"."""
        total = self.train_total if kind == "train" else self.total
        return Measured.share(self.name, getattr(self, f"{kind}_wrong"), total)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values, with the errors and their intervals."""
        errors = {}
        for kind in _KINDS:
            found = self.error(kind)
            errors[kind] = {"percent": found.value, "interval": [found.low, found.high]}
        fields = {name: value for name, value in asdict(self).items() if not name.endswith("_named")}
        kept = {f"{kind}_right": getattr(self, f"{kind}_named") for kind in _NAMED}
        named = {name: value.to_json() for name, value in kept.items() if value is not None}
        return json.loads(json.dumps(fields | {"errors": errors} | named))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "LayerRemovalRow":
        """Inverse of `to_dict`; ValueError or KeyError or TypeError for anything else."""
        counts = ("parameters", "steps", "train_wrong", "train_total", "top1_wrong", "top5_wrong", "total")
        named = (NamedRight.from_json(values.get(f"{kind}_right"), *_right(values, kind)) for kind in _NAMED)
        return cls(str(values["name"]), *(int(values[name]) for name in counts), *named)


@dataclass(frozen=True, repr=False)
class LayerRemoval(StudyResult[LayerRemovalRow]):
    """How much the layers of AlexNet and ZFNet and their widths matter: table 3 of Zeiler & Fergus.

    rows : in the order of the table, all measured on the same pictures. settings : JSON values.

    >>> row = sw.studies.LayerRemovalRow("ZFNet", 1000, 500, 10, 100, 20, 5, 100)
    >>> print(sw.studies.LayerRemoval((row,)).table())
    | network | parameters | training error, % | validation error, % (95 %) | of five, % | published |
    | --- | --- | --- | --- | --- | --- |
    | ZFNet | 1,000 | 10.0 | 20.0 (13.3 to 28.9) | 5.0 | 33.1 / 38.4 / 16.5 |
    """

    _row: ClassVar[type] = LayerRemovalRow
    _file: ClassVar[str] = "layer-removal.json"
    published: ClassVar[Mapping[str, Any]] = {
        "errors_percent": {
            name: dict(zip(_KINDS, errors, strict=True)) for name, errors in PUBLISHED.items()
        },
        "source": SOURCE,
    }

    def _cells(self) -> list[list[str]]:
        lines = [
            [
                "network",
                "parameters",
                "training error, %",
                "validation error, % (95 %)",
                "of five, %",
                "published",
            ]
        ]
        for row in self.rows:
            train, top1, top5 = (row.error(kind) for kind in _KINDS)
            published = PUBLISHED.get(row.name)
            lines.append(
                [
                    row.name,
                    f"{row.parameters:,}",
                    f"{train.value:.1f}",
                    f"{top1.value:.1f} ({top1.low:.1f} to {top1.high:.1f})",
                    f"{top5.value:.1f}",
                    "" if published is None else " / ".join(f"{error:.1f}" for error in published),
                ]
            )
        return lines

    def orderings(self) -> tuple[Ordering, ...]:
        """What section 5.1 of the paper reads in the table, as far as both rows are there; "higher" is the error."""
        found = []
        for sentence, higher, lower, kind, *margin in _ORDERINGS:
            rows = self.get(higher), self.get(lower)
            if None in rows:
                continue
            place = list(_KINDS).index(kind)
            pairs = pairs_of(*(getattr(row, f"{kind}_named") for row in rows))
            found.append(
                Ordering(
                    f"{sentence[:-1]} ({_KINDS[kind]})." if kind == "train" else sentence,
                    *(row.error(kind) for row in rows),
                    published=(PUBLISHED[higher][place], PUBLISHED[lower][place]),
                    source=SOURCE,
                    margin=margin[0] if margin else None,
                    pairs=None if pairs is None else pairs.errors,
                    chance=self._chance(kind),
                )
            )
        return tuple(found)

    def _chance(self, kind: str) -> int:
        """The most pictures by which a network trained with another seed errs more or less; 0 where none is."""
        again = [row for row in self.rows if row.name.endswith(ANOTHER_SEED)]
        pairs = [(row, self.get(row.name.removesuffix(ANOTHER_SEED))) for row in again]
        wrong = [tuple(getattr(row, f"{kind}_wrong") for row in pair) for pair in pairs if None not in pair]
        return max((abs(first - second) for first, second in wrong), default=0)

    def figure(self) -> Figure:
        """Errors here and as published, a bar for each network."""
        names = [row.name for row in self.rows]
        charts = []
        for kind in ("top1", "train"):
            here = [row.error(kind).value for row in self.rows]
            place = list(_KINDS).index(kind)
            paper = [PUBLISHED[name][place] if name in PUBLISHED else float("nan") for name in names]
            series = [("here", _short(names), here), ("published", _short(names), paper)]
            charts.append(
                Chart(series, "", "error, %", f"{_KINDS[kind]} error", (0, 100), kind="bar", size=(760, 260))
            )
        sections = [Section("", charts[:1]), Section("", charts[1:]), Section("", (), self._measured())]
        return Figure("Layers removed, widths changed", sections)

    def _measured(self) -> str:
        classes = self.settings.get("classes")
        chance = f", chance {100 - 100 / classes:.1f} % wrong" if classes else ""
        return (
            f"here: {self.rows[0].total:,} pictures{f' of {classes} classes' if classes else ''}{chance}; "
            f"published: ImageNet, 1000 classes ({SOURCE})"
        )

    def __repr__(self) -> str:
        best = min(self.rows, key=lambda row: row.top1_wrong)
        return f"LayerRemoval({len(self.rows)} rows, least error {best.name} {best.error('top1').value} %)"


_UNDER_BARS = {
    _DEEP: "A -3,4",
    "AlexNet, 7 removed": "A -7",
    _DENSE: "A -6,7",
    _ALL: "A -3,4,6,7",
    "AlexNet, 6 and 7 of 2048": "A fc 2048",
    "AlexNet, 6 and 7 of 8192": "A fc 8192",
    "ZFNet, 6 and 7 of 2048": "Z fc 2048",
    "ZFNet, 6 and 7 of 8192": "Z fc 8192",
    _WIDE: "Z wide",
    _BOTH: "Z both",
    f"AlexNet{ANOTHER_SEED}": "A seed",
    f"ZFNet{ANOTHER_SEED}": "Z seed",
}


def _short(names: list[str]) -> list[str]:
    """Names that fit under bars."""
    return [_UNDER_BARS.get(name, name) for name in names]
