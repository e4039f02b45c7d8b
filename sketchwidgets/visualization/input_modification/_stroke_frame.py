"""A drawing stroke by stroke in the frame of a network: what the input would be of some of its strokes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sketchwidgets.sketch import Sketch, stroke_order_parts
from sketchwidgets.sketch._normalize import fit_to_frame
from sketchwidgets.sketch.augmentation.stroke_order import CHANNELS as STROKE_ORDER_CHANNELS
from sketchwidgets.sketch.differentiable import InkShares, ink_shares, rasterize_points
from sketchwidgets.sketch.rasterizer import rasterize

from ..network import Network


class StrokeFrame:
    """The strokes of a sketch where `network.prepare(sketch)` draws them, however many of them are drawn.

    points : (P, 2) float32, in pixels of the drawing's own square of `size` x `size`. lengths : of the strokes.
    scale : pixels for each unit of the sketch.
    """

    def __init__(self, network: Network, sketch: Sketch) -> None:
        preprocessing = network.preprocessing
        self.network = network
        self.size, self.width = preprocessing.size, preprocessing.stroke_width
        self.lengths = sketch.lengths.tolist()
        x0, y0, x1, y1 = sketch.bounds
        scale, offset = fit_to_frame(
            np.array([x0, y0]), np.array([x1, y1]), preprocessing.size, preprocessing.extent
        )
        self.scale = float(scale)
        pixels = sketch.points[:, :2].astype(np.float64) * scale + offset
        self.points = torch.from_numpy(pixels.astype(np.float32))
        self._alone: Tensor | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def parts(self) -> list[list[int]]:
        """The strokes that each distinct channel shows: all of them, or the six parts of stroke-order channels."""
        if self.network.channels != STROKE_ORDER_CHANNELS:
            return [list(range(len(self)))]
        return [list(part) for part in stroke_order_parts(len(self))]

    @property
    def alone(self) -> Tensor:
        """(S, size, size), the ink of every stroke by itself; the maximum of some is the image of those."""
        if self._alone is None:
            strokes = [[stroke.numpy()] for stroke in self.points.split(self.lengths)]
            self._alone = rasterize(strokes, self.size, self.width, extent=None)[:, 0]
        return self._alone

    def images(self, kept: Sequence[Sequence[int]]) -> Tensor:
        """(n, C, h, w) prepared input of n choices of strokes; what is left out leaves the rest where it is."""
        return self.prepared(
            torch.stack(
                [
                    torch.stack([self._union(set(part) & set(chosen)) for part in self.parts])
                    for chosen in kept
                ]
            )
        )

    def draw(self, points: Tensor, ink: Tensor) -> Tensor:
        """(1, C, h, w) prepared input, differentiable by points (P, 2) in pixels and ink (P,)."""
        strokes = list(zip(points.split(self.lengths), ink.split(self.lengths), strict=True))
        images = []
        for part in self.parts:
            chosen = [strokes[i] for i in part]
            if not chosen:
                images.append(points.new_zeros(1, 1, self.size, self.size))
                continue
            xy, amounts = (torch.cat(column) for column in zip(*chosen, strict=True))
            lengths = [self.lengths[i] for i in part]
            images.append(rasterize_points(xy, lengths, self.size, self.width, amounts))
        return self.prepared(torch.cat(images, dim=1))

    def shares(self) -> list[tuple[list[int], InkShares]]:
        """For each distinct channel its strokes, and whose ink its pixels are."""
        strokes = self.points.split(self.lengths)
        return [
            (
                part,
                ink_shares(
                    torch.cat([strokes[i] for i in part]) if part else self.points[:0],
                    [self.lengths[i] for i in part],
                    self.size,
                    self.width,
                ),
            )
            for part in self.parts
        ]

    def per_ink(self, signal: Tensor) -> Tensor:
        """What a signal on the input (C, h, w) is per unit of ink: (parts, size, size), float64.

        The input is an affine map of ink, channel by channel, so that is the signal times the map's factor;
        channels that show the same ink add up. Of what lies beside the drawing's square nothing is kept.
        """
        zero, one = (
            self.network.from_ink(torch.full((1, self.network.channels, 1, 1), ink))[0].cpu()
            for ink in (0.0, 1.0)
        )
        signal = signal.detach().cpu().double() * (one - zero).double()
        top, left = ((n - self.size) // 2 for n in self.network.size)
        signal = signal[:, top : top + self.size, left : left + self.size]
        return signal if len(self.parts) > 1 else signal.sum(0, keepdim=True)

    def _union(self, strokes: set[int]) -> Tensor:
        if not strokes:
            return self.alone.new_zeros(self.size, self.size)
        return self.alone[sorted(strokes)].amax(0)

    def prepared(self, ink: Tensor) -> Tensor:
        """Prepared input of ink (n, parts, size, size)."""
        height, width = self.network.size
        above, left = (height - self.size) // 2, (width - self.size) // 2
        ink = ink.expand(-1, self.network.channels, -1, -1)
        padding = (left, width - self.size - left, above, height - self.size - above)
        return self.network.from_ink(torch.nn.functional.pad(ink, padding))


def checked_sketch(sketch: Any) -> Sketch:
    """The sketch, of at least one stroke; an iterable of strokes is made one."""
    sketch = sketch if isinstance(sketch, Sketch) else Sketch(sketch)
    if not len(sketch):
        raise ValueError("sketch has no strokes, so none can be looked at")
    return sketch


def some_strokes(sketch: Sketch, kept: Sequence[int]) -> Sketch:
    """The sketch of only these strokes."""
    return Sketch([sketch[i] for i in kept], timed=sketch.timed if kept else None)
