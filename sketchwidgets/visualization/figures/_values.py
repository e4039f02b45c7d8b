"""Arrays and tensors of any kind as float32 arrays, with errors that name the argument."""

from typing import Any

import numpy as np

ZERO = 128  # the grey of a signal of zero


def as_floats(values: Any, name: str = "values") -> np.ndarray:
    """A tensor of any dtype and device, or an array, as a float32 array."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if values.is_floating_point() else values
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be numbers, not {array.dtype}")
    return array.astype(np.float32)


def as_map(values: Any, name: str = "values") -> np.ndarray:
    """(h, w) float32, also of (1, h, w); ValueError else."""
    array = as_floats(values, name)
    if array.ndim == 3 and len(array) == 1:
        array = array[0]
    if array.ndim != 2:
        raise ValueError(f"{name} must be (h, w), not {array.shape}")
    return array


def as_channels(values: Any, name: str = "values") -> np.ndarray:
    """(C, h, w) float32, also of (h, w); ValueError else."""
    array = as_floats(values, name)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or not len(array):
        raise ValueError(f"{name} must be (C, h, w) or (h, w), not {array.shape}")
    return array


def as_picture(pixels: Any, name: str = "pixels") -> np.ndarray:
    """A uint8 picture, (h, w), (h, w, 3) or (h, w, 4) with alpha, contiguous and read-only."""
    if hasattr(pixels, "detach"):
        pixels = pixels.detach().cpu().numpy()
    array = np.asarray(pixels)
    if array.dtype != np.uint8:
        raise TypeError(f"{name} must be uint8, not {array.dtype}; Tile.picture takes other values")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or not array.size:
        raise ValueError(f"{name} must be (h, w), (h, w, 3) or (h, w, 4) and not empty, not {array.shape}")
    array = np.ascontiguousarray(array)
    if array is pixels or array.base is not None:
        array = array.copy()
    array.flags.writeable = False
    return array


def signed_bytes(values: np.ndarray, scale: float | None = None) -> tuple[np.ndarray, float]:
    """(C, h, w) signed values as (h, w) or (h, w, 3) uint8, and the magnitude that became 255 (or 1).

    Zero is 128. C of 1 or 3; other channels are summed to one. Without a scale it is the largest magnitude. Where
    that is 0 or not finite, all is 128 and the scale 0. NaN is drawn as zero.
    """
    if len(values) not in (1, 3):
        values = values.sum(0, keepdims=True)
    peak = float(np.abs(values).max(initial=0.0)) if scale is None else float(scale)
    if not np.isfinite(peak) or peak <= 0:
        pixels, peak = np.full(values.shape, ZERO, np.uint8), 0.0
    else:
        clipped = np.clip(np.nan_to_num(values / peak), -1, 1)
        pixels = np.rint(clipped * 127 + ZERO).astype(np.uint8)
    return (pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)), peak
