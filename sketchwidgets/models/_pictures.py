"""Pictures of every kind as (1 or 3, H, W) float tensors in [0, 1], and fitted to the input of a network."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

_MOST_PIXELS = 1 << 28


def as_picture(source: Any) -> Tensor:
    """A picture as (1, H, W) or (3, H, W) float32 in [0, 1], as a person sees it: 1 is white.

    source : a PIL image; an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); or a tensor (H, W), (1, H, W),
        (3, H, W) or (4, H, W). uint8 counts 0..255, bool and floating point 0..1. What is transparent is white.

    Raises TypeError for anything else, ValueError for other shapes and for values out of range.
    """
    values = _from_pil(source)
    if isinstance(values, Tensor):
        picture = _channels_first(_in_range(values.detach().cpu()))
    elif isinstance(values, np.ndarray):
        if values.dtype.kind not in "bf" and values.dtype != np.uint8:
            raise ValueError(f"source must be uint8, bool or floating point, not {values.dtype}")
        picture = _channels_last(_in_range(torch.from_numpy(np.array(values))))
    else:
        raise TypeError(
            "source must be a Sketch, a PIL image, an array (H, W[, 3]) or a tensor (C, H, W), "
            f"not {type(source).__name__}"
        )
    if picture.shape[0] == 4:
        colours, alpha = picture[:3], picture[3:]
        picture = colours * alpha + (1 - alpha)
    return picture


def fit(
    picture: Tensor, size: tuple[int, int], resize: int | None, interpolation: str, channels: int
) -> Tensor:
    """A picture (1 or 3, H, W) as (channels, h, w) for 1 or 3 channels: shorter side resized, centre cropped.

    `resize` is what the shorter side becomes before the crop; None: no more is cropped than the aspect ratio asks.
    """
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2 import functional as F

    height, width = picture.shape[1:]
    wanted = size if resize is None else [side * resize / min(size) for side in size]
    scale = max(wanted[0] / height, wanted[1] / width)
    new = [max(size[0], int(height * scale + 1e-6)), max(size[1], int(width * scale + 1e-6))]
    if new != [height, width]:
        picture = F.resize(picture, new, InterpolationMode(interpolation), antialias=True).clamp(0, 1)
    picture = F.center_crop(picture, list(size))
    if channels == 1 and picture.shape[0] == 3:
        picture = F.rgb_to_grayscale(picture)
    return picture.expand(channels, -1, -1)


def _from_pil(source: Any) -> Any:
    from PIL import Image, ImageOps

    if not isinstance(source, Image.Image):
        return source
    upright = ImageOps.exif_transpose(source)
    if upright.mode in ("1", "L"):
        return np.asarray(upright.convert("L"))
    if upright.mode.startswith("I") or upright.mode == "F":
        raise ValueError(
            f"source is an image of mode {upright.mode!r}; scale it to 0..255 and convert it to 'L'"
        )
    return np.asarray(upright.convert("RGBA" if upright.has_transparency_data else "RGB"))


def _in_range(values: Tensor) -> Tensor:
    """The values as float32 in [0, 1]."""
    if values.ndim not in (2, 3) or 0 in values.shape:
        hint = "; give one image, source[0]" if values.ndim == 4 else ""
        raise ValueError(
            f"source must be one picture, (H, W) or with channels, not {tuple(values.shape)}{hint}"
        )
    if values.numel() > _MOST_PIXELS:
        raise ValueError(f"source is too large, {tuple(values.shape)}")
    if values.dtype == torch.uint8:
        return values.float() / 255
    if values.dtype == torch.bool:
        return values.float()
    if not values.is_floating_point():
        raise ValueError(f"source must be uint8, bool or floating point, not {values.dtype}")
    if not torch.isfinite(values).all():
        raise ValueError("source holds values that are not finite")
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        hint = "; divide by 255" if low >= 0 and 2 < high <= 255 else ""
        raise ValueError(f"source of floating point must lie in 0..1, not {low:.3g}..{high:.3g}{hint}")
    return values.float()


def _channels_first(values: Tensor) -> Tensor:
    if values.ndim == 2:
        return values[None]
    if values.shape[0] not in (1, 3, 4):
        raise ValueError(f"source as a tensor must be (C, H, W) with C 1, 3 or 4, not {tuple(values.shape)}")
    return values


def _channels_last(values: Tensor) -> Tensor:
    if values.ndim == 2:
        return values[None]
    if values.shape[2] not in (1, 3, 4):
        hint = "; channels come last in an array" if values.shape[0] in (1, 3, 4) else ""
        raise ValueError(f"source as an array must be (H, W[, 1, 3 or 4]), not {tuple(values.shape)}{hint}")
    return values.permute(2, 0, 1)
