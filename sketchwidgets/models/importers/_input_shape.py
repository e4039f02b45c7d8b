"""What a network takes that is about to be written: as told, else as it says itself."""

from typing import Any

from torch import nn

from ._preprocessing import ImagePreprocessing


def input_shape(
    network: nn.Module, input_size: Any, preprocessing: ImagePreprocessing | None, usual: int | None = None
) -> tuple[int, int, int]:
    """(channels, height, width) of the images of a network.

    input_size : a number of pixels or (height, width); None: that of the preprocessing, else the network's own
        `input_size`, else `usual`.

    Raises TypeError for what is no network or no size, ValueError where a size is out of range or not that of the
    preprocessing, or where nothing says what the network takes.
    """
    if not isinstance(network, nn.Module):
        raise TypeError(f"network must be a torch.nn.Module, not {type(network).__name__}")
    channels = getattr(network, "channels", None)
    if not isinstance(channels, int):
        convolutions = (m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d))
        first = next(convolutions, None)
        if first is None:
            raise ValueError("the network has no convolution that says how many channels it takes")
        channels = first.in_channels
    size = input_size
    if size is None:
        size = preprocessing.size if preprocessing is not None else getattr(network, "input_size", usual)
    if size is None:
        raise ValueError("input_size must be given: the network does not say how large its images are")
    sides = size if isinstance(size, tuple | list) else (size, size)
    if len(sides) != 2 or not all(isinstance(s, int) and not isinstance(s, bool) for s in sides):
        raise TypeError(f"input_size must be a number of pixels or (height, width), not {size!r}")
    if not all(1 <= side <= 4096 for side in sides):
        raise ValueError(f"input_size must be in 1..4096, not {size!r}")
    if preprocessing is not None and tuple(sides) != preprocessing.size:
        raise ValueError(f"input_size is {tuple(sides)}, and the preprocessing makes {preprocessing.size}")
    return channels, sides[0], sides[1]
