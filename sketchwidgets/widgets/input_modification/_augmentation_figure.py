"""What stroke-level augmentation makes of one drawing, and its pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...sketch import (
    Sketch,
    deform_sketch,
    deform_strokes,
    removal_probabilities,
    remove_strokes,
    stroke_order_channels,
    stroke_order_parts,
)
from ...sketch._normalize import fit_to_frame
from ...sketch.rasterizer import pack, rasterize_polylines
from ...visualization.figures import Figure, Section, Tile
from ...visualization.input_modification._stroke_figures import (
    AGAINST,
    FOR,
    INK,
    draw_coloured,
    percent,
)

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
VARIANTS = 6
_SIDE, _LARGE = 112, 168
_ROOM = 0.8  # of a tile is the drawing's, so that deformed ones have room around it
_FAINT = torch.tensor([236.0, 200.0, 160.0])


@dataclass(frozen=True, eq=False)
class AugmentationLook:
    """What an AugmentationExplorer shows of a drawing.

    sketch : the drawing. probabilities : (S,) how likely each stroke is to be removed.
    removed : the drawing without 10, 20, ... 60 % of its strokes. stroke_by_stroke, whole, both : six drawings each,
    deformed stroke by stroke, as a whole, and both in turn. channels : (6, 225, 225) the order of the strokes.
    """

    sketch: Sketch
    probabilities: np.ndarray
    removed: tuple[Sketch, ...]
    stroke_by_stroke: tuple[Sketch, ...]
    whole: tuple[Sketch, ...]
    both: tuple[Sketch, ...]
    channels: Tensor

    @classmethod
    def of(cls, sketch: Sketch, alpha: float, beta: float, strength: float, seed: int) -> "AugmentationLook":
        """All of it, for one drawing of at least one stroke."""
        locally = tuple(deform_strokes(sketch, _own(seed, k), strength=strength) for k in range(VARIANTS))
        return cls(
            sketch,
            removal_probabilities(sketch, alpha, beta),
            tuple(remove_strokes(sketch, share, alpha=alpha, beta=beta) for share in SHARES),
            locally,
            tuple(deform_sketch(sketch, _own(seed, k), strength=strength) for k in range(VARIANTS)),
            tuple(deform_sketch(each, _own(seed, k), strength=strength) for k, each in enumerate(locally)),
            stroke_order_channels(sketch),
        )

    def figure(self) -> Figure:
        """A row for each way; faint is the drawing as it was."""
        count = len(self.sketch)
        removed = [
            f"{percent(share)}: {count - len(kept)} of {count}"
            for share, kept in zip(SHARES, self.removed, strict=True)
        ]
        numbered = [str(k + 1) for k in range(VARIANTS)]
        rows = [self.removed, self.stroke_by_stroke, self.whole, self.both]
        captions = [removed, numbered, numbered, numbered]
        pictures = iter(_overlays(self.sketch, [each for row in rows for each in row]))
        tiles = [
            [Tile(next(pictures), caption, smooth=True) for caption in row_captions]
            for row_captions in captions
        ]
        faint = "Faint: the drawing as it was."
        sections = [
            Section("", [self._likely(), self._parts()], side=_LARGE),
            Section("Strokes removed", tiles[0], caption="Late and short ones go first.", side=_SIDE),
            Section("Deformed stroke by stroke", tiles[1], caption=faint, side=_SIDE),
            Section("Deformed as a whole", tiles[2], caption=faint, side=_SIDE),
            Section("Both", tiles[3], caption="Stroke by stroke, then as a whole.", side=_SIDE),
            Section(
                "The order of the strokes as six channels",
                self._channels(),
                caption="What a network with six input channels sees.",
                side=_SIDE,
            ),
        ]
        return Figure("New drawings of a drawing", sections)

    def _likely(self) -> Tile:
        """The drawing, each stroke as red as it is likely to go."""
        shares = self.probabilities / self.probabilities.max()
        colours = AGAINST + np.repeat(shares, self.sketch.lengths)[:, None] * (FOR - AGAINST)
        most = min(len(self.sketch), 12)
        ranking = np.argsort(-self.probabilities, kind="stable")[:most]
        return Tile(
            draw_coloured(self.sketch, colours, 2 * _LARGE),
            "how likely a stroke goes",
            smooth=True,
            legend=(_entry(AGAINST, "stays"), _entry(FOR, "goes first")),
            facts=tuple((f"Stroke {k + 1}", percent(self.probabilities[k])) for k in ranking),
        )

    def _parts(self) -> Tile:
        """The drawing in the three parts of its order."""
        parts = stroke_order_parts(len(self.sketch))[:3]
        palette = np.array([(27, 120, 55), (217, 119, 6), (118, 42, 131)], np.float64)
        part_of = np.repeat(np.arange(3), [len(part) for part in parts])
        legend = [
            _entry(colour, f"part {k + 1}: {_range(part)}")
            for k, (colour, part) in enumerate(zip(palette, parts, strict=True))
        ]
        return Tile(
            draw_coloured(self.sketch, palette[np.repeat(part_of, self.sketch.lengths)], 2 * _LARGE),
            "three parts by order",
            smooth=True,
            legend=tuple(legend),
        )

    def _channels(self) -> list[Tile]:
        names = ("part 1", "part 2", "part 3", "parts 1 + 2", "parts 2 + 3", "all")
        parts = stroke_order_parts(len(self.sketch))
        return [
            Tile.picture(channel[None], name, paper=True, smooth=True, description=f"{name}: {_range(part)}")
            for channel, name, part in zip(self.channels, names, parts, strict=True)
        ]


def _own(seed: int, number: int) -> np.random.Generator:
    """The generator of one variant: the same for its strokes and for the whole, whatever the others draw."""
    return np.random.default_rng([seed, number])


def _entry(colour: np.ndarray, text: str) -> tuple[tuple[int, int, int], str]:
    red, green, blue = (int(value) for value in colour)
    return (red, green, blue), text


def _range(part: range) -> str:
    if not part:
        return "no stroke"
    first, last = part.start + 1, part.stop
    return f"stroke {first}" if first == last else f"strokes {first} to {last}"


def _overlays(sketch: Sketch, changed: Sequence[Sketch]) -> list[np.ndarray]:
    """(n, n, 3) uint8 each: drawings in ink over the sketch that they were made of, which is faint."""
    x0, y0, x1, y1 = sketch.bounds
    size, pen = 2 * _SIDE, 2.5
    scale, offset = fit_to_frame(np.array([x0, y0]), np.array([x1, y1]), size, _ROOM * size)
    placed = [
        [stroke[:, :2].astype(np.float64) * scale + offset for stroke in each] for each in (sketch, *changed)
    ]
    below, *above = rasterize_polylines(pack(placed), len(placed), size, pen)
    paper, ink = torch.full((size, size, 3), 255.0), torch.from_numpy(INK).float()
    page = torch.lerp(paper, _FAINT.expand_as(paper), below[0, :, :, None])
    return [
        torch.lerp(page, ink.expand_as(page), each[0, :, :, None]).round().byte().numpy() for each in above
    ]
