"""The order of the strokes as six channels (Yu et al., BMVC 2015)."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .._normalize import fit_to_frame
from ..rasterizer import Polylines, check_frame, pack, rasterize_polylines
from ._packed import of_sketch

CHANNELS = 6


def stroke_order_parts(count: int) -> list[range]:
    """The strokes of each of the six channels, of a drawing of so many strokes.

    In the authors' order: part 1, part 2, part 3, parts 1 and 2, parts 2 and 3, all. The parts have equal numbers of
    strokes, the first ones one more where that does not divide; of fewer than three strokes the last are empty.

    >>> [list(strokes) for strokes in sw.sketch.stroke_order_parts(4)]
    [[0, 1], [2], [3], [0, 1, 2], [2, 3], [0, 1, 2, 3]]
    """
    one, two = -(-count // 3), -(-2 * count // 3)
    edges = ((0, one), (one, two), (two, count), (0, two), (one, count), (0, count))
    return [range(*edge) for edge in edges]


def stroke_order_channels(
    sketch: Any,
    size: int = 225,
    width: float = 3.0,
    extent: float | None = 200.0,
    device: torch.device | str = "cpu",
) -> Tensor:
    """A drawing as the six stroke-order channels, (6, size, size) float32, ink 1 on paper 0.

    The channels of `stroke_order_parts`, all in the frame of the whole drawing, so that the last is the image of
    `sw.rasterize` (Yu et al., BMVC 2015, figure 1).

    Parameters
    ----------
    sketch : a Sketch, or its strokes. Of none all channels are blank.
    size : side of the image. width : of the pen. Both in pixels.
    extent : pixels given to the longer side of the drawing; None takes coordinates as pixels.

    Raises ValueError, naming the argument; SketchError for what is no sketch.

    >>> sketch = sw.Sketch([[(0, 0), (9, 0)], [(0, 5), (9, 5)], [(0, 9), (9, 9)]])
    >>> channels = sw.sketch.stroke_order_channels(sketch, size=64, extent=50)
    >>> channels.shape, bool((channels[:3].amax(0) == channels[5]).all())
    (torch.Size([6, 64, 64]), True)
    """
    check_frame(size, width, extent)
    sketch, lines = of_sketch(sketch)
    points = lines.points
    if extent is not None and len(points):
        scale, offset = fit_to_frame(points.min(0), points.max(0), size, extent)
        points = points * scale + offset
    strokes = np.split(points, lines.ends[:-1] + 1) if len(sketch) else []
    return rasterize_stroke_order(pack([strokes], device), 1, size, width)[0]


def rasterize_stroke_order(lines: Polylines, n_images: int, size: int = 225, width: float = 3.0) -> Tensor:
    """Images (n_images, 6, size, size), float32 in [0, 1], of packed polylines given in pixels.

    `lines.image` must be rising. Every stroke is drawn once: strokes combine by maximum, and so do parts.

    >>> lines = sw.sketch.rasterizer.pack([[np.array([[4.0, 4], [20, 4]])]])
    >>> sw.sketch.augmentation.rasterize_stroke_order(lines, 1, size=32).amax((2, 3))
    tensor([[1., 0., 0., 1., 0., 1.]])
    """
    image = lines.image.cpu().numpy()
    if len(image) and ((np.diff(image) < 0).any() or image[0] < 0 or image[-1] >= n_images):
        raise ValueError(f"lines.image must be rising, from 0 to below n_images, {n_images}")
    place = torch.from_numpy(CHANNELS * image + _part_of(image)).to(lines.points.device)
    drawn = rasterize_polylines(lines._replace(image=place), CHANNELS * n_images, size, width)
    channels = drawn.view(n_images, CHANNELS, size, size)
    for part, (one, other) in {3: (0, 1), 4: (1, 2), 5: (3, 2)}.items():
        torch.maximum(channels[:, one], channels[:, other], out=channels[:, part])
    return channels


def _part_of(image: NDArray[np.int64]) -> NDArray[np.int64]:
    """(S,) 0, 1 or 2: the part of its drawing that each stroke belongs to, of rising numbers of drawings."""
    first = np.searchsorted(image, image)
    count = np.searchsorted(image, image, side="right") - first
    place = np.arange(len(image)) - first
    return (place >= -(-count // 3)).astype(np.int64) + (place >= -(-2 * count // 3))
