"""How the strokes of a prefix become the image that the network sees; the same in training and in live use."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sketchwidgets.models._checks import check_range, check_whole
from sketchwidgets.sketch._normalize import fit_to_frame
from sketchwidgets.sketch.rasterizer import Canvas


@dataclass(frozen=True)
class Preprocessing:
    """Strokes -> (1, 1, size, size) image, ink 1 on paper 0, without looking ahead.

    A prefix is centred and scaled by its own bounding box, so that nothing of the strokes to come is known.

    size : side of the image in pixels.
    extent : length in pixels given to the longer side of the bounding box of the strokes.
    stroke_width : width of the pen in pixels, after scaling.
    """

    size: int = 225
    extent: float = 200.0
    stroke_width: float = 3.0

    def __post_init__(self) -> None:
        check_whole("size", self.size, 1, 4096)
        check_range("extent", self.extent, above=0, most=self.size)
        check_range("stroke_width", self.stroke_width, above=0, most=64)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready numbers, for the metadata of the weights."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Preprocessing":
        """Inverse of `to_dict`. ValueError names an unknown or ill-typed field."""
        unknown = set(values) - set(cls.__dataclass_fields__)
        if unknown:
            raise ValueError(f"unknown preprocessing field {sorted(unknown)[0]!r}")
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"preprocessing field {name!r} must be a number, not {value!r}")
        try:
            return cls(**values)
        except ValueError as error:
            raise ValueError(f"preprocessing: {error}") from None

    def canvas(self, device: torch.device | str = "cpu") -> "SketchCanvas":
        """An empty canvas that draws growing sketches with this preprocessing."""
        return SketchCanvas(self, device)


class SketchCanvas:
    """The image of a growing drawing. It draws only the new stroke, unless that enlarged the bounding box.

    >>> canvas = Preprocessing().canvas()
    >>> canvas.add(np.array([[0.0, 0.0], [10.0, 10.0]]))
    >>> canvas.image.shape
    torch.Size([1, 1, 225, 225])
    """

    def __init__(self, preprocessing: Preprocessing, device: torch.device | str = "cpu") -> None:
        self.preprocessing = preprocessing
        self._canvas = Canvas(preprocessing.size, preprocessing.stroke_width, device)
        self._strokes: list[np.ndarray] = []
        # What is drawn on the canvas now: whole strokes, then points of a stroke still in progress.
        self._drawn_strokes = 0
        self._drawn_points = 0
        self._lower = np.full(2, np.inf)
        self._upper = np.full(2, -np.inf)
        self._drawn_box: tuple[np.ndarray, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self._strokes)

    @property
    def image(self) -> Tensor:
        """(1, 1, size, size) float32 in [0, 1]. Valid until the canvas changes; clone it to keep it."""
        return self._canvas.image

    def set_strokes(self, strokes: Sequence[np.ndarray]) -> None:
        """Draw these strokes, each (n, >=2), and nothing else."""
        self._strokes = [np.asarray(stroke, np.float64)[:, :2] for stroke in strokes]
        self._lower, self._upper = np.full(2, np.inf), np.full(2, -np.inf)
        for stroke in self._strokes:
            self._lower = np.minimum(self._lower, stroke.min(0))
            self._upper = np.maximum(self._upper, stroke.max(0))
        self._drawn_box = None
        self._update(None)

    def add(self, stroke: np.ndarray) -> None:
        """Add one finished stroke, (n, >=2). It may be the stroke that `preview` has drawn so far."""
        stroke = np.asarray(stroke, np.float64)[:, :2]
        self._lower = np.minimum(self._lower, stroke.min(0))
        self._upper = np.maximum(self._upper, stroke.max(0))
        self._strokes.append(stroke)
        self._update(None)

    def preview(self, points: np.ndarray) -> None:
        """Show a stroke in progress, (n, >=2), that is not part of the drawing yet.

        Points that the last `preview` has drawn are taken as unchanged; a different stroke needs `set_strokes` first.
        """
        self._update(np.asarray(points, np.float64)[:, :2])

    def _update(self, current: np.ndarray | None) -> None:
        lower, upper = self._lower, self._upper
        if current is not None and len(current):
            lower, upper = np.minimum(lower, current.min(0)), np.maximum(upper, current.max(0))
        waiting = list(self._strokes)
        if current is not None:
            waiting.append(current)
        if not waiting:
            self._canvas.clear()
            self._drawn_box, self._drawn_strokes, self._drawn_points = None, 0, 0
            return
        scale, offset = fit_to_frame(lower, upper, self.preprocessing.size, self.preprocessing.extent)
        box = self._drawn_box
        same = box is not None and np.array_equal(box[0], lower) and np.array_equal(box[1], upper)
        if same and self._drawn_strokes <= len(self._strokes):
            # From the last point drawn, so that the segment that joins old and new points is drawn too.
            new = waiting[self._drawn_strokes :]
            if new and self._drawn_points:
                new[0] = new[0][self._drawn_points - 1 :]
        else:
            self._canvas.clear()
            new = waiting
        self._canvas.draw([(stroke * scale + offset).astype(np.float32) for stroke in new if len(stroke)])
        self._drawn_box = (lower, upper)
        self._drawn_strokes = len(self._strokes)
        self._drawn_points = 0 if current is None else len(current)
