"""The measured table of Sketch-a-Net's choices."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from sketchwidgets.studies._named import NamedRight, check_named, pairs_of
from sketchwidgets.studies._orderings import Measured, Ordering
from sketchwidgets.studies._paired import Pairs, sign_test
from sketchwidgets.studies._result import StudyResult
from sketchwidgets.training.evaluation.intervals import wilson
from sketchwidgets.visualization import Chart, Figure, Section

_BMVC, _IJCV = "Yu et al., BMVC 2015", "Yu et al., IJCV 2017"

PUBLISHED = {
    "Joint Bayesian of 5": 74.9,
    "score fusion of 5": 74.1,
    "feature fusion of 5": 72.8,
    "six channels": 72.6,
    "one channel": 72.2,
}
"""Top-1, per cent; the fusions are of networks with six channels at five resolutions."""
PUBLISHED_ON = (
    f"TU-Berlin, 250 classes, three folds ({_BMVC}); the fusions are of six channels at five resolutions"
)
_JOINT, _SCORE, _FEATURE, _ORDER, _ONE = PUBLISHED.values()

# What the papers say of a choice; higher, lower (None: the first row; a fusion by the beginning of its name); their
# numbers; where. The gain of 3x3 pools is about one point in the text.
_LITTLE = 2.0  # points
_CLAIMS: tuple[tuple[str, str | None, str | None, tuple[float, float] | None, str], ...] = (
    ("First filters of 15 are better than AlexNet's of 11.", None, "first filters of 11", None, _BMVC),
    ("First filters of 15 are better than ZFNet's of 7.", None, "first filters of 7", None, _BMVC),
    ("First filters of 15 are better than those of 3.", None, "first filters of 3", None, _BMVC),
    ("Pools of 3 that overlap are better than pools of 2.", None, "pools of 2", None, _BMVC),
    ("Without response normalisation it is hardly worse.", "response normalisation", None, None, _BMVC),
    ("The order of the strokes helps.", "six channels", None, (_ORDER, _ONE), _BMVC),
    ("Shifts and mirror images help.", None, "no augmentation", None, _BMVC),
    ("Removing strokes helps.", "stroke removal", None, None, _IJCV),
    ("Deforming strokes helps.", "local deformation", None, None, _IJCV),
    ("Deforming the whole sketch helps.", "global deformation", None, None, _IJCV),
    ("All changes of strokes together help.", "all three", None, None, _IJCV),
    ("Five scales, fused, are better than one.", "Joint Bayesian", None, (_JOINT, _ORDER), _BMVC),
    ("Joint Bayesian fusion is better than that of scores.", "Joint Bayesian", "score fusion", (_JOINT, _SCORE), _BMVC),
    ("Fusion of scores is better than of features.", "score fusion", "feature fusion", (_SCORE, _FEATURE), _BMVC),
)  # fmt: skip


@dataclass(frozen=True)
class ChoiceRow:
    """One network, or several fused.

    name, kind : what is chosen otherwise than in the first row.
    right : test drawings that are named right, of `total`.
    gained, lost : drawings that this one names right and the first row does not, and the reverse.
    parameters : of the network, or of all that are fused.
    named : which drawings are named right, in the order in which all rows were asked; None if not kept.

    Raises ValueError for counts that cannot be.
    """

    name: str
    kind: str
    right: int
    total: int
    gained: int
    lost: int
    parameters: int
    named: NamedRight | None = None

    def __post_init__(self) -> None:
        fine = 0 <= self.right <= self.total and self.total and self.gained >= 0 <= self.lost
        if not fine or self.gained > self.right or self.lost > self.wrong:
            raise ValueError(
                f"{self.name} counts {self.right} of {self.total}, {self.gained} gained and {self.lost} lost"
            )
        check_named(self.name, self.named, self.right, self.total)

    @property
    def wrong(self) -> int:
        """Drawings that are named otherwise than they should be."""
        return self.total - self.right

    @property
    def accuracy(self) -> float:
        """Share of the drawings that is named right."""
        return self.right / self.total

    @property
    def p_value(self) -> float:
        """Of McNemar's exact test against the first row."""
        return sign_test(self.gained, self.lost)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values, with what follows from them."""
        interval = [round(bound, 4) for bound in wilson(self.right, self.total)]
        return {
            **{name: value for name, value in asdict(self).items() if name != "named"},
            "accuracy": round(self.accuracy, 4),
            "interval": interval,
            "p_value": float(f"{self.p_value:.2g}"),
            **({} if self.named is None else {"named_right": self.named.to_json()}),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ChoiceRow":
        """Inverse of `to_dict`; ValueError, KeyError or TypeError for anything else."""
        numbers = [int(values[name]) for name in ("right", "total", "gained", "lost", "parameters")]
        named = NamedRight.from_json(values.get("named_right"), *numbers[:2])
        return cls(str(values["name"]), str(values["kind"]), *numbers, named)


@dataclass(frozen=True, repr=False)
class ChoicesResult(StudyResult[ChoiceRow]):
    """How often Sketch-a-Net is right as it is, the first row, and with each of its choices made otherwise.

    >>> rows = [sw.studies.ChoiceRow("Sketch-a-Net", "seed", 700, 1000, 0, 0, 9)]
    >>> rows += [sw.studies.ChoiceRow("pools of 2", "pooling", 690, 1000, 40, 50, 9)]
    >>> result = sw.studies.ChoicesResult(tuple(rows))
    >>> print(result.table())
    | Sketch-a-Net, and what is changed | choice | top-1 (95 %) | against the first row | p | parameters |
    | --- | --- | --- | --- | --- | --- |
    | Sketch-a-Net |  | 70.0 % (67.1 to 72.8) |  |  | 9 |
    | pools of 2 | pooling | 69.0 % (66.1 to 71.8) | -1.0 (+40 -50) | 0.34 | 9 |
    >>> result.orderings()[0].holds
    'undecided'
    """

    _row: ClassVar[type] = ChoiceRow
    _file: ClassVar[str] = "sketch-a-net-choices.json"
    published: ClassVar[Mapping[str, Any]] = {"top1_percent": PUBLISHED, "data": PUBLISHED_ON}

    def __post_init__(self) -> None:
        if len({row.total for row in self.rows}) > 1:
            raise ValueError("rows were measured on different numbers of drawings")
        super().__post_init__()

    def orderings(self) -> tuple[Ordering, ...]:
        """What the papers say of each choice, checked drawing by drawing where that is known of the two rows.

        Of the first row and any other it always is, by what that one gains and loses.
        """
        return tuple(found for claim in _CLAIMS if (found := self._ordering(*claim)) is not None)

    def _ordering(
        self,
        sentence: str,
        higher: str | None,
        lower: str | None,
        numbers: tuple[float, float] | None,
        source: str,
    ) -> Ordering | None:
        first, second = self._found(higher), self._found(lower)
        if first is None or second is None:
            return None
        rows = [Measured.share(row.name, row.right, row.total) for row in (first, second)]
        pairs = pairs_of(first.named, second.named)
        if second is self.rows[0]:
            pairs = Pairs(first.right - first.gained, first.gained, first.lost, first.wrong - first.lost)
        elif first is self.rows[0]:
            pairs = Pairs(
                second.right - second.gained, second.lost, second.gained, second.wrong - second.lost
            )
        seed = next((row for row in self.rows[1:] if row.kind == "seed"), None)
        chance = 0 if seed is None else abs(seed.gained - seed.lost)
        margin = _LITTLE if "hardly" in sentence else None
        return Ordering(sentence, *rows, numbers, source, margin, pairs=pairs, chance=chance)

    def _found(self, name: str | None) -> ChoiceRow | None:
        if name is None:
            return self.rows[0]
        return next(
            (row for row in self.rows if row.name == name or row.name.startswith(f"{name} of ")), None
        )

    def figure(self) -> Figure:
        """Accuracy by choice, with the first row in every chart, beside the published numbers."""
        base, sections = self.rows[0], []
        kinds = list(dict.fromkeys(row.kind for row in self.rows[1:]))
        for group, names in (
            ("The network", ("first filters", "normalisation", "pooling", "stroke order", "seed")),
            ("What it learns from", ("augmentation",)),
            ("Resolutions and their fusion", ("scale", "fusion")),
        ):
            rows = [base, *(row for row in self.rows[1:] if row.kind in names)]
            if set(names) & set(kinds):
                sections.append(Section(group, [_bars([(r.name, 100 * r.accuracy) for r in rows], "here")]))
        published = [_bars(list(PUBLISHED.items()), "published")]
        sections.append(Section("Published, on other data", published, PUBLISHED_ON))
        return Figure("Sketch-a-Net's choices", [*sections, Section("", (), self._measured())])

    def _measured(self) -> str:
        classes = self.settings.get("classes")
        of = f" of {len(classes)} classes" if isinstance(classes, list) else ""
        trained = self.settings.get("training_drawings")
        after = f", trained on {trained:,}" if isinstance(trained, int) else ""
        return f"measured on {self.rows[0].total:,} drawings{of}{after}"

    def _cells(self) -> list[list[str]]:
        head = ["Sketch-a-Net, and what is changed", "choice", "top-1 (95 %)", "against the first row", "p"]
        lines = [[*head, "parameters"]]
        first = self.rows[0]
        for row in self.rows:
            low, high = (100 * bound for bound in wilson(row.right, row.total))
            change = f"{100 * (row.accuracy - first.accuracy):+.1f} (+{row.gained} -{row.lost})"
            lines.append(
                [
                    row.name,
                    "" if row is first else row.kind,
                    f"{100 * row.accuracy:.1f} % ({low:.1f} to {high:.1f})",
                    "" if row is first else change,
                    "" if row is first else f"{row.p_value:.2g}",
                    f"{row.parameters:,}",
                ]
            )
        return lines

    def __repr__(self) -> str:
        best = max(self.rows, key=lambda row: row.right)
        return f"ChoicesResult({len(self.rows)} rows, best {best.name} {100 * best.accuracy:.1f} %)"


def _bars(values: list[tuple[str, float]], name: str) -> Chart:
    names, numbers = zip(*values, strict=True)
    return Chart(
        [(name, list(names), list(numbers))], "", "recognised, %", name, (0, 100), kind="bar", size=(960, 240)
    )
