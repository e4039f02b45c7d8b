"""Strokes to antialiased grey images, in torch: batched, on any device, and one stroke at a time.

The image of a drawing is the distance field of its polylines, clipped: a pixel whose centre lies at distance d from
the nearest segment has the value clamp(width / 2 + 1/2 - d, 0, 1), ink 1 on paper 0. Joins and caps are round. Strokes
combine by maximum, so that the order in which they are drawn does not matter and adding a stroke to a `Canvas` gives,
bit for bit, the image of drawing everything at once.

Pixel (row i, column j) has its centre at x = j, y = i.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# Pixels worked on at once: keeps the dozen temporaries of a chunk in the second-level cache of a CPU.
_CHUNK_CPU = 1 << 16
_CHUNK_GPU = 1 << 22


class Polylines(NamedTuple):
    """Polylines of many drawings, packed.

    points : (P, 2) float32, x and y in pixels.
    lengths : (S,) int64, points of each polyline, at least 1.
    image : (S,) int64, the image that each polyline belongs to.
    """

    points: Tensor
    lengths: Tensor
    image: Tensor


def pack(drawings: Sequence[Iterable[np.ndarray]], device: torch.device | str = "cpu") -> Polylines:
    """Pack drawings, each an iterable of (n, >=2) arrays in pixels, for `rasterize_polylines`.

    >>> pack([[np.zeros((4, 2)), np.ones((1, 2))]]).lengths
    tensor([4, 1])
    """
    strokes = [np.asarray(stroke)[:, :2] for drawing in drawings for stroke in drawing]
    image = [i for i, drawing in enumerate(drawings) for _ in drawing]
    points = np.concatenate(strokes).astype(np.float32) if strokes else np.empty((0, 2), np.float32)
    return Polylines(
        torch.from_numpy(points).to(device),
        torch.tensor([len(stroke) for stroke in strokes], dtype=torch.int64, device=device),
        torch.tensor(image, dtype=torch.int64, device=device),
    )


def _segments(lines: Polylines) -> tuple[Tensor, Tensor]:
    """Segments (n, 4) as x0, y0, x1, y1 and their images (n,). A polyline of one point is one segment of length 0."""
    points, lengths, image = lines
    starts = torch.cumsum(lengths, 0) - lengths
    # Within a polyline of n > 1 points the segments start at its first n - 1 points.
    inner = torch.ones(len(points), dtype=torch.bool, device=points.device)
    inner[starts + lengths - 1] = lengths == 1
    first = inner.nonzero().flatten()
    last = first + 1
    dots = starts[lengths == 1]
    owner = torch.repeat_interleave(image, lengths)[first]
    ends = points[last.clamp(max=len(points) - 1)]
    if len(dots):
        is_dot = torch.zeros(len(points), dtype=torch.bool, device=points.device)
        is_dot[dots] = True
        ends = torch.where(is_dot[first, None], points[first], ends)
    return torch.cat([points[first], ends], 1), owner


def _draw(canvas: Tensor, lines: Polylines, width: float) -> None:
    """Draw onto `canvas` (n, rows, columns) in place, combining by maximum."""
    if len(lines.points) == 0:
        return
    segments, owner = _segments(lines)
    reach = width / 2 + 0.5  # no pixel centre farther than this from a segment has ink
    lower = segments.view(-1, 2, 2).amin(1)
    upper = segments.view(-1, 2, 2).amax(1)
    limit = torch.tensor(canvas.shape[:0:-1], device=canvas.device, dtype=segments.dtype) - 1
    visible = ((upper >= -reach) & (lower <= limit + reach)).all(1)
    if not bool(visible.all()):
        segments, owner, lower, upper = segments[visible], owner[visible], lower[visible], upper[visible]
    delta = segments[:, 2:] - segments[:, :2]
    steep = delta[:, 1].abs() > delta[:, 0].abs()
    for axis, chosen in ((0, ~steep), (1, steep)):
        if bool(chosen.any()):
            # Axis 0 walks along columns; for steep segments x and y change places, here and in the canvas strides.
            part = segments[chosen]
            part = part if axis == 0 else part[:, [1, 0, 3, 2]]
            _draw_along(
                canvas, part, owner[chosen], lower[chosen, axis], upper[chosen, axis], reach, transposed=axis == 1
            )


def _draw_along(
    canvas: Tensor, segments: Tensor, owner: Tensor, lower: Tensor, upper: Tensor, reach: float, transposed: bool
) -> None:
    """Draw segments whose slope is at most 1 in (major, minor) coordinates."""
    n_images, rows, columns = canvas.shape
    majors, minors = (rows, columns) if transposed else (columns, rows)
    begin = (lower - reach).ceil().clamp(min=0)
    counts = ((upper + reach).floor().clamp(max=majors - 1) - begin + 1).clamp(min=0).long()
    # Perpendicular distance `reach` is at most sqrt(2) * reach across the minor axis, plus rounding.
    half = int(np.floor(reach * 2**0.5 + 0.5))
    offsets = torch.arange(-half, half + 1, device=canvas.device, dtype=segments.dtype)
    per_chunk = _CHUNK_CPU if canvas.device.type == "cpu" else _CHUNK_GPU
    total = torch.cumsum(counts, 0)
    length = (segments[:, 2:] - segments[:, :2]).square().sum(1).sqrt()
    direction = (segments[:, 2:] - segments[:, :2]) / length.clamp(min=1e-12)[:, None]
    slope = direction[:, 1] / direction[:, 0].abs().clamp(min=1e-12) * direction[:, 0].sign()
    flat = canvas.view(-1)
    base = owner * (rows * columns)
    table = torch.stack(
        [
            segments[:, 0], segments[:, 1], direction[:, 0], direction[:, 1], length, slope,
            torch.minimum(segments[:, 0], segments[:, 2]), torch.maximum(segments[:, 0], segments[:, 2]), begin,
        ],
        1,
    )  # fmt: skip
    bounds = [0]
    total_list = total.tolist()
    while bounds[-1] < len(counts):  # chunks of whole segments
        done = total_list[bounds[-1] - 1] if bounds[-1] else 0
        budget = done + max(per_chunk // len(offsets), 1)
        bounds.append(max(int(np.searchsorted(total_list, budget, "right")), bounds[-1] + 1))
    for first, last in zip(bounds, bounds[1:], strict=False):
        count = counts[first:last]
        segment = torch.repeat_interleave(count)
        before = torch.cumsum(count, 0) - count
        x0, y0, ux, uy, norm, slopes, left, right, start = table[first:last].index_select(0, segment).unbind(1)
        position = torch.arange(len(segment), device=canvas.device)
        major = start + (position - before[segment])
        along = torch.minimum(torch.maximum(major, left), right) - x0
        centre = (y0 + along * slopes).round()
        across = centre[:, None] + offsets  # (steps, 2 half + 1)
        px = (major - x0)[:, None]
        py = across - y0[:, None]
        t = torch.addcmul(px * ux[:, None], py, uy[:, None]).clamp_(min=0)
        t = torch.minimum(t, norm[:, None])
        dx = torch.addcmul(px, t, ux[:, None], value=-1)
        dy = py.addcmul_(t, uy[:, None], value=-1)
        ink = torch.addcmul(dx.square_(), dy, dy).sqrt_().neg_().add_(reach).clamp_(max=1)
        keep = (ink > 0) & (across >= 0) & (across <= minors - 1)
        strides = (columns, 1) if transposed else (1, columns)
        index = (base[first:last][segment] + major.long() * strides[0])[:, None] + across.long() * strides[1]
        flat.scatter_reduce_(0, index[keep], ink[keep], "amax")


def rasterize_polylines(lines: Polylines, n_images: int, size: int = 225, width: float = 3.0) -> Tensor:
    """Images (n_images, 1, size, size), float32 in [0, 1], of packed polylines given in pixels."""
    canvas = torch.zeros(n_images, size, size, device=lines.points.device)
    _draw(canvas, lines, width)
    return canvas[:, None]


class Canvas:
    """One image that strokes are added to.

    Drawing strokes one after the other gives exactly the image of drawing them at once.

    >>> canvas = Canvas(size=8, width=1.0)
    >>> canvas.draw([np.array([[1.0, 3.0], [6.0, 3.0]], np.float32)])
    >>> int(canvas.image.sum())
    6
    """

    def __init__(self, size: int = 225, width: float = 3.0, device: torch.device | str = "cpu") -> None:
        self.size, self.width = size, width
        self.image = torch.zeros(1, 1, size, size, device=device)

    def draw(self, strokes: Sequence[np.ndarray]) -> None:
        """Add polylines, each (n, 2) in pixels."""
        _draw(self.image[0], pack([strokes], self.image.device), self.width)

    def clear(self) -> None:
        """Take everything off the canvas."""
        self.image.zero_()
