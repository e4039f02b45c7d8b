"""What a file says about its input and its classes.

SimpleNN and DagNN: `meta.normalization` with imageSize [height width channels], averageImage (an image, a colour or a
number, values 0..255), border or cropSize (what a picture is larger than the input before it is cropped),
interpolation; `meta.classes.description`. Older files have `normalization` and `classes` in the network itself.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ._fields import Fields, is_empty, is_numeric
from ._values import Value

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic")


class Meta(NamedTuple):
    size: tuple[int, int] | None
    channels: int | None
    average: np.ndarray | None  # as in the file
    resize: int | None
    interpolation: str
    classes: tuple[str, ...] | None


def read_meta(net: Fields) -> Meta:
    """What is known; None for the rest."""
    meta = net.struct("meta")
    normalization = next(
        (part.struct("normalization") for part in (meta, net) if part.has("normalization")), None
    )
    if normalization is None:
        normalization = Fields({}, f"{net.where}, 'normalization'")
    size, channels = _image_size(meta, normalization)
    average = next(
        (
            part.values[name]
            for part, name in ((normalization, "averageImage"), (net, "averageImage"), (net, "imageMean"))
            if is_numeric(part.values.get(name)) and part.has(name)
        ),
        None,
    )
    interpolation = normalization.values.get("interpolation")
    return Meta(
        size,
        channels,
        average,
        _resize(normalization, size),
        interpolation if interpolation in _INTERPOLATIONS else "bilinear",
        _classes(meta) or _classes(net),
    )


def mean_of(average: np.ndarray | None, size: tuple[int, int], channels: int, where: str) -> Tensor | None:
    """An average image as (channels, height, width) or, for a colour, (channels,); None if there is none.

    One that is larger than the input is cropped to its centre; of one that is smaller, the average colour is taken.
    """
    if average is None:
        return None
    if average.size in (1, channels):
        mean = torch.from_numpy(np.array(average, np.float32)).reshape(-1)
        return mean.expand(channels).clone()
    fields = Fields({}, where)
    if average.ndim > 3 or (average.shape[2] if average.ndim == 3 else 1) != channels:
        shape = " x ".join(map(str, average.shape))
        raise fields.fail(f"an average image of {shape} for a network of {channels} channels")
    mean = (
        torch.from_numpy(np.array(average, np.float32)).reshape(*average.shape[:2], channels).permute(2, 0, 1)
    )
    if not bool(mean.isfinite().all()):
        raise fields.fail("the average image holds values that are not finite")
    height, width = mean.shape[1:]
    if height < size[0] or width < size[1]:
        return mean.mean((1, 2))
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return mean[:, top : top + size[0], left : left + size[1]].contiguous()


def _image_size(meta: Fields, normalization: Fields) -> tuple[tuple[int, int] | None, int | None]:
    if normalization.has("imageSize"):
        return _sizes(normalization.numbers("imageSize"))
    inputs = meta.values.get("inputs")
    first = inputs[0] if isinstance(inputs, list) and inputs else inputs
    if isinstance(first, dict) and is_numeric(first.get("size")):
        return _sizes(Fields(first, f"{meta.where}, 'inputs'").numbers("size"))
    size = meta.values.get("inputSize")
    if isinstance(size, list):  # {'data', [224 224 3 10]}
        size = next((item for item in size if is_numeric(item)), None)
    if is_numeric(size) and not is_empty(size):
        return _sizes(Fields({"inputSize": size}, meta.where).numbers("inputSize"))
    return None, None


def _sizes(values: list[float]) -> tuple[tuple[int, int] | None, int | None]:
    whole = [int(v) if v == math.floor(v) else 0 for v in values]
    if len(whole) < 2 or not all(1 <= side <= 4096 for side in whole[:2]):
        return None, None
    channels = whole[2] if len(whole) > 2 and 1 <= whole[2] <= 4096 else None
    return (whole[0], whole[1]), channels


def _resize(normalization: Fields, size: tuple[int, int] | None) -> int | None:
    """What the shorter side of a picture becomes before it is cropped."""
    if size is None:
        return None
    if normalization.has("border"):
        border = normalization.numbers("border")
        side = round(min(s + b for s, b in zip(size, (border[0], border[-1]), strict=True)))
    elif normalization.has("cropSize"):
        share = normalization.numbers("cropSize")[0]
        side = round(min(size) / share) if 0.05 < share <= 1 else min(size)
    else:
        return None
    return side if min(size) < side <= 8192 else None


def _classes(part: Fields) -> tuple[str, ...] | None:
    """The descriptions of the classes, else their names."""
    classes: Value = part.values.get("classes")
    if isinstance(classes, dict):
        classes = next(
            (classes[key] for key in ("description", "name") if not is_empty(classes.get(key))), None
        )
    if not isinstance(classes, list) or not classes or not all(isinstance(name, str) for name in classes):
        return None
    return tuple(name.strip() for name in classes)
