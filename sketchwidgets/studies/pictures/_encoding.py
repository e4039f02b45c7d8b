"""Small grey pictures as text, for JSON."""

import base64
import binascii
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

LARGEST = 120  # pixels of a side: as much as a table shows


def encode(values: np.ndarray) -> str:
    """A uint8 picture (h, w) of at most 255 x 255, as text.

    >>> from sketchwidgets.studies.pictures._encoding import decode, encode
    >>> decode(encode(np.eye(3, dtype=np.uint8))).tolist()
    [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    """
    height, width = values.shape
    packed = zlib.compress(np.ascontiguousarray(values).tobytes(), 9)
    return base64.b64encode(bytes((height, width)) + packed).decode("ascii")


def decode(text: str) -> np.ndarray:
    """Inverse of `encode`; ValueError for anything else. No more is unpacked than the picture holds."""
    try:
        packed = base64.b64decode(text, validate=True)
        height, width = packed[:2]
        unpacker = zlib.decompressobj()
        pixels = unpacker.decompress(packed[2:], height * width + 1)
        if not pixels or not unpacker.eof:
            raise ValueError("too few or too many pixels")
        return np.frombuffer(pixels, np.uint8).reshape(height, width)
    except (binascii.Error, zlib.error, ValueError, TypeError) as error:
        raise ValueError(f"not a picture ({error})") from None


def reduced(values: Tensor) -> Tensor:
    """A map (h, w), averaged down to at most 120 pixels a side."""
    height, width = values.shape
    if max(height, width) <= LARGEST:
        return values
    size = [max(1, round(side * LARGEST / max(height, width))) for side in (height, width)]
    return F.interpolate(values[None, None].float(), size, mode="area")[0, 0]


def as_bytes(values: Tensor) -> np.ndarray:
    """Values of 0 to 1 as uint8."""
    return (255 * values.clamp(0, 1)).round().to(torch.uint8).cpu().numpy()
