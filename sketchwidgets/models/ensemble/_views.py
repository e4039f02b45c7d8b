"""What each network of the ensemble sees: the sketch as thick ink, blurred to a scale, cut to ten views."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sketchwidgets.models._checks import check_range, check_whole

CROP = 225
"""Side of the input of Sketch-a-Net in pixels."""

_CORNERS = ((15, 15), (0, 0), (31, 0), (0, 31), (31, 31))
"""Top left corners (row, column) of the five crops of a 256 image, the middle one first.

Numbered as in the released code, whose middle is at 15; other networks are tested as torchvision crops, at 16
(`sketchwidgets.training.Views`).
"""

VIEWS = 2 * len(_CORNERS)
"""The crops and their mirror images."""


@dataclass(frozen=True)
class InkPreparation:
    """Grey sketches, black on white -> (n, 1, size, size) ink, 1 on paper 0, strokes as thick as the pen.

    The image is made square with paper, resized, blurred by a Gaussian and multiplied, then cut off at 1: thin grey
    lines become lines of full ink about three pixels wide, which is what the bundled Sketch-a-Net was trained on.

    size : side in pixels, 256 in the released code of Sketch-a-Net.
    blur : standard deviation in pixels after resizing; 0 leaves the lines as they are.
    gain : factor on the ink after the blur.

    Raises ValueError, naming the argument.
    """

    size: int = 256
    blur: float = 1.0
    gain: float = 3.0

    def __post_init__(self) -> None:
        check_whole("size", self.size, CROP, 1024)
        check_range("blur", self.blur, least=0, most=16)
        check_range("gain", self.gain, above=0, most=64)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready numbers."""
        return asdict(self)

    def __call__(self, images: np.ndarray | Tensor) -> Tensor:
        """(n, 1, size, size) float32 in [0, 1] of images (n, h, w) uint8, 0 is ink and 255 paper.

        On the device of the images, the CPU for an array.

        >>> white = np.full((2, 150, 150), 255, np.uint8)
        >>> sw.models.ensemble.InkPreparation()(white).shape
        torch.Size([2, 1, 256, 256])
        """
        images = torch.as_tensor(images if isinstance(images, Tensor) else np.asarray(images))
        if images.ndim != 3 or images.dtype != torch.uint8 or not images.numel():
            raise ValueError(f"images must be (n, h, w) uint8, not {tuple(images.shape)} {images.dtype}")
        ink = 1 - images[:, None].float() / 255
        height, width = ink.shape[2:]
        side = max(height, width)
        top, left = (side - height) // 2, (side - width) // 2
        ink = F.pad(ink, (left, side - width - left, top, side - height - top))
        ink = _resize(ink, self.size)
        if self.blur:
            ink = _gaussian(ink, self.blur)
        return (self.gain * ink).clamp(0, 1)


def at_scale(images: Tensor, scale: int) -> Tensor:
    """Images (n, c, h, h) reduced to `scale` pixels and enlarged again: blurred, of the same size.

    Bicubic, anti-aliased, cut off to [0, 1]. A scale equal to the size gives the images themselves.

    The five networks of Yu et al. (BMVC 2015) see 256, 224, 192, 128 and 64 pixels.

    >>> sw.models.ensemble.at_scale(torch.rand(1, 1, 256, 256), 64).shape
    torch.Size([1, 1, 256, 256])
    """
    if images.ndim != 4 or images.shape[2] != images.shape[3]:
        raise ValueError(f"images must be (n, c, side, side), not {tuple(images.shape)}")
    side = images.shape[2]
    if isinstance(scale, bool) or not isinstance(scale, int) or not 1 <= scale <= side:
        raise ValueError(f"scale must be a whole number from 1 to {side}, not {scale!r}")
    return images if scale == side else _resize(_resize(images, scale), side)


def view(images: Tensor, index: int) -> Tensor:
    """View `index`, 0 to 9, of images (n, c, 256, 256): (n, c, 225, 225).

    Crops at rows and columns (15, 15), (0, 0), (31, 0), (0, 31), (31, 31), each followed by its left-right mirror
    image; the ten of `cnn_test.m` in the released code of Sketch-a-Net.

    >>> image = torch.arange(256.0).expand(1, 1, 256, 256)
    >>> sw.models.ensemble.view(image, 0)[0, 0, 0, :3], sw.models.ensemble.view(image, 1)[0, 0, 0, :3]
    (tensor([15., 16., 17.]), tensor([239., 238., 237.]))
    """
    if images.ndim != 4 or tuple(images.shape[2:]) != (CROP + 31, CROP + 31):
        raise ValueError(f"images must be (n, c, {CROP + 31}, {CROP + 31}), not {tuple(images.shape)}")
    if isinstance(index, bool) or not isinstance(index, int | np.integer):
        raise TypeError(f"index must be a whole number, not {index!r}")
    if not 0 <= index < VIEWS:
        raise ValueError(f"index must be 0 to {VIEWS - 1}, not {index}")
    row, column = _CORNERS[index // 2]
    cut = images[:, :, row : row + CROP, column : column + CROP]
    return cut.flip(3) if index % 2 else cut


def _resize(images: Tensor, side: int) -> Tensor:
    if images.shape[2] == side:
        return images
    # Bicubic oversteps beside an edge; ink has no less than none.
    return F.interpolate(images, (side, side), mode="bicubic", antialias=True, align_corners=False).clamp(
        0, 1
    )


def _gaussian(images: Tensor, sigma: float) -> Tensor:
    reach = int(np.ceil(3 * sigma))
    steps = torch.arange(-reach, reach + 1, dtype=torch.float32, device=images.device)
    weights = torch.exp(-(steps**2) / (2 * sigma**2))
    weights = (weights / weights.sum()).view(1, 1, -1, 1)
    images = F.conv2d(images, weights, padding=(reach, 0))
    return F.conv2d(images, weights.transpose(2, 3), padding=(0, reach))
