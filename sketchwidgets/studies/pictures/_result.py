"""Tables of pictures: a row of drawings for each method, or for each network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from sketchwidgets.studies._orderings import Measured, Ordering
from sketchwidgets.studies._result import StudyResult
from sketchwidgets.studies.pictures._encoding import decode
from sketchwidgets.studies.pictures._maps import ABOUT
from sketchwidgets.visualization import Figure, Section, Tile

SOURCE = "Grün et al. (ICML workshop 2016): pictures, without numbers"
_KINDS = ("drawing", "heat", "picture")
_SIDE = 112
_OVERLAY = 0.8  # of the strongest heat over a drawing
_FINE_TUNED = ", fine-tuned"
_MEASURES = ("on_ink", "other_class", "untrained")


@dataclass(frozen=True)
class PictureRow:
    """A method or a network, on the drawings of the table.

    network, method : of whom, and how. kind : "drawing", what the network sees; "heat", a map that is laid over it;
        "picture", what is seen in place of it.
    pictures : of the drawings that are shown, uint8 as text. under : what heat is laid over, as text.
    captions : one for each.
    on_ink : of each drawing measured, the share of the map near ink. other_class : the rank correlation, near ink, of the
        map with that of the second most probable class. untrained : that with the map of the same network before
        training. Each is empty where it was not measured.
    """

    network: str
    method: str
    kind: str
    pictures: tuple[str, ...]
    under: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    on_ink: tuple[float, ...] = ()
    other_class: tuple[float, ...] = ()
    untrained: tuple[float, ...] = ()
    right: int | None = None
    total: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ValueError(f"kind must be one of {', '.join(_KINDS)}, not {self.kind!r}")
        count = len(self.pictures)
        if (
            not count
            or len(self.captions) not in (0, count)
            or len(self.under) != (count if self.kind == "heat" else 0)
        ):
            raise ValueError(f"{self.name} has {count} pictures, {len(self.under)} drawings under them")
        for text in (*self.pictures, *self.under):
            decode(text)
        if (self.right is None) != (self.total is None) or not 0 <= (self.right or 0) <= (self.total or 0):
            raise ValueError(f"{self.name} cannot be right {self.right} times of {self.total}")

    @property
    def name(self) -> str:
        """Such as "SketchResNet, guided backprop"."""
        return f"{self.network}, {self.method}"

    def measured(self, what: str) -> Measured:
        """The mean of "on_ink", "other_class" or "untrained" over the drawings, with its 95 % interval."""
        return Measured.mean(self.name, getattr(self, what), digits=3)

    def less(self, other: "PictureRow", what: str) -> tuple[float, ...]:
        """What `measured` is the mean of, less that of another row, drawing by drawing; none of a single drawing."""
        first, second = getattr(self, what), getattr(other, what)
        if len(first) != len(second) or len(first) < 2:
            return ()
        return tuple(round(a - b, 6) for a, b in zip(first, second, strict=True))

    def top1(self) -> Measured | None:
        """Per cent of the drawings that are named right, where that was measured."""
        return None if not self.total else Measured.share(self.name, self.right, self.total)

    def tiles(self) -> list[Tile]:
        """One for each drawing."""
        captions = self.captions or ("",) * len(self.pictures)
        made = []
        for k, text in enumerate(self.pictures):
            values = decode(text)
            about = {"caption": captions[k], "description": f"{self.name}, drawing {k + 1}"}
            if self.kind == "heat":
                over = decode(self.under[k])
                made.append(
                    Tile.heat(
                        values / 255, low=0, high=1, over=over, alpha=_OVERLAY, fade=True, ramp=None, **about
                    )
                )
            else:
                made.append(Tile(values, smooth=True, **about))
        return made

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values, with the means and their 95 % intervals."""
        fields = {
            key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()
        }
        found = {what: self.measured(what) for what in _MEASURES if getattr(self, what)}
        return fields | {"means": {what: [m.value, m.low, m.high] for what, m in found.items()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PictureRow":
        """Inverse of `to_dict`; ValueError, KeyError or TypeError for anything else."""
        texts = (tuple(map(str, values[key])) for key in ("pictures", "under", "captions"))
        numbers = (tuple(map(float, values[key])) for key in _MEASURES)
        named = (values.get(key) for key in ("right", "total"))
        named = (None if value is None else int(value) for value in named)
        return cls(
            str(values["network"]), str(values["method"]), str(values["kind"]), *texts, *numbers, *named
        )


@dataclass(frozen=True)
class _PictureTable(StudyResult[PictureRow]):
    """Rows of pictures, all of the same drawings."""

    _row: ClassVar[type] = PictureRow
    _title: ClassVar[str] = ""
    published: ClassVar[Mapping[str, Any]] = {"source": SOURCE}

    def __post_init__(self) -> None:
        super().__post_init__()
        if len({len(row.pictures) for row in self.rows}) > 1:
            raise ValueError("rows show different numbers of drawings")

    def figure(self) -> Figure:
        """The table: a row for each, a column for each drawing. It can be saved as SVG, PNG and PDF."""
        sections = [
            Section(self._heading(row), row.tiles(), self._caption(row), len(row.pictures), _SIDE)
            for row in self.rows
        ]
        return Figure(self._title, sections)

    def _heading(self, row: PictureRow) -> str:
        raise NotImplementedError

    def _caption(self, row: PictureRow) -> str:
        return ""

    def _above(
        self, sentence: str, what: str, higher: str, lower: Sequence[str], source: str
    ) -> tuple[Ordering, ...]:
        """That a row's mean is above those of others, as far as all of them are there."""
        first = self.get(higher)
        found = []
        for name in lower:
            second = self.get(name)
            if first is not None and second is not None:
                said = sentence.format(second.method)
                rows = first.measured(what), second.measured(what)
                found.append(Ordering(said, *rows, None, source, differences=first.less(second, what)))
        return tuple(found)

    def _numbers(self, row: PictureRow) -> list[str]:
        cells = []
        if any(other.total for other in self.rows):
            top1 = row.top1()
            cells.append("" if top1 is None else f"{top1.value:.1f} % ({top1.low:.1f} to {top1.high:.1f})")
        for what in _MEASURES:
            if not any(getattr(other, what) for other in self.rows):
                continue
            if not getattr(row, what):
                cells.append("")
                continue
            mean = row.measured(what)
            cells.append(f"{mean.value:.2f} ({mean.low:.2f} to {mean.high:.2f})")
        return cells

    def _cells(self) -> list[list[str]]:
        titles = {
            "on_ink": "share on ink (95 %)",
            "other_class": "correlation with another class",
            "untrained": "correlation with the untrained network",
        }
        head = [titles[what] for what in _MEASURES if any(getattr(row, what) for row in self.rows)]
        if any(row.total for row in self.rows):
            head.insert(0, "top-1 (95 %)")
        rows = [row for row in self.rows if row.kind == "heat"]
        return [["map", *head], *([row.name, *self._numbers(row)] for row in rows)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.rows)} rows of {len(self.rows[0].pictures)} drawings)"


@dataclass(frozen=True, repr=False)
class MethodComparison(_PictureTable):
    """One network by every method: input modification, deconvolution and input reconstruction.

    rows : the drawings, and each method. settings : network, drawings by key_id, seed, versions: JSON values.
    """

    _file: ClassVar[str] = "method-comparison.json"
    _title: ClassVar[str] = "What speaks for the class, by each method"

    def orderings(self) -> tuple[Ordering, ...]:
        """Which maps lie on the lines, and which hardly depend on the class that they are of."""
        network = self.rows[0].network
        names = {method: f"{network}, {method}" for method in ABOUT}
        return (
            *self._above(
                "Guided backprop's maps are cleaner, more on the lines, than those of {}.",
                "on_ink",
                names["guided backprop"],
                [names["gradient"], names["deconvnet"]],
                "Springenberg et al. (2015), figure 3; Grün et al. (2016): pictures",
            ),
            *self._above(
                "Deconvnet's maps depend less on the class than those of {}: they are more alike for two classes.",
                "other_class",
                names["deconvnet"],
                [names["gradient"]],
                "Mahendran & Vedaldi (ECCV 2016)",
            ),
            *self._above(
                "Guided backprop's maps depend less on the class than those of {}.",
                "other_class",
                names["guided backprop"],
                [names["gradient"]],
                "Mahendran & Vedaldi (ECCV 2016)",
            ),
        )

    def _heading(self, row: PictureRow) -> str:
        return row.method

    def _caption(self, row: PictureRow) -> str:
        return ABOUT.get(row.method, "")


@dataclass(frozen=True, repr=False)
class NetworkComparison(_PictureTable):
    """Several networks by guided backprop, untrained ones as a control.

    rows : the drawings, and each network. settings : networks, drawings by key_id, seed, versions: JSON values;
        `taught` says how those were taught that were taught for the table.
    """

    _file: ClassVar[str] = "network-comparison.json"
    _title: ClassVar[str] = "Guided backprop of several networks"

    def orderings(self) -> tuple[Ordering, ...]:
        """Whether maps of trained networks lie more on the lines than those of the same networks before."""
        found = []
        for row in self.rows:
            sentence = f"Training puts the maps of {row.network} on the lines."
            control = self.get(f"untrained {row.name}")
            if control is None and row.network.endswith(_FINE_TUNED):
                before = row.network.removesuffix(_FINE_TUNED)
                sentence = (
                    f"Learning drawings puts the maps of {before}, which knew photographs, on the lines."
                )
                control = self.get(f"{before}, {row.method}")
            if control is not None:
                means = row.measured("on_ink"), control.measured("on_ink")
                less = row.less(control, "on_ink")
                found.append(Ordering(sentence, *means, control=True, differences=less))
        return tuple(found)

    def by_drawing(self, *numbers: int) -> Figure:
        """These drawings, counted from 0, a row each: what is seen, and the trained networks one beside the other.

        Without numbers, all. Raises IndexError for a drawing that is not shown.
        """
        rows = [row for row in self.rows if not row.network.startswith("untrained")]
        sections = []
        for number in numbers or range(len(rows[0].pictures)):
            tiles = [replace(row.tiles()[number], caption=self._said(row, number)) for row in rows]
            sections.append(Section("", tiles, "", len(tiles), _SIDE))
        return Figure(self._title, sections)

    def _said(self, row: PictureRow, number: int) -> str:
        """What a network says of a drawing, with its name; the drawing itself says nothing."""
        said = row.captions[number].replace(" %", "\N{NO-BREAK SPACE}%")
        return f"{row.network}: {said}" if row.kind == "heat" else "drawing"

    def _heading(self, row: PictureRow) -> str:
        return row.network if row.kind == "heat" else "drawing"

    def _caption(self, row: PictureRow) -> str:
        taught = self.settings.get("taught", {}).get(row.network, {})
        top1 = row.top1()
        said = [] if top1 is None else [f"right {top1.value:.0f} times of a hundred"]
        return "; ".join(([taught["about"]] if taught.get("about") else []) + said)


def pixels(row: PictureRow) -> list[np.ndarray]:
    """The pictures of a row, (h, w) uint8 each."""
    return [decode(text) for text in row.pictures]
