"""The networks, the classes and the preprocessing that together recognise drawings."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from sketchwidgets import models
from sketchwidgets.models import RecurrentClassifier, WeightsError
from sketchwidgets.recognition._prediction import Prediction
from sketchwidgets.recognition._prefixes import images_of, prefix_images
from sketchwidgets.recognition._preprocessing import Preprocessing
from sketchwidgets.recognition._recognizer_file import DEFAULT as DEFAULT
from sketchwidgets.recognition._recognizer_file import VERSION, locate, read_metadata
from sketchwidgets.recognition._session import Forward, Session
from sketchwidgets.recognition.calibration import Calibration
from sketchwidgets.sketch import Sketch, SketchError, resample_strokes, stroke_descriptors

Drawing = Sketch | Iterable[ArrayLike]


class Recognizer:
    """Names a drawing after every stroke: a CNN sees each prefix, a recurrent network remembers.

    Parameters
    ----------
    cnn : a network with `features(images (n, 1, size, size)) -> (n, recurrent.image_features)`.
    recurrent : scores the classes from the features of prefix after prefix and, where it has a stroke encoder, the
        points of each new stroke.
    classes : the names, one for each output of `recurrent`.
    preprocessing : how a prefix becomes an image.
    device : "auto", "cpu", "cuda", "mps" or a torch device.
    card : facts about the weights (licence, data, training, accuracy), JSON values; saved with them.
    calibration : how scores become probabilities, and from which confidence on it knows; None for the plain
        softmax of a recogniser that always knows. May be assigned later.

    The networks are used as they are, not copied: they go to the device, into eval mode, and their parameters
    are frozen.

    >>> recognizer = sw.Recognizer.load()
    >>> sketch = sw.Sketch([[(0, 0), (30, 10), (60, 0)], [(20, -20), (21, -18)]])
    >>> [len(prediction.top(3)) for prediction in recognizer.recognize(sketch)]
    [3, 3]
    """

    def __init__(
        self,
        cnn: nn.Module,
        recurrent: RecurrentClassifier,
        classes: Sequence[str],
        preprocessing: Preprocessing,
        device: str | torch.device = "auto",
        card: Mapping[str, Any] | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        classes = tuple(classes)
        if len(classes) != recurrent.classes or len(set(classes)) != len(classes):
            raise ValueError(
                f"{len(set(classes))} distinct classes for a recurrent network of {recurrent.classes} outputs"
            )
        if getattr(cnn, "feature_size", recurrent.image_features) != recurrent.image_features:
            raise ValueError(
                f"the CNN gives {cnn.feature_size} features, the recurrent net takes {recurrent.image_features}"
            )
        if getattr(cnn, "input_size", preprocessing.size) != preprocessing.size:
            raise ValueError(
                f"the CNN takes {cnn.input_size} px, the preprocessing makes {preprocessing.size} px"
            )
        self.device = models.resolve_device(device)
        layout = getattr(cnn, "memory_format", torch.preserve_format)
        self.cnn = cnn.to(self.device, memory_format=layout).eval().requires_grad_(False)
        self.recurrent = recurrent.to(self.device).eval().requires_grad_(False)
        self.classes = classes
        self.preprocessing = preprocessing
        self.card = dict(card or {})
        self.calibration = calibration

    @classmethod
    def load(
        cls, name_or_path: str | os.PathLike | None = None, device: str | torch.device = "auto"
    ) -> "Recognizer":
        """A recogniser with the bundled weights (default), bundled ones by name, or those of a file.

        Raises FileNotFoundError where there are none, `WeightsError` (a ValueError) where the file is damaged
        or does not fit the networks it names.
        """
        device = models.resolve_device(device)
        path = locate(name_or_path)
        tensors, metadata = models.load_weights(path)
        cnn, recurrent, classes, preprocessing, card, calibration = read_metadata(path, metadata)
        for prefix, network in (("cnn.", cnn), ("recurrent.", recurrent)):
            own = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
            models.assign_weights(network, own, f"{path}: {prefix}*")
        stray = [name for name in tensors if not name.startswith(("cnn.", "recurrent."))]
        if stray:
            raise WeightsError(f"{path}: tensor {stray[0]!r} belongs to neither cnn.* nor recurrent.*")
        try:
            return cls(cnn, recurrent, classes, preprocessing, device, card, calibration)
        except ValueError as error:
            raise WeightsError(f"{path}: {error}") from None

    def save(self, path: str | os.PathLike, dtype: str = "float16", int8_above: int | None = None) -> None:
        """Write everything that `load` needs to one safetensors file.

        `dtype` and `int8_above` are those of `models.save_weights`. Raises ValueError for a CNN that is not
        in the registry of networks.
        """
        metadata = {
            "kind": "recognizer",
            "version": VERSION,
            "classes": list(self.classes),
            "preprocessing": self.preprocessing.to_dict(),
            "cnn": {"name": models.name_of(self.cnn), "arguments": self.cnn.arguments},
            "recurrent": {"name": models.name_of(self.recurrent), "arguments": self.recurrent.arguments},
            "card": self.card,
        }
        if self.calibration is not None:
            metadata["calibration"] = self.calibration.to_dict()
        tensors = {f"cnn.{name}": tensor for name, tensor in self.cnn.state_dict().items()}
        tensors |= {f"recurrent.{name}": tensor for name, tensor in self.recurrent.state_dict().items()}
        models.save_weights(path, tensors, metadata, dtype, int8_above)

    def to(self, device: str | torch.device) -> "Recognizer":
        """Move both networks, in place, and return this recogniser; "auto" as in `load`.

        Sessions that were begun before stay where they were, and cannot go on: begin new ones. Raises ValueError for a
        device that is not there.
        """
        self.device = models.resolve_device(device)
        self.cnn.to(self.device)
        self.recurrent.to(self.device)
        return self

    def session(self, forward: Forward | None = None) -> Session:
        """A new drawing to be recognised stroke by stroke; `forward`: see `Session`."""
        return Session(self, forward)

    def recognize(self, sketch: Drawing) -> list[Prediction]:
        """The prediction after each stroke of a `Sketch` or of an iterable of (n, 2..4) strokes, in order.

        What a `Session` gives for the same strokes, faster: the prefixes go through the CNN in batches.
        """
        sketch = _as_sketch(sketch)
        if not len(sketch):
            return []
        (scores,) = self.scores([sketch])
        steps = range(1, len(scores) + 1)
        probabilities = self.probabilities(torch.from_numpy(scores), steps).numpy()
        probabilities.flags.writeable = False
        return [self._prediction(row, step) for row, step in zip(probabilities, steps, strict=True)]

    def scores(
        self, sketches: Iterable[Drawing], batch_size: int = 64, progress: bool = False
    ) -> Iterator[np.ndarray]:
        """Class scores after every stroke of each drawing, (strokes, n_classes) float32, drawing by drawing.

        Those before the softmax and before any calibration. Images of many drawings go through the CNN at once, and
        drawings of any lengths through the recurrent part. Parameters and errors are those of `recognize_many`.

        >>> recognizer = sw.Recognizer.load()
        >>> drawings = [[[(0, 0), (30, 10)]], [[(0, 0), (9, 0)], [(9, 9), (0, 9)]]]
        >>> [rows.shape for rows in recognizer.scores(drawings)]
        [(1, 345), (2, 345)]
        """
        for read, lengths in self.readouts(sketches, batch_size, progress):
            with torch.inference_mode():
                found = self.recurrent.output(read).cpu().numpy()
            yield from np.split(found, np.cumsum(lengths)[:-1])

    def recognize_many(
        self, sketches: Iterable[Drawing], batch_size: int = 64, progress: bool = False
    ) -> np.ndarray:
        """Probabilities after the last stroke of each drawing, (len, n_classes) float32.

        Parameters
        ----------
        sketches : `Sketch` values or iterables of strokes; may be a generator, which is read as it is needed.
        batch_size : images that go through the CNN at once; bounds the memory.
        progress : show a progress bar.

        Raises ValueError naming a drawing without strokes, `SketchError` (a ValueError) one that is no drawing.
        """
        rows = [np.empty((0, len(self.classes)), np.float32)]
        for read, lengths in self.readouts(sketches, batch_size, progress):
            with torch.inference_mode():
                last = read[torch.from_numpy(np.cumsum(lengths) - 1).to(read.device)]
                rows.append(self.probabilities(self.recurrent.output(last), lengths).cpu().numpy())
        return np.concatenate(rows)

    def features(self, sketches: Sequence[Sketch], batch_size: int = 64) -> Tensor:
        """What the recurrent part takes after every stroke of every drawing, (strokes in all, its input_size).

        What the CNN says of the picture and, where the recurrent part reads strokes, what describes the new one. On the
        device, drawing by drawing; `batch_size` images go through the CNN at once.

        >>> recognizer = sw.Recognizer.load()
        >>> sketch = sw.Sketch([[(0, 0), (30, 10)], [(9, 9), (0, 9)]])
        >>> recognizer.features([sketch]).shape == (2, recognizer.recurrent.input_size)
        True
        """
        batches = prefix_images(self.preprocessing, sketches, batch_size, self.device)
        features = torch.cat([self.cnn.features(images) for images in batches])
        if not self.recurrent.stroke_samples:
            return features
        lengths = np.concatenate([sketch.lengths for sketch in sketches])
        points = np.concatenate([sketch.points[:, :2] for sketch in sketches])
        drawing = np.repeat(np.arange(len(sketches)), [len(sketch) for sketch in sketches])
        strokes = resample_strokes(points, lengths, self.recurrent.stroke_samples)
        return torch.cat([features, stroke_descriptors(strokes, drawing).to(features)], 1)

    def readouts(
        self, sketches: Iterable[Drawing], batch_size: int = 64, progress: bool = False
    ) -> Iterator[tuple[Tensor, np.ndarray]]:
        """What the last layer, `recurrent.output`, reads after every stroke, and the drawings' numbers of strokes.

        Group by group of drawings: (strokes in all, numbers) on the device, made in inference mode, and (drawings,).
        Parameters and errors are those of `recognize_many`.

        >>> recognizer = sw.Recognizer.load()
        >>> drawings = [[[(0, 0), (30, 10)]], [[(0, 0), (9, 0)], [(9, 9), (0, 9)]]]
        >>> [(len(read), lengths.tolist()) for read, lengths in recognizer.readouts(drawings)]
        [(3, [1, 2])]
        """
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        with _progress_bar(sketches, progress) as bar:
            for group in _groups(sketches, 16 * batch_size):
                lengths = np.array([len(sketch) for sketch in group])
                with torch.inference_mode():
                    read = self._readouts(self.features(group, batch_size), lengths)
                yield read, lengths
                bar.update(len(group))

    def probabilities(self, scores: Tensor, steps: int | Sequence[int] | np.ndarray) -> Tensor:
        """Of scores (..., n_classes) after so many strokes, one number for all or one for each row; as calibrated.

        >>> recognizer = sw.Recognizer.load()
        >>> (scores,) = recognizer.scores([[[(0, 0), (30, 10)], [(9, 9), (0, 9)]]])
        >>> recognizer.probabilities(torch.from_numpy(scores), [1, 2]).shape
        torch.Size([2, 345])
        """
        if self.calibration is None:
            return scores.softmax(-1)
        return self.calibration.probabilities(scores, steps)

    def __repr__(self) -> str:
        cnn, cell = type(self.cnn).__name__, self.recurrent.cell
        recurrent = f"{type(cell).__name__.removesuffix('Cell')} {cell.hidden_size}"
        return f"Recognizer({cnn}, {recurrent}, {len(self.classes)} classes, {self.device})"

    def _step(
        self, drawings: Sequence[Sequence[np.ndarray]], state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One stroke of each of n drawings: the probabilities after it, (n, n_classes), and the states then.

        A drawing is the sequence of its (points, >=2) strokes with the new one as the last; `state` are the n states
        before that. It is for drawings that begin alike, whose first steps then are taken once.
        """
        with torch.inference_mode():
            features = self.cnn.features(images_of(self.preprocessing, drawings, self.device))
            if self.recurrent.stroke_samples:
                counts = [len(drawing) for drawing in drawings]
                strokes = [stroke[:, :2] for drawing in drawings for stroke in drawing]
                lengths = [len(stroke) for stroke in strokes]
                resampled = resample_strokes(np.concatenate(strokes), lengths, self.recurrent.stroke_samples)
                described = stroke_descriptors(resampled, np.repeat(np.arange(len(drawings)), counts))
                features = torch.cat([features, described[np.cumsum(counts) - 1].to(features)], 1)
            logits, state = self.recurrent.step(features, state)
            return self.probabilities(logits, [len(drawing) for drawing in drawings]), state

    def _resampled(self, stroke: np.ndarray) -> np.ndarray:
        """A stroke (points, >=2) as the recurrent part reads it, (stroke_samples, 2); without any where it reads none."""
        if not self.recurrent.stroke_samples:
            return np.empty((0, 2), np.float32)
        return resample_strokes(stroke[:, :2], [len(stroke)], self.recurrent.stroke_samples)[0].numpy()

    def _prediction(self, probabilities: np.ndarray, step: int, provisional: bool = False) -> Prediction:
        threshold = 0.0 if self.calibration is None else self.calibration.threshold(step)
        return Prediction(probabilities, self.classes, step, provisional, threshold)

    def _readouts(self, features: Tensor, lengths: np.ndarray) -> Tensor:
        """What the classifier reads after every step of each sequence, (steps in all, ...), as `features` lie.

        The sequences lie one after the other in `features`, not padded: at step t only those longer than t
        take part, so one long drawing among many short ones costs no more than its own length.
        """
        cell = self.recurrent.cell
        projected = self.recurrent.project(features)
        order = np.argsort(-lengths, kind="stable")
        longest_first = lengths[order]
        first = (np.cumsum(lengths) - lengths)[order]
        state = self.recurrent.initial_state(len(lengths))
        hidden = features.new_empty(len(features), self.recurrent.hidden_size)
        for t in range(longest_first[0]):
            active = int(np.searchsorted(-longest_first, -t))  # how many are longer than t
            rows = torch.from_numpy(first[:active] + t).to(projected.device)
            state = cell.advance(projected[rows], tuple(part[:active] for part in state))
            hidden[rows] = state[0]
        return self.recurrent.readout(hidden, features)


def _as_sketch(drawing: Drawing) -> Sketch:
    return drawing if isinstance(drawing, Sketch) else Sketch(drawing)


def _groups(drawings: Iterable[Drawing], max_strokes: int) -> Iterator[list[Sketch]]:
    """Successive drawings in lists of about `max_strokes` strokes in all."""
    if isinstance(drawings, Sketch):
        raise ValueError("sketches must be a list of drawings, not one Sketch: give a list, [sketch]")
    group: list[Sketch] = []
    strokes = 0
    for index, drawing in enumerate(drawings):
        try:
            sketch = _as_sketch(drawing)
        except SketchError as error:
            problem = "is one stroke, not a drawing: give a list of drawings, [strokes] of one"
            found = SketchError(problem) if _is_stroke(drawing) else error
            raise found.within(f"drawing {index}") from None
        if not len(sketch):
            raise ValueError(f"drawing {index} has no strokes, so there is nothing to recognise")
        group.append(sketch)
        strokes += len(sketch)
        if strokes >= max_strokes:
            yield group
            group, strokes = [], 0
    if group:
        yield group


def _is_stroke(drawing: Any) -> bool:
    """Whether this is (n, 2..4) numbers, as of who gives the strokes of one drawing where many are asked for."""
    try:
        points = np.asarray(drawing)
    except ValueError:  # ragged, as the strokes of a drawing are
        return False
    return points.ndim == 2 and points.dtype.kind in "iuf"


def _progress_bar(drawings: Iterable[Drawing], shown: bool):
    from tqdm.auto import tqdm

    total = len(drawings) if isinstance(drawings, Sized) else None
    return tqdm(total=total, desc="recognising", unit="drawing", disable=not shown)
