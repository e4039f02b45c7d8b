"""What a widget is given first is a network; a drawing in its place is a slip that deserves an answer."""

import inspect
from typing import Any

import numpy as np
from PIL.Image import Image
from torch import Tensor

from ...sketch import Sketch
from ...visualization import Network
from ..board.sketch_pad import SketchPad


def network_of(network: Any, widget: type) -> Network:
    """`Network.of`; the TypeError says what to write where a widget was given a drawing or a picture instead."""
    try:
        return Network.of(network)
    except TypeError as error:
        hint = hint_at_source(network, widget)
        if not hint:
            raise
        raise TypeError(f"{error}{hint}") from None


def hint_at_source(given: Any, widget: type) -> str:
    """What to add to an error about `given`, where it is no network but would be a source; else nothing."""
    given = getattr(given, "pad", given)  # of a SketchLab
    drawn = isinstance(given, SketchPad | Sketch | Image | Tensor | np.ndarray)
    if not drawn or "source" not in inspect.signature(widget).parameters:
        return ""
    return f"; what it shall look at is the source: {widget.__name__}(source=...)"
