"""Drawings as the ink of 1, 3 or 6 channels, for networks of any input size."""

from itertools import pairwise

import numpy as np
from torch import Tensor, nn

from sketchwidgets.recognition import Preprocessing
from sketchwidgets.sketch._normalize import fit_to_frame
from sketchwidgets.sketch.rasterizer import rasterize

STROKE_ORDER_CHANNELS = 6


def draw_ink(
    strokes: list[np.ndarray], preprocessing: Preprocessing, size: tuple[int, int], channels: int
) -> Tensor:
    """(channels, h, w) float32, ink 1 on paper 0, centred; paper fills up the longer side of `size`."""
    if channels == STROKE_ORDER_CHANNELS:
        image = _stroke_order(strokes, preprocessing)
    else:
        canvas = preprocessing.canvas()
        canvas.set_strokes(strokes)
        image = canvas.image[0].expand(channels, -1, -1)
    height, width = size
    above, left = (height - preprocessing.size) // 2, (width - preprocessing.size) // 2
    below, right = height - preprocessing.size - above, width - preprocessing.size - left
    return nn.functional.pad(image, (left, right, above, below))


def _stroke_order(strokes: list[np.ndarray], preprocessing: Preprocessing) -> Tensor:
    """The six channels of Yu et al. (BMVC 2015): parts 1, 2, 3, 1 and 2, 2 and 3, all, in the frame of all.

    The parts have equal numbers of strokes, the first ones one more where that does not divide; of a
    drawing of fewer than three strokes the last parts are blank.
    """
    if strokes:
        lower = np.min([stroke.min(0) for stroke in strokes], 0)
        upper = np.max([stroke.max(0) for stroke in strokes], 0)
        scale, offset = fit_to_frame(lower, upper, preprocessing.size, preprocessing.extent)
        strokes = [(stroke * scale + offset).astype(np.float32) for stroke in strokes]
    ends = [-(-len(strokes) * part // 3) for part in range(4)]
    first, second, third = (strokes[i:j] for i, j in pairwise(ends))
    parts = [first, second, third, first + second, second + third, strokes]
    return rasterize(parts, preprocessing.size, preprocessing.stroke_width, extent=None)[:, 0]
