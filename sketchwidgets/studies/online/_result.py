"""The measured table of the online recognisers, which draws itself beside the published one."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from sketchwidgets.studies._named import NamedRight, check_named, pairs_of
from sketchwidgets.studies._orderings import Measured, Ordering
from sketchwidgets.studies._result import StudyResult
from sketchwidgets.studies._tables import markdown
from sketchwidgets.studies.online._plan import ANOTHER_SEED
from sketchwidgets.training.evaluation.intervals import wilson
from sketchwidgets.training.evaluation.shares import SHARES
from sketchwidgets.visualization import Chart, Figure, Section

PUBLISHED = {
    "AlexNet + GRU 3600": 85.1,
    "AlexNet alone": 83.9,
    "AlexNet + LSTM": 82.5,
    "Sketch-a-Net alone": 81.4,
    "Sketch-a-Net + GRU": 79.1,
    "Sketch-a-Net + LSTM": 78.8,
}
"""Average accuracy, per cent, in table 1 of Sarvadevabhatla et al. (MM 2016): 160 classes of TU-Berlin."""
PUBLISHED_ON = "160 classes of TU-Berlin, 14 drawings of each (Sarvadevabhatla et al., MM 2016, table 1)"

_CLAIMS = (
    ("On AlexNet's features a GRU recognises more than an LSTM.", "AlexNet + GRU 3600", "AlexNet + LSTM"),
    ("On Sketch-a-Net's a GRU recognises more than an LSTM.", "Sketch-a-Net + GRU", "Sketch-a-Net + LSTM"),
    ("AlexNet recognises more than Sketch-a-Net, each alone.", "AlexNet alone", "Sketch-a-Net alone"),
    ("AlexNet recognises more than Sketch-a-Net, with a GRU.", "AlexNet + GRU 3600", "Sketch-a-Net + GRU"),
    ("AlexNet recognises more than Sketch-a-Net, with an LSTM.", "AlexNet + LSTM", "Sketch-a-Net + LSTM"),
    ("AlexNet with a GRU recognises more than AlexNet alone.", "AlexNet + GRU 3600", "AlexNet alone"),
    ("AlexNet with an LSTM recognises less than AlexNet alone.", "AlexNet alone", "AlexNet + LSTM"),
    ("Sketch-a-Net with a GRU recognises less than it alone.", "Sketch-a-Net alone", "Sketch-a-Net + GRU"),
    ("Sketch-a-Net with an LSTM recognises less than it alone.", "Sketch-a-Net alone", "Sketch-a-Net + LSTM"),
)
"""What table 1 reports: a sentence, and its higher and its lower line."""


@dataclass(frozen=True)
class OnlineRow:
    """One recogniser of the table.

    cnn : name of the CNN. cell : "gru" or "lstm", None for the CNN alone, which sees the canvas after each stroke.
    hidden_size, weighting : of the recurrent part and of its loss, None for the CNN alone.
    right : drawings that are recognised after 10, 20, ... 100 % of their strokes. top5 : those with the class among the
        first five at the end. total : drawings that were measured on.
    average_accuracy : the mean over the classes of the share that is recognised at the end, the paper's measure.
    parameters : of the CNN without its classifier, or with it where it is alone, and of the recurrent part.
    milliseconds : a stroke, of the CNN and of the recurrent part, on the same device; the fastest of several.
    another_seed : whether it is the row of that name trained once more.
    named : which drawings are recognised at the end, in the order in which all rows were asked; None if not kept.
    device : "cpu" or "cuda", of which the milliseconds are; None of a version that did not say.
    """

    cnn: str
    cell: str | None
    hidden_size: int | None
    weighting: str | None
    right: tuple[int, ...]
    top5: int
    total: int
    average_accuracy: float
    parameters: tuple[int, int]
    milliseconds: tuple[float, float]
    named: NamedRight | None = None
    another_seed: bool = False
    device: str | None = None

    def __post_init__(self) -> None:
        if len(self.right) != len(SHARES) or not all(0 <= n <= self.total for n in (*self.right, self.top5)):
            raise ValueError(f"{self.name} counts {self.right} and {self.top5} of {self.total}")
        check_named(self.name, self.named, self.right[-1], self.total)

    @property
    def name(self) -> str:
        """The row's name in the table, such as "AlexNet + GRU 512, linear"."""
        if self.cell is None:
            return f"{self.cnn} alone"
        again = ANOTHER_SEED if self.another_seed else ""
        return f"{self.cnn} + {self.cell.upper()} {self.hidden_size}, {self.weighting}{again}"

    @property
    def line(self) -> str:
        """The published table's line that it belongs to, such as "AlexNet + GRU"."""
        return f"{self.cnn} alone" if self.cell is None else f"{self.cnn} + {self.cell.upper()}"

    @property
    def by_share(self) -> np.ndarray:
        """(10,) float64, the share of drawings that is recognised after 10, 20, ... 100 % of the strokes."""
        return np.array(self.right) / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval at 95 % of the share that is recognised at the end."""
        return wilson(self.right[-1], self.total)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values, with what follows from them: accuracies and intervals at 95 %."""
        intervals = [[round(bound, 4) for bound in wilson(n, self.total)] for n in self.right]
        apart = ("named", "another_seed", "device")
        fields = {name: value for name, value in asdict(self).items() if name not in apart}
        return json.loads(json.dumps(fields)) | {
            "name": self.name,
            "by_share": dict(zip(map(str, SHARES), self.by_share.round(4).tolist(), strict=True)),
            "by_share_intervals": dict(zip(map(str, SHARES), intervals, strict=True)),
            "mean_over_shares": round(float(self.by_share.mean()), 4),
            "top5_interval": [round(bound, 4) for bound in wilson(self.top5, self.total)],
            **({} if self.named is None else {"named_right": self.named.to_json()}),
            **({"another_seed": True} if self.another_seed else {}),
            **({} if self.device is None else {"device": self.device}),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "OnlineRow":
        """Inverse of `to_dict`; ValueError or KeyError or TypeError for anything else."""
        right, total = tuple(map(int, values["right"])), int(values["total"])
        return cls(
            str(values["cnn"]),
            None if values["cell"] is None else str(values["cell"]),
            None if values["hidden_size"] is None else int(values["hidden_size"]),
            None if values["weighting"] is None else str(values["weighting"]),
            right,
            int(values["top5"]),
            total,
            float(values["average_accuracy"]),
            _pair(int, values["parameters"]),
            _pair(float, values["milliseconds"]),
            NamedRight.from_json(values.get("named_right"), right[-1] if right else 0, total),
            bool(values.get("another_seed", False)),
            None if values.get("device") is None else str(values["device"]),
        )


@dataclass(frozen=True)
class OnlineRecognition(StudyResult[OnlineRow]):
    """How often each recogniser names a drawing that is still being drawn: figure 2 and table 1 of the MM 2016 paper.

    rows : in the order in which they were measured, all on the same drawings.
    settings : data, counts, seed, recipes, versions, processor time: JSON values.

    >>> row = sw.studies.OnlineRow("AlexNet", "gru", 512, "linear", (10,) * 5 + (60,) * 5, 80, 100, 0.6, (9, 1), (8, 1))
    >>> print(sw.studies.OnlineRecognition((row,)).table(shares=(50, 100)))
    | recogniser | average accuracy | top-1 (95 %) | top-5 | at 50 % | at 100 % | mean | parameters | ms a stroke |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | AlexNet + GRU 512, linear | 60.0 % | 60.0 % (50.2 to 69.1) | 80.0 % | 10.0 | 60.0 | 35.0 | 9 + 1 | 8.0 + 1.0 |
    """

    _row: ClassVar[type] = OnlineRow
    _file: ClassVar[str] = "online-recognition.json"
    published: ClassVar[Mapping[str, Any]] = {"average_accuracy_percent": PUBLISHED, "data": PUBLISHED_ON}

    def __post_init__(self) -> None:
        if len({row.total for row in self.rows}) > 1:
            raise ValueError("rows were measured on different numbers of drawings")
        super().__post_init__()

    def table(self, shares: Iterable[int] = SHARES) -> str:
        """The rows in Markdown, with the accuracy after these shares of the strokes, in per cent."""
        return markdown(self._cells(tuple(shares)))

    def figure(self) -> Figure:
        """Accuracy by share of strokes, what cell, weighting and size make of it, and the published table."""
        once = self._once()
        first = next((row for row in once if row.cell), None)
        sections = [Section("", [self._curves(_plain(once, first), "recognised by share of the strokes")])]
        charts = []
        for what, caption in (
            ("weighting", "what a step counts in the loss"),
            ("hidden_size", "units of the recurrent part"),
        ):
            rows = _varying(once, first, what)
            if len(rows) > 1:
                charts.append(self._curves(rows, caption, lambda row, what=what: str(getattr(row, what))))
        if charts:
            sections.append(Section(f"{first.cnn} + {first.cell.upper()}", charts))
        bars = ("published", list(PUBLISHED), list(PUBLISHED.values()))
        published = Chart(
            [bars], "", "average accuracy, %", "published", (0, 100), kind="bar", size=(720, 220)
        )
        sections.append(Section("Published, on another data set", [published], PUBLISHED_ON))
        return Figure("Recognition stroke by stroke", [*sections, Section("", (), self._measured())])

    def _curves(
        self, rows: Iterable[OnlineRow], caption: str, name: Callable[[OnlineRow], str] = lambda row: row.name
    ) -> Chart:
        series = [(name(row), list(SHARES), 100 * row.by_share) for row in rows]
        return Chart(series, "% of the strokes", "recognised, %", caption, (0, 100), size=(480, 280))

    def orderings(self) -> tuple[Ordering, ...]:
        """What table 1 reports, each pair at one size and weighting, by the share that is recognised at the end."""
        return tuple(found for claim in _CLAIMS if (found := self._ordering(*claim)) is not None)

    def _ordering(self, sentence: str, higher: str, lower: str) -> Ordering | None:
        once = self._once()
        for first in filter(lambda row: row.line == higher.removesuffix(" 3600"), once):
            for second in filter(lambda row: row.line == lower.removesuffix(" 3600"), once):
                sizes = {(row.hidden_size, row.weighting) for row in (first, second) if row.cell is not None}
                if len(sizes) < 2:
                    rows = [Measured.share(row.name, row.right[-1], row.total) for row in (first, second)]
                    pairs = pairs_of(first.named, second.named)
                    numbers = PUBLISHED[higher], PUBLISHED[lower]
                    return Ordering(
                        sentence, *rows, numbers, PUBLISHED_ON, pairs=pairs, chance=self._chance()
                    )
        return None

    def _once(self) -> list[OnlineRow]:
        """The rows without those that are trained once more."""
        return [row for row in self.rows if not row.another_seed]

    def _chance(self) -> int:
        """The most drawings by which a recurrent part trained with another seed differs; 0 where none is."""
        again = [
            (row, self.get(row.name.removesuffix(ANOTHER_SEED))) for row in self.rows if row.another_seed
        ]
        right = [(row.right[-1], first.right[-1]) for row, first in again if first is not None]
        return max((abs(one - other) for one, other in right), default=0)

    def _cells(self, shares: tuple[int, ...] = (20, 50, 80, 100)) -> list[list[str]]:
        columns = [SHARES.index(share) for share in shares]
        head = ["recogniser", "average accuracy", "top-1 (95 %)", "top-5"]
        head += [*(f"at {share} %" for share in shares), "mean", "parameters", "ms a stroke"]
        return [head, *(_cells_of(row, columns) for row in self.rows)]

    def __repr__(self) -> str:
        best = max(self.rows, key=lambda row: row.average_accuracy)
        return (
            f"OnlineRecognition({len(self.rows)} rows, best {best.name} {100 * best.average_accuracy:.1f} %)"
        )

    def _measured(self) -> str:
        of = self.settings.get("classes")
        return f"measured on {self.rows[0].total:,} held-out drawings{f' of {of} classes' if of else ''}"


def _cells_of(row: OnlineRow, columns: list[int]) -> list[str]:
    low, high = (100 * bound for bound in row.interval)
    by_share = 100 * row.by_share
    return [
        row.name,
        f"{100 * row.average_accuracy:.1f} %",
        f"{by_share[-1]:.1f} % ({low:.1f} to {high:.1f})",
        f"{100 * row.top5 / row.total:.1f} %",
        *(f"{by_share[column]:.1f}" for column in columns),
        f"{by_share.mean():.1f}",
        " + ".join(f"{n:,}" for n in row.parameters if n),
        " + ".join(f"{ms:.1f}" for ms in row.milliseconds if ms)
        + ("" if row.device in (None, "cpu") else f" ({row.device})"),
    ]


def _pair(kind: type, values: Any) -> tuple[Any, Any]:
    first, second = values
    return kind(first), kind(second)


def _plain(rows: Iterable[OnlineRow], first: OnlineRow | None) -> list[OnlineRow]:
    """The CNNs alone, and the cells of the first recurrent row's size and weighting on all of them."""
    return [
        row
        for row in rows
        if row.cell is None or (row.hidden_size, row.weighting) == (first.hidden_size, first.weighting)
    ]


def _varying(rows: Iterable[OnlineRow], first: OnlineRow | None, what: str) -> list[OnlineRow]:
    """Rows that differ from the first recurrent one by this field alone."""
    if first is None:
        return []
    same = [name for name in ("cnn", "cell", "hidden_size", "weighting") if name != what]
    return [row for row in rows if all(getattr(row, name) == getattr(first, name) for name in same)]
