"""Which part of the tiles of a row is shown where they are cropped to their signal.

The page does the same for the tiles that it paints itself: js/src/signal_window.js. Both follow
js/test/signal_windows.json.
"""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from ._values import ZERO

Window = tuple[slice, slice]

# What stands out is a tenth of the strongest: from this many greys off zero, of 127.
_STANDS_OUT = 13
# Steps, so that a row does not change its scale with every stroke.
_SIDES = (12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
# Room around the signal: the side is at least so many times as long.
_ROOM = 1.125


def check_crop(crop: str) -> None:
    """ValueError for what is no crop."""
    if crop not in ("signal", "field"):
        raise ValueError(f'crop must be "signal" or "field", not {crop!r}')


def stands_out(values: np.ndarray | Tensor) -> np.ndarray:
    """Where signal stands out, bool (h, w): of greys around 128, uint8 (h, w[, C]), or of signed values, float (C, h, w)."""
    if isinstance(values, Tensor):
        sizes = values.detach().float().abs().amax(0)
        strong = sizes * 127 >= (_STANDS_OUT - 0.5) * sizes.max()
        return (strong & (sizes > 0)).cpu().numpy()
    strong = np.abs(values.astype(np.int16) - ZERO) >= _STANDS_OUT
    return strong.reshape(*values.shape[:2], -1).any(2)


def signal_windows(strong: Sequence[np.ndarray | None], field: int) -> list[Window]:
    """A window (rows, columns) for each tile of a row, all of one side so that they keep one scale.

    strong : for each tile where in the square of the field its signal stands out, (field, field) bool; None for a dead
    channel. The windows lie around that, or are the whole field where it fills the field or there is none.

    >>> from sketchwidgets.visualization.figures._signal_window import signal_windows
    >>> strong = np.zeros((96, 96), bool)
    >>> strong[40:50, 60:70] = True
    >>> signal_windows([strong], 96)
    [(slice(39, 51, None), slice(59, 71, None))]
    """
    boxes = [None if one is None else _box(one) for one in strong]
    extents = [max(bottom - top, right - left) for top, left, bottom, right in filter(None, boxes)]
    side = field
    if extents:
        side = min(field, next((one for one in _SIDES if one >= _ROOM * max(extents)), field))

    def around(low: int, high: int) -> slice:
        start = min(field - side, max(0, (low + high - side) // 2))
        return slice(start, start + side)

    whole = 0, 0, field, field
    return [
        (around(top, bottom), around(left, right)) for top, left, bottom, right in (b or whole for b in boxes)
    ]


def whole_windows(count: int, side: int) -> list[Window]:
    """As many windows that are the whole field."""
    return [(slice(0, side), slice(0, side))] * count


def _box(strong: np.ndarray) -> tuple[int, int, int, int] | None:
    """Top, left, bottom, right around what stands out."""
    rows, columns = np.flatnonzero(strong.any(1)), np.flatnonzero(strong.any(0))
    if not len(rows):
        return None
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
