"""One picture of a figure, from signed values, photos, drawings, heat maps or label maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._colours import category_colours, diverging_map, heat_map
from ._numbers import short
from ._values import ZERO, as_channels, as_map, as_picture, signed_bytes

Ramp = tuple[str | np.ndarray, float, float]
Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Tile:
    """One picture with its caption, for a `sw.Section`.

    pixels : uint8 (h, w), (h, w, 3) or (h, w, 4) with alpha; None, together with `label`, for an empty tile.
    caption : short, shown under the picture ("17 · 3.2").
    description : longer, the tooltip and what a screen reader says.
    label : text in place of a picture, such as "dead".
    boxes : (top, left, bottom, right) each, in pixels of the picture, drawn as outlines.
    smooth : whether the picture is smoothed where it is shown enlarged; else its pixels are seen.
    facts : (term, value) each, listed where the tile is looked at alone.
    background : grey, 0 to 255, of what a picture that is not square leaves free; None for nothing.
    ramp : (colours, low, high), shown below as a scale; or None. The colours are "heat", "diverging", "grey", or
        (256, 3) uint8 of their own.
    legend : ((red, green, blue), text) each, shown below.
    crossed : whether it is crossed out, as what is switched off. In a page a tile that may be, True or False, is a
        switch; None is none.

    The class methods make tiles of values of any dtype and device. Raises TypeError or ValueError, naming the
    argument, for what is no picture.

    >>> tile = sw.Tile.signed(torch.tensor([[-2.0, 0.0, 2.0]]), "17 · 2.0")
    >>> tile.pixels.tolist(), tile
    ([[1, 128, 255]], Tile(1 x 3, '17 · 2.0'))
    """

    pixels: np.ndarray | None
    caption: str = ""
    description: str = ""
    label: str | None = None
    boxes: tuple[Box, ...] = ()
    smooth: bool = False
    facts: tuple[tuple[str, str], ...] = ()
    background: int | None = None
    ramp: Ramp | None = None
    legend: tuple[tuple[tuple[int, int, int], str], ...] = ()
    crossed: bool | None = None

    def __post_init__(self) -> None:
        if self.pixels is None:
            if not self.label:
                raise ValueError("a tile needs pixels, or a label in their place")
        else:
            object.__setattr__(self, "pixels", as_picture(self.pixels))
        for name in ("caption", "description"):
            object.__setattr__(self, name, str(getattr(self, name)))
        object.__setattr__(self, "boxes", tuple(_box(box) for box in self.boxes))
        object.__setattr__(self, "facts", tuple((str(term), str(value)) for term, value in self.facts))

    def __repr__(self) -> str:
        what = repr(self.label) if self.pixels is None else "{} x {}".format(*self.pixels.shape[:2])
        return f"Tile({what}, {self.caption!r})" if self.caption else f"Tile({what})"

    @classmethod
    def signed(cls, values: Any, caption: str = "", *, scale: float | None = None, **kwargs: Any) -> "Tile":
        """A signed picture: zero is mid-grey (128), `scale` white (255), -`scale` almost black (1).

        `values` is (C, h, w) or (h, w), any float dtype; three channels are colours, other numbers are summed.
        `scale` is by default the largest magnitude. Other arguments are those of Tile.

        >>> sw.Tile.signed(np.array([[-1.0, 0.0, 3.0]]), scale=4).pixels.tolist()
        [[96, 128, 223]]
        """
        pixels, peak = signed_bytes(as_channels(values), scale)
        kwargs.setdefault("background", ZERO)
        kwargs.setdefault("ramp", None)
        facts = tuple(kwargs.pop("facts", ()))
        if not any(term == "Scale" for term, _ in facts):
            facts += (
                ("Scale", f"black −{short(peak)}, grey 0, white +{short(peak)}" if peak else "all zero"),
            )
        return cls(pixels, caption, facts=facts, **kwargs)

    @classmethod
    def picture(
        cls,
        values: Any,
        caption: str = "",
        *,
        low: float = 0.0,
        high: float = 1.0,
        paper: bool = False,
        **kwargs: Any,
    ) -> "Tile":
        """A photo, or a drawing: `low` is black and `high` white; with `paper`, ink on white, the other way round.

        `values` is (C, h, w) or (h, w); three channels are colours, other numbers are averaged.

        >>> sw.Tile.picture(torch.tensor([[[0.0, 0.5, 1.0]]]), paper=True).pixels.tolist()
        [[255, 127, 0]]
        """
        array = as_channels(values)
        if not high > low:
            raise ValueError(f"high must be more than low, not {high} and {low}")
        if len(array) not in (1, 3):
            array = array.mean(0, keepdims=True)
        shares = np.clip(np.nan_to_num((array - low) / (high - low)), 0, 1)
        pixels = np.floor(255 * shares + 0.5).astype(np.uint8)
        if paper:
            pixels = 255 - pixels
        return cls(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0), caption, **kwargs)

    @classmethod
    def heat(
        cls,
        values: Any,
        caption: str = "",
        *,
        low: float | None = None,
        high: float | None = None,
        over: np.ndarray | None = None,
        alpha: float = 0.5,
        fade: bool = False,
        colours: str = "heat",
        **kwargs: Any,
    ) -> "Tile":
        """A map in colours with its scale: dark is `low`, light `high`, by default the extremes of the values.

        `values` is (h, w); NaN is left clear. `over`, a uint8 picture (H, W) or (H, W, 3), is shown through, the
        map stretched over it and `alpha` (0 to 1) opaque; with `fade`, the lowest values (of "diverging", those
        around zero) let all of the picture through, and only from a third of the range on it is so opaque.
        `colours` is "heat", or "diverging": blue is negative, white zero and red positive, the scale by default
        symmetric. The scale of a map over a picture has the colours that it has over white paper.

        >>> sw.Tile.heat(np.array([[0.0, 1.0], [2.0, np.nan]])).ramp
        ('heat', 0.0, 2.0)
        """
        array = as_map(values)
        finite = array[np.isfinite(array)]
        if colours == "diverging":
            peak = float(np.abs(finite).max(initial=0.0))
            low, high = -peak if low is None else low, peak if high is None else high
        elif colours == "heat":
            low = float(finite.min(initial=np.inf)) if low is None and finite.size else (low or 0.0)
            high = float(finite.max(initial=-np.inf)) if high is None and finite.size else (high or 0.0)
        else:
            raise ValueError(f"colours must be 'heat' or 'diverging', not {colours!r}")
        limits = float(low), float(high), colours
        pixels, ramp = _coloured(array, *limits), colours
        if over is not None:
            opacity = _opacity(array, *limits) if fade else np.ones(array.shape)
            pixels = _blended(pixels, as_picture(over, "over"), alpha, opacity)
            ramp = _over_paper(*limits, alpha, fade)
        kwargs.setdefault("ramp", (ramp, float(low), float(high)))
        return cls(pixels, caption, **kwargs)

    @classmethod
    def categories(
        cls,
        labels: Any,
        names: Sequence[str],
        caption: str = "",
        *,
        order: Sequence[int] | None = None,
        **kwargs: Any,
    ) -> "Tile":
        """A map of labels, a colour each, with a legend of those that occur.

        `labels` is (h, w) of integers, `names` their names: label 0 is names[0]. A negative label is left clear.
        Colours are given out in the order of the areas; give tiles that are to be compared the same `order` of
        labels, which then have the same colours in all.

        >>> sw.Tile.categories([[0, 2], [2, -1]], ["cat", "dog", "house"]).legend[0][1]
        'house'
        """
        array = as_map(labels, "labels")
        if not np.array_equal(array, np.floor(array)):
            raise ValueError("labels must be whole numbers")
        array = array.astype(np.int64)
        if array.max(initial=-1) >= len(names):
            raise ValueError(f"labels go up to {array.max()}, but there are {len(names)} names")
        present, areas = np.unique(array[array >= 0], return_counts=True)
        by_area = present[np.argsort(-areas, kind="stable")].tolist()
        ranks = {int(label): rank for rank, label in enumerate(dict.fromkeys([*(order or ()), *by_area]))}
        colours = category_colours(len(ranks))
        pixels = np.zeros((*array.shape, 4), np.uint8)
        legend = []
        for label in sorted(by_area, key=ranks.__getitem__):
            red, green, blue = colours[ranks[label]].tolist()
            pixels[array == label] = (red, green, blue, 255)
            legend.append(((red, green, blue), str(names[label])))
        kwargs.setdefault("legend", tuple(legend))
        return cls(pixels, caption, **kwargs)


def _box(box: Sequence[int]) -> Box:
    top, left, bottom, right = (int(edge) for edge in box)
    return top, left, bottom, right


def ramp_colours(colours: str | np.ndarray) -> np.ndarray:
    """(256, 3) uint8 of the colours of a ramp."""
    if not isinstance(colours, str):
        return colours
    if colours == "grey":
        return np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    return diverging_map() if colours == "diverging" else heat_map()


def _over_paper(low: float, high: float, colours: str, alpha: float, fade: bool) -> np.ndarray:
    """(256, 3) uint8: the colours from low to high as a map has them over white paper."""
    values = np.linspace(low, high, 256)[None]
    opacity = _opacity(values, low, high, colours) if fade else np.ones(values.shape)
    return _blended(
        _coloured(values, low, high, colours), np.full(values.shape, 255, np.uint8), alpha, opacity
    )[0]


def _coloured(values: np.ndarray, low: float, high: float, colours: str) -> np.ndarray:
    """(h, w) as (h, w, 3) uint8, or (h, w, 4) where a value is NaN."""
    table = ramp_colours(colours)
    known = ~np.isnan(values)
    shares = np.zeros_like(values) if not high > low else (np.where(known, values, low) - low) / (high - low)
    # Entry 0 of the diverging table has no counterpart above zero, so it is left out.
    first = 1 if colours == "diverging" else 0
    pixels = table[first + np.rint(np.clip(shares, 0, 1) * (255 - first)).astype(np.int64)]
    if known.all():
        return pixels
    return np.dstack([pixels, np.where(known, 255, 0).astype(np.uint8)])


def _opacity(values: np.ndarray, low: float, high: float, colours: str) -> np.ndarray:
    """(h, w) in 0..1: how much of the map is to be seen where it fades into the picture."""
    zero = 0.0 if colours == "diverging" else low
    reach = max(abs(high - zero), abs(low - zero))
    return np.clip(3 * np.abs(np.nan_to_num(values, nan=zero) - zero) / (reach or 1), 0, 1)


def _blended(colours: np.ndarray, over: np.ndarray, alpha: float, opacity: np.ndarray) -> np.ndarray:
    """A map, `alpha` times `opacity` (h, w) opaque, stretched over a picture, (H, W, 3) uint8."""
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be between 0 and 1, not {alpha}")
    height, width = over.shape[:2]
    base = np.repeat(over[:, :, None], 3, axis=2) if over.ndim == 2 else over[:, :, :3]
    rows = np.minimum((np.arange(height) + 0.5) * len(colours) / height, len(colours) - 1).astype(int)
    columns = np.minimum((np.arange(width) + 0.5) * colours.shape[1] / width, colours.shape[1] - 1).astype(
        int
    )
    stretched = colours[rows][:, columns].astype(np.float32)
    share = alpha * opacity[rows][:, columns, None]
    if stretched.shape[2] == 4:
        share = share * stretched[:, :, 3:] / 255
    return np.rint(stretched[:, :, :3] * share + base * (1 - share)).astype(np.uint8)
