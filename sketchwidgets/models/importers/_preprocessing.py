"""What a picture goes through before an imported network sees it."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sketchwidgets.models._pictures import as_picture, fit

_ORDERS = {1: ("grey",), 3: ("rgb", "bgr")}
_INKS = ("negative", "positive")


def check_ink(ink: Any) -> None:
    """ValueError for what is neither "negative" nor "positive"."""
    if ink not in _INKS:
        raise ValueError(f"ink must be one of {', '.join(map(repr, _INKS))}, not {ink!r}")


def usual_ink(channels: int, mean: Tensor | None) -> str:
    """Where nothing is said: positive for 1 channel and the 6 of stroke order without a mean, else negative.

    A network for drawings sees ink on a paper of 0 and has no mean to take off; one for pictures is shown the paper.
    """
    return "positive" if channels in (1, 6) and mean is None else "negative"


@dataclass(frozen=True, eq=False)
class ImagePreprocessing:
    """Pictures -> (1, channels, h, w) input of an imported network: (255 * picture - mean) * scale.

    size : (height, width) in pixels of the input.
    channels : of the input.
    channel_order : "rgb" or "bgr" of 3 channels, "grey" of 1, None of other numbers.
    mean : what is subtracted from values in 0..255, in the order of the network's channels: (channels,) or, for
        every pixel, (channels, height, width), float32. None: nothing.
    scale : what the difference is multiplied by; 1 / 255 for networks that take 0..1.
    ink : "negative": values as a person sees them. "positive": 255 minus them, so that dark ink on white paper
        is bright on black, as Sketch-a-Net wants it (Yu et al., BMVC 2015). The files do not say this.
    resize : what the shorter side of a picture becomes before its centre is cropped to `size`; None: the size.
    interpolation : "bilinear", "bicubic" or "nearest".

    Raises ValueError that names the field.

    >>> from sketchwidgets.models.importers import ImagePreprocessing
    >>> grey = ImagePreprocessing((2, 2), 1, "grey", mean=torch.tensor([100.0]))
    >>> grey.prepare(np.full((4, 6), 110, np.uint8))
    tensor([[[[10., 10.],
              [10., 10.]]]])
    """

    size: tuple[int, int]
    channels: int
    channel_order: str | None = None
    mean: Tensor | None = None
    scale: float = 1.0
    ink: str = "negative"
    resize: int | None = None
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        if len(self.size) != 2 or not all(1 <= side <= 4096 for side in self.size):
            raise ValueError(f"size must be (height, width) in 1..4096, not {self.size!r}")
        object.__setattr__(self, "size", (int(self.size[0]), int(self.size[1])))
        orders = _ORDERS.get(self.channels, (None,))
        if self.channel_order is None:
            object.__setattr__(self, "channel_order", orders[0])
        if self.channel_order not in orders:
            known = " or ".join(map(repr, orders))
            raise ValueError(
                f"channel_order of {self.channels} channels must be {known}, not {self.channel_order!r}"
            )
        if self.mean is not None:
            object.__setattr__(self, "mean", self.mean.detach().float().cpu())
            if tuple(self.mean.shape) not in ((self.channels,), (self.channels, *self.size)):
                shapes = f"({self.channels},) or {(self.channels, *self.size)}"
                raise ValueError(f"mean must be {shapes}, not {tuple(self.mean.shape)}")
            if not bool(self.mean.isfinite().all()):
                raise ValueError("mean holds values that are not finite")
        if not 0 < self.scale < float("inf"):
            raise ValueError(f"scale must be finite and above 0, not {self.scale!r}")
        check_ink(self.ink)
        if self.resize is not None and not min(self.size) <= self.resize <= 8192:
            raise ValueError(f"resize must be in {min(self.size)}..8192, not {self.resize!r}")

    def prepare(self, image: Any) -> Tensor:
        """A picture as (1, channels, h, w) float32.

        image : a PIL image; an array (H, W), (H, W, 3) or (H, W, 4); or a tensor (H, W) or (1, 3 or 4; H, W).
            uint8 counts 0..255, bool and floating point 0..1.

        Raises TypeError and ValueError for what is no picture, or where the input has neither 1 nor 3 channels.
        """
        if self.channels not in _ORDERS:
            raise ValueError(f"a picture has 1 or 3 channels, and the network takes {self.channels}")
        values = fit(as_picture(image), self.size, self.resize, self.interpolation, self.channels)
        if self.ink == "positive":
            values = 1 - values
        if self.channel_order == "bgr":
            values = values.flip(0)
        values = 255 * values
        if self.mean is not None:
            values = values - (self.mean[:, None, None] if self.mean.ndim == 1 else self.mean)
        return (self.scale * values)[None].contiguous()
