"""Grey images of drawings, checked, and brought to one size and place."""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from sketchwidgets.models._checks import check_number

# Of full ink: what counts as drawn when the bounding box is looked for. Thin lines that were shrunk are faint.
DRAWN = 0.1


def check_images(images: np.ndarray, argument: str = "images") -> np.ndarray:
    """The images, an array (n, h, w) of uint8, bool or floating point in 0..1; ValueError or TypeError if not."""
    if not isinstance(images, np.ndarray):
        raise TypeError(f"{argument} must be a numpy array (n, h, w), not {type(images).__name__}")
    if images.ndim != 3 or 0 in images.shape:
        raise ValueError(f"{argument} must be grey images (n, h, w), not of shape {images.shape}")
    if images.dtype == np.uint8 or images.dtype == bool:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise TypeError(f"{argument} must be uint8, bool or floating point, not {images.dtype}")
    low, high = float(images.min()), float(images.max())
    # Also false for NaN.
    if not (low >= 0 and high <= 1):
        hint = "; divide them by 255" if low >= 0 and 2 < high <= 255 else ""
        raise ValueError(
            f"{argument} of floating point must be in 0..1 and finite, not {low:.3g}..{high:.3g}{hint}"
        )
    return images


def check_labels(labels: Sequence, images: np.ndarray) -> np.ndarray:
    """The labels as an array (n,), one for each image and of at least two classes; ValueError if not."""
    labels = np.asarray(labels)
    if labels.shape != (len(images),):
        raise ValueError(
            f"labels must be one for each of the {len(images)} images, not of shape {labels.shape}"
        )
    if len(np.unique(labels)) < 2:
        raise ValueError("labels must be of at least two classes")
    return labels


def check_ink(ink: str) -> None:
    if ink not in ("negative", "positive"):
        raise ValueError(f"ink must be 'negative' (dark on white) or 'positive' (1 on 0), not {ink!r}")


def as_ink(images: np.ndarray, ink: str) -> np.ndarray:
    """Checked images as float32, ink 1 on paper of 0."""
    values = images.astype(np.float32)
    if images.dtype == np.uint8:
        values /= 255
    return 1 - values if ink == "negative" else values


def frame(images: np.ndarray, size: int, fill: float | None = 0.78, ink: str = "negative") -> np.ndarray:
    """Every drawing scaled and centred by its own bounding box, as in Eitz et al. (2012, section 4.1).

    images : (n, h, w), uint8, bool, or floating point in 0..1.
    size : pixels of the square that is made.
    fill : share of it that the longer side of the drawing's bounding box takes; None: the image as it is,
        its longer side becoming `size`.
    ink : "negative": dark ink on white paper; "positive": ink is 1 (or 255) on paper of 0.

    Returns (n, size, size) float32 in 0..1, ink 1 on paper of 0. Raises ValueError, also for an image without
    any ink, and TypeError.

    >>> from sketchwidgets.models.classical import frame
    >>> image = np.full((1, 50, 50), 255, np.uint8)
    >>> image[0, 10, 5:15] = 0
    >>> rows, columns = np.nonzero(frame(image, 40, fill=0.5)[0] > 0.5)
    >>> int(columns.min()), int(columns.max())
    (10, 29)
    """
    images = check_images(images)
    check_number("size", size, 8, whole=True)
    if fill is not None:
        check_number("fill", fill, 0, above=True)
        if fill > 1:
            raise ValueError(f"fill must be at most 1, not {fill!r}")
    check_ink(ink)
    height, width = images.shape[1:]
    framed = np.empty((len(images), size, size), np.float32)
    for i, image in enumerate(images):
        values = as_ink(image, ink)
        drawn = values > DRAWN
        rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
        if not len(rows):
            raise ValueError(f"images[{i}] is blank (no value differs from the paper; is ink={ink!r} right?)")
        if fill is None:
            top, bottom, left, right = 0, height, 0, width
        else:
            top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        side = max(bottom - top, right - left) / (fill or 1)
        y, x = (top + bottom - side) / 2, (left + right - side) / 2
        # Pillow takes no box beyond the image, so paper is put around it.
        margin = math.ceil(max(0, -y, -x, y + side - height, x + side - width))
        padded = Image.fromarray(np.pad(values, margin))
        y, x = y + margin, x + margin
        box = (x, y, min(x + side, padded.width), min(y + side, padded.height))
        framed[i] = np.asarray(padded.resize((size, size), Image.Resampling.BILINEAR, box=box))
    return framed.clip(0, 1, out=framed)


def batches(total: int, size: int, progress: bool, name: str) -> Iterator[slice]:
    """Slices of at most `size` that cover 0..total, behind a bar that counts images."""
    with tqdm(total=total, desc=name, unit="image", disable=not progress, leave=False) as bar:
        for first in range(0, total, size):
            last = min(first + size, total)
            yield slice(first, last)
            bar.update(last - first)


def each(items: Iterable, total: int, progress: bool, name: str) -> Iterable:
    """The items behind a bar that counts images."""
    return tqdm(items, total=total, desc=name, unit="image", disable=not progress, leave=False)
