"""Drawings as the ink of 1, 3 or 6 channels, for networks of any input size."""

import numpy as np
from torch import Tensor, nn

from sketchwidgets.recognition import Preprocessing
from sketchwidgets.sketch import stroke_order_channels
from sketchwidgets.sketch.augmentation.stroke_order import CHANNELS as STROKE_ORDER_CHANNELS


def draw_ink(
    strokes: list[np.ndarray], preprocessing: Preprocessing, size: tuple[int, int], channels: int
) -> Tensor:
    """(channels, h, w) float32, ink 1 on paper 0, centred; paper fills up the longer side of `size`."""
    if channels == STROKE_ORDER_CHANNELS:
        image = stroke_order_channels(
            strokes, preprocessing.size, preprocessing.stroke_width, preprocessing.extent
        )
    else:
        canvas = preprocessing.canvas()
        canvas.set_strokes(strokes)
        image = canvas.image[0].expand(channels, -1, -1)
    height, width = size
    above, left = (height - preprocessing.size) // 2, (width - preprocessing.size) // 2
    below, right = height - preprocessing.size - above, width - preprocessing.size - left
    return nn.functional.pad(image, (left, right, above, below))
