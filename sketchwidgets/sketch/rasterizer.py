"""Strokes to antialiased grey images, in torch: batched, on any device, and one stroke at a time.

The image of a drawing is the distance field of its polylines, clipped: a pixel whose centre lies at distance
d from the nearest segment has the value clamp(width / 2 + 1/2 - d, 0, 1), ink 1 on paper 0. Joins and caps are
round. Strokes combine by maximum, so that the order in which they are drawn does not matter and adding a
stroke to a `Canvas` gives, bit for bit, the image of drawing everything at once.

Pixel (row i, column j) has its centre at x = j, y = i.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sketchwidgets.sketch._normalize import fit_to_frame
from sketchwidgets.sketch._sketch import Sketch

# Pixels worked on at once: keeps the dozen temporaries of a chunk in the second-level cache of a CPU.
_CHUNK_CPU = 1 << 17
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
    """Segments (n, 4), x0, y0, x1, y1, and their images (n,). A polyline of one point is a segment of length 0."""
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


def _segments_of(strokes: Sequence[np.ndarray]) -> np.ndarray:
    """As `_segments`, of a few polylines of one drawing, each (n, 2) with n at least 1."""
    ends = [stroke[1:] if len(stroke) > 1 else stroke for stroke in strokes]
    starts = [stroke[: len(end)] for stroke, end in zip(strokes, ends, strict=True)]
    return np.concatenate([np.concatenate(starts), np.concatenate(ends)], 1)


def _draw(canvas: Tensor, segments: Tensor, owner: Tensor | int, width: float) -> None:
    """Draw segments onto their images of `canvas` (n, rows, columns) in place, combining by maximum."""
    if len(segments) == 0:
        return
    _, rows, columns = canvas.shape
    reach = width / 2 + 0.5  # no pixel centre farther than this from a segment has ink
    steep = (segments[:, 3] - segments[:, 1]).abs() > (segments[:, 2] - segments[:, 0]).abs()
    # Each segment is walked along its major axis, x or, where it is steep, y, upwards. From here on everything
    # is in (major, minor) coordinates, and which is which shows only in the strides and the sizes.
    segments = torch.where(steep[:, None], segments[:, [1, 0, 3, 2]], segments)
    segments = torch.where((segments[:, 0] > segments[:, 2])[:, None], segments[:, [2, 3, 0, 1]], segments)
    x0, y0, x1, y1 = segments.unbind(1)
    length = (segments[:, 2:] - segments[:, :2]).square().sum(1).sqrt_()
    slope = torch.where(x1 > x0, (y1 - y0) / (x1 - x0), 0)  # a dot has no direction; any will do
    begin = (x0 - reach).ceil_()
    end = (x1 + reach).floor_()
    # Across the minor axis ink reaches at most sqrt(2) * reach to either side of the segment.
    steps_across = torch.arange(int(2 * 2**0.5 * reach) + 1, device=canvas.device)[:, None]
    offsets = steps_across.to(segments.dtype)
    box = torch.stack([x0, torch.minimum(y0, y1), -x1, -torch.maximum(y0, y1)], 1).amin(0).tolist()
    margin = len(offsets)
    inside = min(box[:2]) >= margin and -min(box[2:]) < min(rows, columns) - margin
    if not inside:
        begin = begin.clamp_(min=0)
        end = torch.minimum(end, torch.where(steep, rows - 1, columns - 1))
    counts = end.sub_(begin).add_(1).clamp_(min=0).long()
    major_stride = torch.where(steep, columns, 1)
    # What each step needs of its segment; few things, because they are copied once for every step.
    table = torch.stack([begin - x0, y0, slope, length])
    places = torch.stack([owner * (rows * columns) + begin.long() * major_stride, major_stride])
    flat = canvas.view(-1)
    for first, last in _chunks(counts, len(offsets), canvas.device):
        count = counts[first:last]
        of = torch.repeat_interleave(count)  # the segment of each step
        step = torch.arange(len(of), device=canvas.device) - (torch.cumsum(count, 0) - count).index_select(
            0, of
        )
        px, y0, slope, length = table[:, first:last].index_select(1, of)
        index, major_stride = places[:, first:last].index_select(1, of)
        minor_stride = columns + 1 - major_stride
        px = px + step
        secant = slope.square().add_(1).sqrt_()
        ux = secant.reciprocal()
        uy = slope * ux
        # The lowest pixel with ink: below the nearest point of the segment, by reach across its direction.
        centre = torch.minimum(px.clamp(min=0), length * ux).mul_(slope).add_(y0)
        bottom = centre.sub_(secant, alpha=reach).ceil_()
        # Every step looks at as many pixels, (offsets, steps): t runs along the segment, v across it.
        py = bottom - y0
        t = torch.addcmul(px * ux + py * uy, offsets, uy)
        v = torch.addcmul(px * uy - py * ux, offsets, ux, value=-1)
        t -= torch.minimum(t.clamp(min=0), length)
        ink = torch.rsub(v.square_().addcmul_(t, t).sqrt_(), reach).clamp_(0, 1)
        index = torch.addcmul(index, step, major_stride)
        if inside:
            index.addcmul_(bottom.long(), minor_stride)
            index = _multiples(index, minor_stride, len(offsets))
        else:
            minor = bottom.long() + steps_across
            minors = torch.where(minor_stride == 1, columns, rows)
            ink *= (minor >= 0) & (minor < minors)
            minor = torch.minimum(minor.clamp_(min=0), minors - 1)
            index = torch.addcmul(index, minor, minor_stride)
        flat.scatter_reduce_(0, index.view(-1), ink.view(-1), "amax")


def _multiples(start: Tensor, stride: Tensor, rows: int) -> Tensor:
    """start + row * stride, (rows, len(start)), by adding: products of int64 are slow on a CPU."""
    table = start.new_empty(rows, len(start))
    table[0] = start
    for row in range(1, rows):
        torch.add(table[row - 1], stride, out=table[row])
    return table


def _chunks(counts: Tensor, width: int, device: torch.device) -> Iterable[tuple[int, int]]:
    """Ranges of segments whose pixels, `width` for each of `counts` steps, fit the memory of one chunk."""
    budget = (_CHUNK_CPU if device.type == "cpu" else _CHUNK_GPU) // width
    total = torch.cumsum(counts, 0)
    if not len(counts) or int(total[-1]) <= budget:
        yield 0, len(counts)
        return
    ends = total.tolist()
    first = 0
    while first < len(ends):
        done = ends[first - 1] if first else 0
        last = max(bisect_right(ends, done + budget), first + 1)
        yield first, last
        first = last


def rasterize_polylines(lines: Polylines, n_images: int, size: int = 225, width: float = 3.0) -> Tensor:
    """Images (n_images, 1, size, size), float32 in [0, 1], of packed polylines given in pixels.

    Raises ValueError for a size that is no number of pixels, or a width of 0 or less.
    """
    check_frame(size, width)
    canvas = _blank(n_images, size, lines.points.device)
    if len(lines.points):
        _draw(canvas, *_segments(lines), width)
    return canvas[:, None]


def check_frame(size: int, width: float, extent: float | None = None) -> None:
    """Raise ValueError, naming the argument, for a size, a pen or an extent in which nothing can be drawn."""
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
        raise ValueError(f"size must be a whole number of pixels from 1 on, not {size!r}")
    if not 0 < width < np.inf:
        raise ValueError(f"width must be above 0 and finite, not {width!r}")
    if extent is not None and not 0 < extent < np.inf:
        raise ValueError(f"extent must be above 0 and finite, or None, not {extent!r}")


def _blank(n_images: int, size: int, device: torch.device) -> Tensor:
    """(n_images, size, size) of 0."""
    if device.type != "cpu":
        return torch.zeros(n_images, size, size, device=device)
    # Of NumPy, which asks the system for huge pages: the first touch of the small ones of torch.zeros takes as long
    # as drawing does.
    return torch.from_numpy(np.zeros((n_images, size, size), np.float32))


def rasterize(
    sketches: Sketch | Sequence[Iterable[np.ndarray]],
    size: int = 225,
    width: float = 3.0,
    extent: float | None = 200.0,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw sketches, each centred in its frame.

    Parameters
    ----------
    sketches : a `Sketch`, several, or iterables of (n, >=2) strokes.
    size : side of the images in pixels.
    width : width of the pen in pixels.
    extent : length in pixels given to the longer side of each sketch; None takes coordinates as pixels.
    device : where the images are drawn.

    Returns
    -------
    (len(sketches), 1, size, size) float32 in [0, 1], ink 1 on paper 0, (1, 1, size, size) for a single `Sketch`. A sketch
    without strokes is blank. Raises ValueError, naming the argument, for a size that is no number of pixels, or an extent
    or width of 0 or less.

    >>> rasterize([[np.array([[0, 0], [5, 5]])]], size=64, extent=60).shape
    torch.Size([1, 1, 64, 64])
    """
    check_frame(size, width, extent)
    if isinstance(sketches, Sketch):
        sketches = [sketches]
    drawings = [[np.asarray(stroke, np.float64)[:, :2] for stroke in sketch] for sketch in sketches]
    if extent is not None:
        drawings = [_fitted(strokes, size, extent) if strokes else strokes for strokes in drawings]
    return rasterize_polylines(pack(drawings, device), len(drawings), size, width)


def _fitted(strokes: list[np.ndarray], size: int, extent: float) -> list[np.ndarray]:
    lower = np.min([stroke.min(0) for stroke in strokes], 0)
    upper = np.max([stroke.max(0) for stroke in strokes], 0)
    scale, offset = fit_to_frame(lower, upper, size, extent)
    return [stroke * scale + offset for stroke in strokes]


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
        strokes = [np.asarray(stroke, np.float32)[:, :2] for stroke in strokes if len(stroke)]
        if strokes:
            segments = torch.from_numpy(_segments_of(strokes)).to(self.image.device)
            _draw(self.image[0], segments, 0, self.width)

    def clear(self) -> None:
        """Take everything off the canvas."""
        self.image.zero_()
