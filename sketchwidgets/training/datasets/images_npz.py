"""Sketches as small grey images, all in one .npz file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sketchwidgets.training.datasets._npz import read_npz


def load_images_npz(
    path: str | Path,
) -> tuple[NDArray[np.uint8], NDArray[np.int64], tuple[str, ...]]:
    """Images (n, h, w) uint8, labels (n,) int64 and class names of an .npz with `images`, `label`, `classes`.

    Grey values are as in the file: TU-Berlin's are black, 0, on white, 255. Raises FileNotFoundError, or ValueError
    naming the file and what does not fit in it.

    >>> np.savez("two.npz", images=np.zeros((2, 9, 9), np.uint8), label=[1, 0], classes=["ant", "bee"])
    >>> images, labels, classes = sw.training.load_images_npz("two.npz")
    >>> images.shape, labels.tolist(), classes
    ((2, 9, 9), [1, 0], ('ant', 'bee'))
    """
    arrays = read_npz(path)
    missing = [name for name in ("images", "label", "classes") if name not in arrays]
    if missing:
        raise ValueError(f"{path}: not a set of images, {', '.join(missing)} missing")
    images, labels, classes = arrays["images"], arrays["label"], arrays["classes"]
    if images.ndim != 3 or images.dtype != np.uint8 or not all(images.shape[1:]):
        raise ValueError(f"{path}: images must be (n, h, w) uint8, not {images.shape} {images.dtype}")
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"{path}: label must be ({len(images)},) integers, not {labels.shape} {labels.dtype}"
        )
    if classes.ndim != 1 or classes.dtype.kind != "U":
        raise ValueError(f"{path}: classes must be names, (classes,), not {classes.shape} {classes.dtype}")
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < len(classes):
        raise ValueError(f"{path}: labels {labels.min()} to {labels.max()} for {len(classes)} classes")
    return images, labels.astype(np.int64), tuple(classes.tolist())
