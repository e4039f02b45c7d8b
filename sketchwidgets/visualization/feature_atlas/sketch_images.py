"""Drawings as a data set of images that remembers the strokes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from sketchwidgets.sketch import rasterize

from ._errors import AtlasError

# Steps along the longer side of a drawing that does not have whole coordinates: 1/20 pixel of a 200 pixel drawing.
_GRID = 4095


class SketchImages(Dataset):
    """A map-style data set of drawings as the network sees them: (image (1, size, size), label).

    An atlas over it stores the strokes of the winning drawings and no pixels: some hundred bytes a drawing, from
    which patches and projections are made again at any time, by any network and rule.

    Parameters
    ----------
    sketches : a sequence of `Sketch` values or of lists of (n, >=2) strokes; may be lazy, only `len` and `[i]`
        are used.
    labels : class number of each, or None.
    size, extent, stroke_width : side of the image, length of the longer side of a drawing and width of the pen,
        in pixels; those of `Recognizer.preprocessing`.

    Coordinates are rounded before anything else: whole numbers of 0 to 255, as in QuickDraw, stay as they are,
    all others fall on a grid of 4,095 steps along the longer side. So what is stored is exactly what was seen.

    >>> images = sw.SketchImages([[[(0, 0), (50, 80)]], [[(3, 3)], [(9, 4), (1, 2)]]], labels=[4, 4], size=64, extent=60)
    >>> len(images), images[1][0].shape, images[1][1]
    (2, torch.Size([1, 64, 64]), 4)
    """

    def __init__(
        self,
        sketches: Sequence[Any],
        labels: Sequence[int] | None = None,
        *,
        size: int = 225,
        extent: float = 200.0,
        stroke_width: float = 3.0,
    ) -> None:
        if labels is not None and len(labels) != len(sketches):
            raise AtlasError(f"labels: {len(labels)} for {len(sketches)} sketches")
        self.frame = check_frame({"size": size, "extent": extent, "stroke_width": stroke_width})
        self.sketches, self.labels = sketches, labels

    def __len__(self) -> int:
        return len(self.sketches)

    def __getitem__(self, index: int) -> tuple[Tensor, int] | Tensor:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        images = render([self.drawing(int(index)) for index in indices], self.frame)
        if self.labels is None:
            return list(images)
        return [(image, int(self.labels[index])) for image, index in zip(images, indices, strict=True)]

    def drawing(self, index: int) -> list[np.ndarray]:
        """The strokes of one drawing as an atlas stores them, (n, 2) uint8 or uint16 each."""
        sketch = self.sketches[index]
        strokes = [np.asarray(stroke, np.float64)[:, :2] for stroke in sketch]
        if not strokes:
            raise AtlasError(f"sketches[{index}] has no strokes")
        return quantised(strokes)

    def __repr__(self) -> str:
        return f"SketchImages({len(self)} drawings, {self.frame['size']} px)"


def quantised(strokes: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Strokes (n, 2) with whole coordinates, shifted and scaled where they have to be."""
    points = np.concatenate(strokes)
    if (points == np.rint(points)).all() and points.min() >= 0 and points.max() <= 255:
        return [stroke.astype(np.uint8) for stroke in strokes]
    low = points.min(0)
    side = float((points - low).max())
    scale = _GRID / side if side > 0 else 1.0
    return [np.rint((stroke - low) * scale).astype(np.uint16) for stroke in strokes]


def render(drawings: Sequence[Sequence[np.ndarray]], frame: dict[str, float]) -> Tensor:
    """Images (n, 1, size, size) in 0..1 of drawings."""
    return rasterize(drawings, size=int(frame["size"]), width=frame["stroke_width"], extent=frame["extent"])


def check_frame(frame: Any) -> dict[str, float]:
    """The frame of a rendering, also one from a file; `AtlasError` names what is wrong in it."""
    limits = {"size": (1, 4096), "extent": (1e-3, 4096), "stroke_width": (1e-3, 64)}
    if not isinstance(frame, dict) or set(frame) != set(limits):
        raise AtlasError(f"a frame has {', '.join(limits)}, not {frame!r}")
    for name, (low, high) in limits.items():
        value = frame[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise AtlasError(f"{name} must be a number from {low} to {high}, not {value!r}")
    if frame["size"] != int(frame["size"]) or frame["extent"] > frame["size"]:
        raise AtlasError(f"size must be a whole number and extent at most as large: {frame}")
    return {"size": int(frame["size"]), **{k: float(frame[k]) for k in ("extent", "stroke_width")}}
