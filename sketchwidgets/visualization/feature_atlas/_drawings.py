"""The winning drawings as strokes."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from ._array_file import ArrayFile
from ._errors import AtlasError
from .sketch_images import check_frame, render


class DrawingStore:
    """Drawings by image number, with whole coordinates, and the frame in which the network sees them.

    images (d,) ascending, n_strokes (d,), stroke_len (s,), points (p, 2) uint8 or uint16, all end to end.
    """

    def __init__(
        self,
        images: np.ndarray,
        n_strokes: np.ndarray,
        stroke_len: np.ndarray,
        points: np.ndarray,
        frame: dict[str, float],
    ) -> None:
        self._images, self._n_strokes, self._stroke_len, self._points = images, n_strokes, stroke_len, points
        self._first_stroke = np.r_[0, np.cumsum(n_strokes, dtype=np.int64)]
        self._first_point = np.r_[0, np.cumsum(stroke_len, dtype=np.int64)]
        self.frame = frame

    @classmethod
    def of(cls, drawings: Mapping[int, Sequence[np.ndarray]], frame: dict[str, float]) -> "DrawingStore":
        images = np.array(sorted(drawings), np.int64)
        strokes = [stroke for image in images.tolist() for stroke in drawings[image]]
        wide = any(stroke.dtype != np.uint8 for stroke in strokes)
        points = np.concatenate(strokes or [np.empty((0, 2), np.uint8)])
        return cls(
            images,
            _counts([len(drawings[image]) for image in images.tolist()]),
            _counts([len(stroke) for stroke in strokes]),
            points.astype(np.uint16 if wide else np.uint8),
            check_frame(frame),
        )

    @classmethod
    def read(cls, file: ArrayFile, frame: object) -> "DrawingStore":
        images = file.array("drawings.images", "I32 I64", (None,)).astype(np.int64)
        n_strokes = file.array("drawings.n_strokes", "U16 U32", (len(images),))
        stroke_len = file.array("drawings.stroke_len", "U16 U32", (int(n_strokes.sum(dtype=np.int64)),))
        points = file.array("drawings.points", "U8 U16", (int(stroke_len.sum(dtype=np.int64)), 2))
        if (np.diff(images) <= 0).any() or (len(images) and images[0] < 0):
            raise AtlasError(f"{file.path}: the numbers of the drawings do not ascend")
        if (n_strokes == 0).any() or (stroke_len == 0).any():
            raise AtlasError(f"{file.path}: a drawing without points")
        return cls(images, n_strokes, stroke_len, points, check_frame(frame))

    def arrays(self) -> dict[str, np.ndarray]:
        return {
            "drawings.images": self._images,
            "drawings.n_strokes": self._n_strokes,
            "drawings.stroke_len": self._stroke_len,
            "drawings.points": self._points,
        }

    def holds(self, images: np.ndarray) -> bool:
        """Whether every one of these numbers is there."""
        return bool(np.isin(images, self._images).all())

    def strokes(self, image: int) -> list[np.ndarray]:
        """The strokes of a drawing, (n, 2) each; AtlasError where it is not there."""
        place = int(np.searchsorted(self._images, image))
        if place == len(self._images) or self._images[place] != image:
            raise AtlasError(f"drawing {image} is not stored: no channel is excited most by it")
        bounds = self._first_point[self._first_stroke[place] : self._first_stroke[place + 1] + 1]
        return [self._points[a:b] for a, b in itertools.pairwise(bounds)]

    def images(self, images: Sequence[int]) -> Tensor:
        """(n, 1, size, size) in 0..1, ink 1."""
        return render([self.strokes(image) for image in images], self.frame)

    def pictures(self, images: Sequence[int]) -> np.ndarray:
        """(n, size, size) uint8, dark ink on white paper."""
        return (255 - self.images(images)[:, 0] * 255).round().byte().numpy()

    def __len__(self) -> int:
        return len(self._images)


def _counts(values: Sequence[int]) -> np.ndarray:
    return np.array(values, np.uint16 if max(values, default=0) < 1 << 16 else np.uint32)
