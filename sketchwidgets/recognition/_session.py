"""One growing drawing and what the recogniser made of it after every stroke."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from sketchwidgets.recognition._prediction import Prediction
from sketchwidgets.recognition._states import StateStack
from sketchwidgets.sketch import Sketch, SketchError, stroke_descriptors
from sketchwidgets.sketch._checks import as_stroke, with_all_columns

if TYPE_CHECKING:
    from sketchwidgets.recognition._recognizer import Recognizer

Forward = Callable[[nn.Module, Tensor], Tensor]


class Session:
    """Recognises one drawing while it grows; made by `Recognizer.session`.

    Each stroke costs one forward pass of the CNN and one step of the recurrent cell, whatever came before.
    The hidden state and the prediction of every step are kept (about 6 kB a stroke): `undo` and looking back
    compute nothing. Whatever the order of calls, the predictions are those of recognising `sketch` from
    scratch; a call that raises leaves the session as it was.

    Parameters
    ----------
    recognizer : the networks, the classes and the preprocessing.
    forward : called as forward(cnn, image) instead of cnn.features(image); takes the (1, 1, size, size) image
        and may keep it, returns the (1, features) tensor. For callers that record the pass.

    Not safe for use by two threads at once.

    >>> session = sw.Recognizer.load().session()
    >>> session.add([(0, 0), (30, 10), (60, 0)])
    Prediction(..., step 1)
    """

    def __init__(self, recognizer: "Recognizer", forward: Forward | None = None) -> None:
        self.recognizer = recognizer
        self._forward = forward
        self._canvas = recognizer.preprocessing.canvas(recognizer.device)
        self._canvas_is_current = True
        self._pending: np.ndarray | None = None  # points of a stroke in progress that are on the canvas
        self._strokes: list[np.ndarray] = []
        self._timed: list[bool] = []
        self._resampled: list[np.ndarray] = []  # strokes as the recurrent part reads them, where it does
        self._boxes: list[np.ndarray] = []  # (2, 2), their lower and upper corner up to each
        self._states = StateStack()
        self._predictions: list[Prediction] = []
        self._kept = (
            self._strokes,
            self._timed,
            self._resampled,
            self._boxes,
            self._states,
            self._predictions,
        )  # of every step
        self._sketch: Sketch | None = None

    def add(self, stroke: ArrayLike) -> Prediction:
        """Commit a finished stroke and return the prediction after it.

        The stroke is (n, 2..4): x, y[, t in ms[, pressure in 0..1]], in any unit, y downwards. Raises
        `SketchError` for a stroke that is empty, not finite or of another shape, or that float32 cannot hold, as `Sketch`.
        """
        points, timed = self._check(stroke)
        prediction, state, resampled = self._recognize(points, provisional=False)
        self._strokes.append(points)
        self._timed.append(timed)
        self._resampled.append(resampled)
        corners = np.concatenate([*self._boxes[-1:], resampled])
        self._boxes.append(np.stack([corners.min(0), corners.max(0)]) if len(corners) else corners)
        self._states.push(state)
        self._predictions.append(prediction)
        self._sketch = None
        return prediction

    def preview(self, points: ArrayLike) -> Prediction:
        """The provisional prediction with a stroke still being drawn, (n, 2..4); commits nothing.

        Calls with a growing stroke draw only its new points. Raises as `add`.
        """
        checked, _ = self._check(points)
        return self._recognize(checked, provisional=True)[0]

    def undo(self) -> None:
        """Forget the last stroke. IndexError where there is none."""
        if not self._strokes:
            raise IndexError("there is no stroke to undo")
        for kept in self._kept:
            kept.pop()
        self._canvas_is_current = False
        self._sketch = None

    def clear(self) -> None:
        """Forget all strokes."""
        for kept in self._kept:
            kept.clear()
        self._canvas_is_current = False
        self._sketch = None

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """The prediction after each stroke."""
        return tuple(self._predictions)

    @property
    def sketch(self) -> Sketch:
        """The strokes so far; timed where every stroke came with times."""
        if self._sketch is None:
            self._sketch = Sketch(self._strokes, timed=bool(self._timed) and all(self._timed))
        return self._sketch

    def image(self, step: int | None = None) -> Tensor:
        """What the network saw after `step` strokes (default: all), (1, 1, size, size) float32 in [0, 1].

        Raises IndexError for a step outside 0..len(session).
        """
        if step is None:
            step = len(self)
        if not 0 <= step <= len(self):
            raise IndexError(f"step {step} of a session of {len(self)} strokes")
        if step == len(self) and self._canvas_is_current and self._pending is None:
            return self._canvas.image.clone()
        canvas = self.recognizer.preprocessing.canvas(self.recognizer.device)
        canvas.set_strokes([stroke[:, :2] for stroke in self._strokes[:step]])
        return canvas.image

    def __len__(self) -> int:
        return len(self._strokes)

    def __repr__(self) -> str:
        last = f", {self._predictions[-1]!r}" if self._predictions else ""
        return f"Session({len(self)} stroke{'s' if len(self) != 1 else ''}{last})"

    def _check(self, stroke: ArrayLike) -> tuple[np.ndarray, bool]:
        """The stroke as a read-only (n, 4) float32 array, and whether it has times."""
        given = as_stroke(stroke, len(self))
        # With the box of the strokes before it: how finely a stroke must be held depends on the whole drawing.
        before = np.concatenate([*self._strokes, np.zeros((0, 4), np.float32)])
        box = np.stack([before.min(0), before.max(0)]) if len(before) else before
        points = np.concatenate([box, with_all_columns([given], len(given))])
        lengths = [len(part) for part in (box, given) if len(part)]
        try:
            checked = Sketch.from_arrays(points, lengths, timed=given.shape[1] > 2)
        except SketchError as error:
            raise SketchError(error.problem, f"stroke {len(self)}", *error.places[1:]) from None
        points = checked[-1].copy()  # its own memory only, not that of the sketch
        points.flags.writeable = False
        return points, checked.timed

    def _recognize(
        self, points: np.ndarray, provisional: bool
    ) -> tuple[Prediction, tuple[Tensor, ...], np.ndarray]:
        """The prediction with a new stroke, the recurrent state then, and the stroke as the recurrent part reads it."""
        recognizer = self.recognizer
        # no_grad and not inference_mode: a recorder may want to differentiate through what it kept.
        with torch.no_grad():
            image = self._draw(points, provisional)
            if self._forward is None:
                features = recognizer.cnn.features(image)
            else:
                features = self._forward(recognizer.cnn, image.clone())
            if features.shape != (1, recognizer.recurrent.image_features):
                raise ValueError(
                    f"the forward pass gave features of shape {tuple(features.shape)}, "
                    f"not (1, {recognizer.recurrent.image_features})"
                )
            resampled = recognizer._resampled(points)
            if recognizer.recurrent.stroke_samples:
                features = torch.cat([features, self._described(resampled).to(features)], 1)
            before = self._states.top() if self._strokes else recognizer.recurrent.initial_state(1)
            logits, state = recognizer.recurrent.step(features, before)
            step = len(self) + 1
            probabilities = recognizer.probabilities(logits[0], step).cpu().numpy().copy()
        probabilities.flags.writeable = False
        prediction = recognizer._prediction(probabilities, step, provisional)
        # Only now: had the pass raised, the canvas would hold a stroke that was never committed.
        self._canvas_is_current = True
        self._pending = points[:, :2] if provisional else None
        return prediction, state, resampled

    def _described(self, resampled: np.ndarray) -> Tensor:
        """What `stroke_descriptors` says of a new stroke. Of those before, their box and the last of them count."""
        before = []
        if self._resampled:
            lower, upper = self._boxes[-1]
            before = [np.stack([lower, *[upper] * (len(resampled) - 1)]), self._resampled[-1]]
        return stroke_descriptors(torch.from_numpy(np.stack([*before, resampled])))[-1:]

    def _draw(self, points: np.ndarray, provisional: bool) -> Tensor:
        """The image of the strokes and of `points` on top."""
        if self._pending is not None:
            drawn = len(self._pending)
            grown = len(points) >= drawn and np.array_equal(points[:drawn, :2], self._pending)
            self._canvas_is_current &= grown
        current, self._canvas_is_current = self._canvas_is_current, False
        points = points[:, :2]
        before = () if current else [stroke[:, :2] for stroke in self._strokes]
        if provisional:
            if not current:
                self._canvas.set_strokes(before)
            self._canvas.preview(points)
        elif current:
            self._canvas.add(points)
        else:
            self._canvas.set_strokes([*before, points])
        return self._canvas.image
