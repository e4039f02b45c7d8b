"""The rasterizer once more, so that gradients reach the points and the ink of every stroke.

The image is that of `rasterizer`: a pixel whose centre lies at distance d from the nearest segment has the value
clamp(width / 2 + 1/2 - d, 0, 1). Here every point also carries an amount of ink, 1 by default, and a pixel gets
the ink of the place of the segment nearest to it,

    ink = (1 - a) * ink of the segment's first point + a * ink of its last,

with a in 0..1 the place along the segment: the line of Sketch-R2CNN (Li et al., arXiv 1811.08170), with the
antialiasing of ours. Segments combine by maximum.

The maximum picks, for every pixel, the one segment that makes it, so only those few thousand pairs of pixel and
segment are differentiated, however many points there are. Where several strokes make a pixel equally black it
belongs to each of them in equal parts: a subgradient of the maximum, and what "whose ink is this" means here.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# Pairs of a segment and a pixel looked at together.
_CHUNK = 1 << 20


def rasterize_points(
    points: Tensor,
    lengths: Sequence[int] | Tensor,
    size: int = 225,
    width: float = 3.0,
    ink: Tensor | None = None,
) -> Tensor:
    """The image of one drawing, differentiable by the points and by their ink.

    Parameters
    ----------
    points : (P, 2) floating point, x and y in pixels, stroke after stroke; pixel (row i, column j) has its centre at
        x = j, y = i.
    lengths : (S,) points of each stroke, at least 1, adding up to P.
    size : side of the image in pixels.
    width : width of the pen in pixels.
    ink : (P,) amount of ink at each point, 0 to 1; None: 1.

    Returns
    -------
    (1, 1, size, size) of the points' dtype, ink 1 on paper 0. Its values are those of `rasterize_polylines`.

    Raises ValueError, naming the argument, for other shapes.

    >>> points = torch.tensor([[1.0, 3.0], [6.0, 3.0]], requires_grad=True)
    >>> from sketchwidgets.sketch.differentiable import rasterize_points
    >>> image = rasterize_points(points, [2], size=8, width=1.0)
    >>> image[0, 0, 3].tolist()
    [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    >>> image[0, 0, :, 4].dot(torch.arange(8.0)).backward()  # the centre of mass of a column
    >>> points.grad.shape
    torch.Size([2, 2])
    """
    lengths = _check(points, lengths, ink, size, width)
    owned = _owned(points, lengths, ink, size, width)
    image = points.new_zeros(size * size)
    if len(owned.pixels):
        image = image.index_add(0, owned.pixels, owned.values(points, ink) * owned.weights)
    return image.view(1, 1, size, size)


def ink_shares(
    points: Tensor, lengths: Sequence[int] | Tensor, size: int = 225, width: float = 3.0
) -> "InkShares":
    """Which ink of a drawing each stroke and point contributed; arguments as of `rasterize_points`.

    >>> from sketchwidgets.sketch.differentiable import ink_shares
    >>> cross = torch.tensor([[0.0, 4.0], [8.0, 4.0], [4.0, 0.0], [4.0, 8.0]])
    >>> shares = ink_shares(cross, [2, 2], size=9, width=1.0)
    >>> strokes, paper = shares.per_stroke(torch.ones(9, 9))
    >>> strokes.tolist(), float(paper)
    ([8.5, 8.5], 64.0)
    """
    with torch.no_grad():
        points = points.detach()
        lengths = _check(points, lengths, None, size, width)
        owned = _owned(points, lengths, None, size, width)
        ink = owned.values(points, None) * owned.weights if len(owned.pixels) else points.new_zeros(0)
        along = owned.along(points) if len(owned.pixels) else points.new_zeros(0)
    return InkShares(
        size, len(lengths), len(points), owned.pixels, owned.strokes, owned.first, owned.last, along, ink
    )


@dataclass(frozen=True, eq=False)
class InkShares:
    """The ink of a drawing, taken apart by stroke and point. K is the number of (pixel, stroke) pairs.

    size : side of the image; n_strokes, n_points : of the drawing.
    pixels : (K,) int64, row * size + column. strokes : (K,) int64, whose ink it is.
    first, last : (K,) int64, the points between which it lies; along : (K,) the place between them, 0 to 1.
    ink : (K,) the amount, above 0 up to 1. Over the pairs of a pixel it adds up to the pixel's value.
    """

    size: int
    n_strokes: int
    n_points: int
    pixels: Tensor
    strokes: Tensor
    first: Tensor
    last: Tensor
    along: Tensor
    ink: Tensor

    def per_stroke(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """What of values (size, size) falls to each stroke, (S,), and to the paper, ().

        A pixel falls to the strokes that inked it by their ink, and for the rest to the paper: all parts add up to
        the sum of the values.
        """
        parts = self._parts(values)
        strokes = parts.new_zeros(self.n_strokes).index_add(0, self.strokes, parts)
        return strokes, values.sum() - strokes.sum()

    def per_point(self, values: Tensor) -> Tensor:
        """What of values (size, size) falls to each point, (P,): that of its stroke, shared out along the segments."""
        parts = self._parts(values)
        points = parts.new_zeros(self.n_points).index_add(0, self.first, parts * (1 - self.along))
        return points.index_add(0, self.last, parts * self.along)

    def _parts(self, values: Tensor) -> Tensor:
        if tuple(values.shape) != (self.size, self.size):
            raise ValueError(f"values must be ({self.size}, {self.size}), not {tuple(values.shape)}")
        return values.flatten()[self.pixels] * self.ink.to(values.dtype)


@dataclass(frozen=True, eq=False)
class _Owned:
    """For every inked pixel the strokes that make it: the segment of each, and its weight, 1 over their number."""

    pixels: Tensor
    strokes: Tensor
    first: Tensor
    last: Tensor
    weights: Tensor
    size: int
    reach: float

    def along(self, points: Tensor) -> Tensor:
        """Where on its segment each pixel has its nearest place, 0 to 1."""
        return _nearest(points[self.first], points[self.last], self._centres(points))[0]

    def values(self, points: Tensor, ink: Tensor | None) -> Tensor:
        """The value that each pair gives its pixel, differentiable."""
        along, squared = _nearest(points[self.first], points[self.last], self._centres(points))
        return _value(along, squared, self.reach, ink, self.first, self.last)

    def _centres(self, points: Tensor) -> Tensor:
        return _centres(self.pixels, self.size, points.dtype)


def _owned(points: Tensor, lengths: Tensor, ink: Tensor | None, size: int, width: float) -> _Owned:
    """Who makes which pixel, in numbers without a gradient."""
    reach = width / 2 + 0.5
    with torch.no_grad():
        fixed, fixed_ink = points.detach(), None if ink is None else ink.detach()
        first, last, stroke = _segments(lengths)
        found = []
        for pixel, segment in _candidates(fixed[first], fixed[last], reach, size):
            along, squared = _nearest(
                fixed[first[segment]], fixed[last[segment]], _centres(pixel, size, fixed.dtype)
            )
            value = _value(along, squared, reach, fixed_ink, first[segment], last[segment])
            inked = value > 0
            found.append((pixel[inked], segment[inked], value[inked]))
        if not found:
            none = torch.zeros(0, dtype=torch.int64, device=points.device)
            return _Owned(none, none, none, none, fixed.new_zeros(0), size, reach)
        pixel, segment, value = (torch.cat(part) for part in zip(*found, strict=True))
        best = fixed.new_zeros(size * size).scatter_reduce(0, pixel, value, "amax")
        made = value == best[pixel]
        pixel, segment = pixel[made], segment[made]
        # Of the segments of one stroke that tie, as two do at the point they share, the first stands for all.
        pair, which = torch.unique(pixel * len(lengths) + stroke[segment], return_inverse=True)
        earliest = torch.full_like(pair, len(first)).scatter_reduce(0, which, segment, "amin")
        pixel = torch.div(pair, len(lengths), rounding_mode="floor")
        weights = torch.bincount(pixel, minlength=size * size).to(fixed.dtype).reciprocal()[pixel]
        return _Owned(pixel, stroke[earliest], first[earliest], last[earliest], weights, size, reach)


def _segments(lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """First point, last point and stroke of every segment; a stroke of one point is a segment of length 0."""
    total = int(lengths.sum())
    stroke = torch.repeat_interleave(lengths)
    index = torch.arange(total, device=lengths.device)
    ends = torch.cumsum(lengths, 0) - 1
    is_end = torch.zeros(total, dtype=torch.bool, device=lengths.device)
    is_end[ends] = True
    starts = ~is_end | (lengths == 1)[stroke]
    first = index[starts]
    return first, torch.where(is_end[first], first, first + 1), stroke[first]


def _candidates(a: Tensor, b: Tensor, reach: float, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """(pixel, segment) pairs that may touch, (k,) int64 each: the pixels of every segment's bounding box."""
    lower = (torch.minimum(a, b) - reach).ceil().clamp(0, size).long()
    upper = (torch.maximum(a, b) + reach).floor().clamp(-1, size - 1).long()
    extent = (upper - lower + 1).clamp_min(0)
    counts = extent.prod(1)
    totals = torch.cumsum(counts, 0).tolist()
    start = 0
    while start < len(totals):
        done = totals[start - 1] if start else 0
        stop = max(bisect_right(totals, done + _CHUNK), start + 1)
        count = counts[start:stop]
        segment = torch.repeat_interleave(count) + start
        step = torch.arange(len(segment), device=a.device) - (torch.cumsum(count, 0) - count)[segment - start]
        columns = extent[segment, 0]
        row = torch.div(step, columns, rounding_mode="floor")
        x, y = lower[segment, 0] + step - row * columns, lower[segment, 1] + row
        yield y * size + x, segment
        start = stop


def _centres(pixels: Tensor, size: int, dtype: torch.dtype) -> Tensor:
    """(k, 2) x and y of the centres of pixels."""
    return torch.stack([pixels % size, torch.div(pixels, size, rounding_mode="floor")], 1).to(dtype)


def _nearest(a: Tensor, b: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    """The place on segments a to b nearest to p, 0 to 1, and the squared distance; (k, 2) each in, (k,) out."""
    direction, offset = b - a, p - a
    length = direction.square().sum(1)
    along = (offset * direction).sum(1) / torch.where(length > 0, length, 1)
    along = along.clamp(0, 1)
    return along, (offset - along[:, None] * direction).square().sum(1)


def _value(
    along: Tensor, squared: Tensor, reach: float, ink: Tensor | None, first: Tensor, last: Tensor
) -> Tensor:
    # The root has no derivative at 0, where the pixel is black anyway.
    apart = squared > 0
    distance = torch.where(apart, torch.where(apart, squared, 1).sqrt(), 0)
    value = (reach - distance).clamp(0, 1)
    return value if ink is None else value * torch.lerp(ink[first], ink[last], along)


def _check(
    points: Tensor, lengths: Sequence[int] | Tensor, ink: Tensor | None, size: int, width: float
) -> Tensor:
    if not isinstance(points, Tensor) or not points.is_floating_point():
        raise ValueError(f"points must be a floating point tensor, not {type(points).__name__}")
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"points must be (P, 2), not {tuple(points.shape)}")
    if not torch.isfinite(points).all():
        raise ValueError("points hold values that are not finite")
    lengths = torch.as_tensor(lengths, dtype=torch.int64, device=points.device)
    if lengths.ndim != 1 or (len(lengths) and int(lengths.min()) < 1) or int(lengths.sum()) != len(points):
        raise ValueError(f"lengths must be (S,), each at least 1, adding up to the {len(points)} points")
    if ink is not None and tuple(ink.shape) != (len(points),):
        raise ValueError(f"ink must be ({len(points)},), one for each point, not {tuple(ink.shape)}")
    if size < 1 or not width > 0:
        raise ValueError(f"size and width must be positive, not {size} and {width}")
    return lengths
