"""What a network is trained on: pictures by number, from strokes, from arrays, or from a data set of torch."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2.functional import rgb_to_grayscale
from tqdm.auto import tqdm

from sketchwidgets.models._pictures import as_picture
from sketchwidgets.recognition import Preprocessing
from sketchwidgets.sketch import Sketch
from sketchwidgets.sketch.augmentation.stroke_order import CHANNELS as STROKE_ORDER
from sketchwidgets.training.datasets import QuickDraw
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.training.inputs.images import Augmentation, render

# Of the side of a picture: the longer side of a drawing, which no view of Sketch-a-Net cuts, and its pen.
EXTENT, PEN = 194 / 256, 3 / 225
_FEW = 16  # pictures of a data set that are looked at to know it again


class Pictures:
    """`len` pictures with `labels` (n,) int64 of `classes`; `load` gives some of them."""

    labels: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def contents(self, indices: np.ndarray) -> Iterable[np.ndarray]:
        """What some pictures are made of, to tell them from others; nothing where that is not known."""
        return ()

    def digest(self, indices: np.ndarray) -> str | None:
        """Of the contents of some pictures."""
        made = hashlib.blake2b(digest_size=16)
        for part in self.contents(indices):
            made.update(f"{part.shape} {part.dtype}".encode())
            made.update(np.ascontiguousarray(part))
        return made.hexdigest()

    def load(self, indices: np.ndarray, size: int, channels: int, ink: bool) -> Tensor:
        """Pictures (b, channels, size, size) in [0, 1]; with `ink`, dark ink on bright paper is turned round."""
        raise NotImplementedError

    def load_changed(
        self,
        indices: np.ndarray,
        size: int,
        channels: int,
        ink: bool,
        augmentation: Augmentation | None,
        rng: np.random.Generator,
    ) -> Tensor:
        """As `load`; strokes are changed at random before they are drawn."""
        if augmentation is not None:
            raise ValueError("the recipe has an augmentation of strokes, and the data has no strokes")
        return self.load(indices, size, channels, ink)


class StrokePictures(Pictures):
    """Drawings, drawn as wide as the views of a recipe do not cut; of six channels, by the order of the strokes."""

    def __init__(self, drawings: DrawingSet, indices: np.ndarray | None = None) -> None:
        self.drawings = drawings
        self.indices = np.arange(len(drawings)) if indices is None else indices
        self.labels = drawings.label[self.indices].astype(np.int64)
        self.classes = drawings.classes

    def contents(self, indices: np.ndarray) -> Iterable[np.ndarray]:
        drawings = self.drawings
        for index in self.indices[indices]:
            ends = drawings.first_point[drawings.first_stroke[index] : drawings.first_stroke[index + 1] + 1]
            yield np.diff(ends).astype(np.int64)
            yield drawings.points[ends[0] : ends[-1]].astype(np.float32)

    def load(self, indices: np.ndarray, size: int, channels: int, ink: bool) -> Tensor:
        return self.load_changed(indices, size, channels, ink, None, np.random.default_rng(0))

    def load_changed(
        self,
        indices: np.ndarray,
        size: int,
        channels: int,
        ink: bool,
        augmentation: Augmentation | None,
        rng: np.random.Generator,
    ) -> Tensor:
        drawn = Preprocessing(size, EXTENT * size, max(1.0, PEN * size))
        chosen = self.indices[indices]
        keep = self.drawings.n_strokes[chosen].astype(np.int64)
        if augmentation is not None and augmentation.prefix:
            cut = rng.random(len(chosen)) < augmentation.prefix
            keep = np.where(cut, rng.integers(1, keep + 1), keep)
        order = channels == STROKE_ORDER
        images = render(
            self.drawings, chosen, keep, drawn, augmentation, rng, channels="order" if order else "ink"
        )
        images = images if ink else 1 - images  # as a photograph of paper, for networks of photographs
        return images if order or channels == 1 else images.expand(-1, channels, -1, -1)


class ArrayPictures(Pictures):
    """Images (n, h, w) or (n, h, w, 3) uint8."""

    def __init__(self, images: np.ndarray, labels: Any, classes: Sequence[str] | None) -> None:
        self.images = np.asarray(images)
        if (
            self.images.dtype != np.uint8
            or self.images.ndim not in (3, 4)
            or self.images.shape[3:] not in ((), (3,))
        ):
            raise ValueError(
                f"data: images must be (n, h, w) or (n, h, w, 3) uint8, not {self.images.shape} {self.images.dtype}"
            )
        self.labels = _checked_labels(labels, len(self.images))
        self.classes = _checked_classes(classes, self.labels)

    def contents(self, indices: np.ndarray) -> Iterable[np.ndarray]:
        return (self.images[index] for index in indices)

    def load(self, indices: np.ndarray, size: int, channels: int, ink: bool) -> Tensor:
        chosen = self.images[indices]
        chosen = chosen[:, None] if chosen.ndim == 3 else chosen.transpose(0, 3, 1, 2)
        return _framed(torch.from_numpy(np.ascontiguousarray(chosen)).float() / 255, size, channels, ink)


class DataSetPictures(Pictures):
    """A torch data set whose items are (picture, label), a picture being PIL's or an (h, w[, 3]) uint8 array."""

    def __init__(self, dataset: Any, classes: Sequence[str] | None) -> None:
        self.dataset = dataset
        labels = _labels_of(dataset)
        self.labels = _checked_labels(labels, len(dataset))
        self.classes = _checked_classes(classes or getattr(dataset, "classes", None), self.labels)

    def contents(self, indices: np.ndarray) -> Iterable[np.ndarray]:
        return (np.asarray(self.dataset[index][0]) for index in indices.tolist())

    def digest(self, indices: np.ndarray) -> str | None:
        """Of few, since they may be files; None where a data set changes them at random."""
        few = indices[:: max(1, len(indices) // _FEW)][:_FEW]
        first, second = super().digest(few), super().digest(few)
        return first if first == second else None

    def load(self, indices: np.ndarray, size: int, channels: int, ink: bool) -> Tensor:
        made = []
        for i in indices.tolist():
            picture = self.dataset[i][0]
            if isinstance(picture, Image.Image):
                made.append(_framed(as_picture(picture)[None], size, channels, ink))
                continue
            picture = np.asarray(picture)
            if picture.dtype != np.uint8 or picture.ndim not in (2, 3):
                raise ValueError(
                    f"data: item {i} is {picture.shape} {picture.dtype}; a picture of PIL or (h, w[, 3]) uint8 is wanted"
                )
            planes = picture[None] if picture.ndim == 2 else picture.transpose(2, 0, 1)
            values = torch.from_numpy(planes.copy())[None].float() / 255
            made.append(_framed(values, size, channels, ink))
        return torch.cat(made)


class PartOfPictures(Pictures):
    """Some pictures of others, by number."""

    def __init__(self, whole: Pictures, indices: np.ndarray) -> None:
        self.whole, self.indices = whole, indices
        self.labels, self.classes = whole.labels[indices], whole.classes

    def contents(self, indices: np.ndarray) -> Iterable[np.ndarray]:
        return self.whole.contents(self.indices[indices])

    def digest(self, indices: np.ndarray) -> str | None:
        return self.whole.digest(self.indices[indices])

    def load(self, indices: np.ndarray, size: int, channels: int, ink: bool) -> Tensor:
        return self.whole.load(self.indices[indices], size, channels, ink)


def as_pictures(data: Any, name: str = "data", progress: bool = False) -> Pictures:
    """Pictures of what `fit` takes as data.

    A `Pictures`; a DrawingSet, its .npz file or a folder of QuickDraw files, or (DrawingSet, indices); images and
    labels, (n, h, w[, 3]) uint8 and (n,), and perhaps names of classes; sketches, labels and perhaps names; or a torch
    data set of (Sketch or picture, label). Arrays may be tensors, of any device. Drawings are held in memory, about half
    a kilobyte each; with `progress`, a bar is shown while they are read from a data set or a folder. Pictures of a data
    set are asked for when needed. Raises TypeError or ValueError, naming the argument.
    """
    if isinstance(data, Pictures):
        found = data
    elif isinstance(data, DrawingSet):
        found = StrokePictures(data)
    elif isinstance(data, str | Path) and Path(data).is_dir():
        found = StrokePictures(DrawingSet.from_quickdraw(QuickDraw(data), progress))
    elif isinstance(data, str | Path):
        found = StrokePictures(DrawingSet.load(data))
    elif isinstance(data, tuple) and len(data) == 2 and isinstance(data[0], DrawingSet):
        found = StrokePictures(data[0], _checked_indices(data[1], len(data[0]), name))
    elif isinstance(data, tuple) and len(data) in (2, 3) and isinstance(data[0], np.ndarray | Tensor):
        found = ArrayPictures(_array(data[0]), data[1], data[2] if len(data) == 3 else None)
    elif isinstance(data, tuple) and len(data) in (2, 3) and _are_sketches(data[0]):
        found = StrokePictures(pack_sketches(*data))
    elif (
        hasattr(data, "__getitem__")
        and hasattr(data, "__len__")
        and not isinstance(data, tuple | list | dict)
    ):
        found = _of_dataset(data, name, progress)
    else:
        raise TypeError(
            f"{name} must be a DrawingSet or its .npz file, (images, labels), (sketches, labels), or a data set of "
            f"(picture or Sketch, label), "
            f"not {type(data).__name__}"
        )
    if not len(found):
        raise ValueError(f"{name} is empty")
    return found


def _are_sketches(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) > 0 and isinstance(value[0], Sketch)


def _of_dataset(data: Any, name: str, progress: bool) -> Pictures:
    if not len(data):
        raise ValueError(f"{name} is empty")
    first = data[0]
    if not isinstance(first, tuple | list) or len(first) != 2:
        raise TypeError(f"{name}: an item of the data set must be (picture or Sketch, label)")
    if not isinstance(first[0], Sketch):
        return DataSetPictures(data, None)
    points, lengths, labels = [], [], []
    numbers = tqdm(range(len(data)), f"reading {name}", unit="drawing", unit_scale=True, disable=not progress)
    for i in numbers:
        sketch, label = data[i]
        _check_sketch(sketch, f"{name}: item {i}")
        # Not the sketches, which hold times and more beside what is drawn.
        points.append(sketch.points[:, :2].astype(np.float32))
        lengths.append(sketch.lengths)
        labels.append(label)
    return StrokePictures(_packed(points, lengths, labels, getattr(data, "classes", None)))


def pack_sketches(
    sketches: Sequence[Sketch], labels: Any, classes: Sequence[str] | None = None
) -> DrawingSet:
    """Many sketches in the few flat arrays that are drawn fast; one of them that is empty is a ValueError.

    >>> house = sw.Sketch([[(0, 50), (40, 0), (80, 50)], [(0, 50), (0, 90), (80, 90), (80, 50)]])
    >>> sw.training.pack_sketches([house, house], [0, 0], ["house"]).n_strokes
    array([2, 2])
    """
    if not len(sketches):
        raise ValueError("sketches is empty")
    for i, sketch in enumerate(sketches):
        _check_sketch(sketch, f"sketch {i}")
    points = [sketch.points[:, :2].astype(np.float32) for sketch in sketches]
    return _packed(points, [sketch.lengths for sketch in sketches], labels, classes)


def _check_sketch(sketch: Any, what: str) -> None:
    if not isinstance(sketch, Sketch):
        raise TypeError(f"{what} is a {type(sketch).__name__}")
    if not len(sketch):
        raise ValueError(f"{what} has no strokes")


def _packed(
    points: list[np.ndarray], lengths: list[np.ndarray], labels: Any, classes: Sequence[str] | None
) -> DrawingSet:
    """Drawings of points (p, 2) and the lengths of their strokes."""
    labels = _checked_labels(labels, len(points))
    return DrawingSet(
        np.concatenate(points),
        None,
        np.concatenate(lengths),
        np.array([len(strokes) for strokes in lengths]),
        labels,
        np.arange(len(points), dtype=np.uint64),
        _checked_classes(classes, labels),
    )


def _framed(values: Tensor, size: int, channels: int, ink: bool) -> Tensor:
    """(b, channels, size, size) of (b, 1 or 3, h, w) in [0, 1]: the shorter side scaled, the middle cut out.

    As `Network.prepare` does it: what is trained on and what is recognised later are to be the same.
    """
    height, width = values.shape[-2:]
    scale = size / min(height, width)
    if scale != 1:
        wanted = [max(size, int(side * scale + 1e-6)) for side in (height, width)]
        values = F.interpolate(values, wanted, mode="bilinear", antialias=True, align_corners=False).clamp_(
            0, 1
        )
    top, left = (round((side - size) / 2) for side in values.shape[-2:])
    values = values[..., top : top + size, left : left + size]
    if channels == 1 and values.shape[1] == 3:
        values = rgb_to_grayscale(values)
    elif channels == 3 and values.shape[1] == 1:
        values = values.expand(-1, 3, -1, -1)
    elif channels != values.shape[1]:
        raise ValueError(f"the network takes {channels} channels, the pictures have {values.shape[1]}")
    return 1 - values if ink else values


def _labels_of(dataset: Any) -> list[int]:
    """The labels without loading a picture, where the data set keeps them."""
    for name in ("labels", "targets"):
        known = getattr(dataset, name, None)
        if known is not None and len(known) == len(dataset):
            return list(known)
    return [dataset[i][1] for i in range(len(dataset))]


def _array(values: Any) -> np.ndarray:
    """As an array; a tensor comes from its device."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def _checked_labels(labels: Any, count: int) -> np.ndarray:
    found = _array(labels)
    if found.shape != (count,) or found.dtype.kind not in "iu":
        raise ValueError(f"labels must be {count} whole numbers, not {found.shape} {found.dtype}")
    if count and found.min() < 0:
        raise ValueError(f"labels must be 0 or more, not {found.min()}")
    return found.astype(np.int64)


def _checked_classes(classes: Sequence[str] | None, labels: np.ndarray) -> tuple[str, ...]:
    most = int(labels.max(initial=-1)) + 1
    names = tuple(str(name) for name in classes) if classes is not None else tuple(map(str, range(most)))
    if most > len(names):
        raise ValueError(f"there is a label {most - 1}, and only {len(names)} classes")
    return names


def _checked_indices(indices: Any, count: int, name: str) -> np.ndarray:
    found = _array(indices)
    if found.ndim != 1 or (len(found) and found.dtype.kind not in "iu"):
        raise ValueError(f"{name}: indices must be (n,) whole numbers, not {found.shape} {found.dtype}")
    if len(found) and not 0 <= found.min() <= found.max() < count:
        raise ValueError(f"{name}: indices {found.min()} to {found.max()} into {count} drawings")
    return found.astype(np.int64)
