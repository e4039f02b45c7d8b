"""Small pictures as compressed bytes, many of them end to end in one array."""

import io
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from ._errors import AtlasError

# Larger pictures may be stored as JPEG; below, its blocks would be most of the picture.
_SMALL = 48

OUTSIDE = 192  # the grey of what lies beyond the border of an image


def encode(pixels: np.ndarray, quality: int | None) -> bytes:
    """An (h, w) or (h, w, 3) uint8 picture as a PNG file, or as a JPEG file of that quality where it is large."""
    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if quality is None or min(image.size) <= _SMALL:
        image.save(buffer, "PNG", compress_level=9)
    else:
        image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def decode(data: bytes, size: tuple[int, int], where: str) -> np.ndarray:
    """The pixels of `encode`; AtlasError where the bytes are no picture of `size` (h, w)."""
    try:
        image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))
        if (image.height, image.width) != size or image.mode not in ("L", "RGB"):
            raise AtlasError(
                f"{where}: a {image.mode} picture of {image.size[::-1]}, not grey or RGB of {size}"
            )
        return np.asarray(image)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, AtlasError):
            raise
        raise AtlasError(f"{where}: not a picture ({error})") from None


def signed_values(pixels: np.ndarray, scale: float) -> np.ndarray:
    """(C, h, w) float32 of `figures._values.signed_bytes`."""
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return (planes.astype(np.float32) - 128) * np.float32(scale / 127)


def window(array: np.ndarray, corner: Sequence[int], size: Sequence[int], fill: float) -> np.ndarray:
    """The window of `size` at `corner` of an (H, W, ...) array, which may stick out; there it is `fill`."""
    cut = np.full((*size, *array.shape[2:]), fill, array.dtype)
    top, left = (int(k) for k in corner)
    bottom, right = min(top + size[0], array.shape[0]), min(left + size[1], array.shape[1])
    y, x = max(top, 0), max(left, 0)
    if y < bottom and x < right:
        cut[y - top : bottom - top, x - left : right - left] = array[y:bottom, x:right]
    return cut


class Blobs:
    """Byte strings by number: `blobs[i]`, empty where there is none. Read from an open file piece by piece."""

    def __init__(self, offsets: np.ndarray, data: Any) -> None:
        self._offsets, self._data = offsets, data

    @classmethod
    def of(cls, pieces: Sequence[bytes]) -> "Blobs":
        offsets = np.zeros(len(pieces) + 1, np.int64)
        np.cumsum([len(piece) for piece in pieces], out=offsets[1:])
        return cls(offsets, np.frombuffer(b"".join(pieces), np.uint8))

    @classmethod
    def read(cls, file: Any, name: str, count: int) -> "Blobs":
        """The `count` blobs that a file holds under a name; AtlasError where they do not fit together."""
        offsets = file.array(f"{name}.offsets", "I64", (count + 1,))
        data = file.part(f"{name}.bytes", "U8", (None,))
        (total,) = file.shape(f"{name}.bytes")
        if offsets[0] != 0 or offsets[-1] != total or (np.diff(offsets) < 0).any():
            raise AtlasError(f"{file.path}: the offsets of {name!r} do not divide its {total} bytes")
        return cls(offsets, data)

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        return {f"{name}.offsets": self._offsets, f"{name}.bytes": np.asarray(self._data[...])}

    def pieces(self) -> list[bytes]:
        data = np.asarray(self._data[...]).tobytes()
        bounds = self._offsets.tolist()
        return [data[a:b] for a, b in itertools.pairwise(bounds)]

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, index: int) -> bytes:
        first, last = int(self._offsets[index]), int(self._offsets[index + 1])
        return np.asarray(self._data[first:last]).tobytes() if last > first else b""
