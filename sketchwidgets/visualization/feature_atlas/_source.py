"""Where the images come from: batches in a fixed order, and single images by their number afterwards."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, RandomSampler

from sketchwidgets.sketch import Sketch

from ._errors import AtlasError
from .sketch_images import SketchImages

_BATCH = 64  # images, where the caller says nothing
_FETCH = 16  # winning images at once: projecting them takes long, and progress should be seen


class Batch(NamedTuple):
    """Images (n, C, H, W), their numbers in the data set (n,) int64, and their labels (n,) int64 or None."""

    images: Tensor
    indices: np.ndarray
    labels: np.ndarray | None


class Source:
    """Images in a fixed order, numbered.

    size : how many there are, or None. batch_count : in how many batches they come, or None.
    identity : says the same of two sources that give the same batches, as far as one can know without reading.
    drawing : the strokes of an image by its number, where the images are drawings, else None.
    frame : how such drawings become images.
    """

    size: int | None = None
    batch_count: int | None = None
    identity: str = ""
    drawing: Callable[[int], list[np.ndarray]] | None = None
    frame: dict[str, float] | None = None

    def batches(self, skip: int = 0) -> Iterator[Batch]:
        """The batches from number `skip` on."""
        raise NotImplementedError

    def fetch(self, indices: np.ndarray) -> Iterator[Batch]:
        """The images with these numbers, ascending, in batches."""
        raise NotImplementedError


class LoaderSource(Source):
    """A DataLoader over a map-style data set: the number of an image is its index there.

    Every image that the loader draws is read once, in the order of the data set: an atlas depends neither on the
    order nor on how often an image is drawn, and resuming depends on the order. A batch sampler of the user's
    own keeps its batches.
    """

    def __init__(self, loader: DataLoader) -> None:
        self._loader = loader
        sampler = loader.batch_sampler
        if type(sampler) is BatchSampler:
            whole = isinstance(sampler.sampler, RandomSampler)
            drawn = range(len(loader.dataset)) if whole else sorted({int(i) for i in sampler.sampler})
            sampler = BatchSampler(drawn, sampler.batch_size, drop_last=False)
        seen: set[int] = set()
        self._batches = []
        for batch in sampler:
            new = [i for i in dict.fromkeys(map(int, batch)) if i not in seen]
            seen.update(new)
            if new:
                self._batches.append(new)
        self.size = sum(map(len, self._batches))
        self.batch_count = len(self._batches)
        digest = hashlib.sha256()
        for batch in self._batches:
            digest.update(np.asarray([len(batch), *batch], np.int64).tobytes())
        self.identity = f"loader {digest.hexdigest()[:32]}"
        self.drawing = getattr(loader.dataset, "drawing", None)
        self.frame = getattr(loader.dataset, "frame", None) if self.drawing else None

    def batches(self, skip: int = 0) -> Iterator[Batch]:
        return self._read(self._batches[skip:])

    def fetch(self, indices: np.ndarray) -> Iterator[Batch]:
        return self._read([part.tolist() for part in _chunks(indices)])

    def _read(self, batches: list[list[int]]) -> Iterator[Batch]:
        given = self._loader
        loader = DataLoader(
            given.dataset,
            batch_sampler=batches,
            num_workers=given.num_workers,
            collate_fn=given.collate_fn,
            pin_memory=given.pin_memory,
            timeout=given.timeout,
            worker_init_fn=given.worker_init_fn,
            multiprocessing_context=given.multiprocessing_context,
            prefetch_factor=given.prefetch_factor,
            generator=torch.Generator(),  # else PyTorch's own, which is the user's, is drawn from
        )
        for indices, item in zip(batches, loader, strict=True):
            images, labels = unpack(item, f"the batch of images {indices[0]}, ...")
            if len(images) != len(indices):
                raise AtlasError(
                    f"loader: a batch of {len(indices)} indices gave {len(images)} images, so they cannot be numbered"
                )
            yield Batch(images, np.asarray(indices, np.int64), labels)


class StreamSource(Source):
    """Any iterable of batches that can be read twice: the number of an image counts from the first on."""

    def __init__(self, stream: Iterable[Any]) -> None:
        if iter(stream) is stream:
            raise AtlasError(
                f"loader: a {type(stream).__name__} can be read only once, and the winning images are read again at "
                "the end; give a list, a DataLoader or an object whose __iter__ starts anew"
            )
        self._stream = stream
        try:
            self.batch_count = len(stream)
        except TypeError:
            self.batch_count = None
        if isinstance(stream, list | tuple):
            self.size = sum(len(unpack(item, f"loader[{i}]")[0]) for i, item in enumerate(stream))
        self.identity = f"stream of {self.batch_count} batches"

    def batches(self, skip: int = 0) -> Iterator[Batch]:
        first = 0
        for number, item in enumerate(self._stream):
            images, labels = unpack(item, f"batch {number} of loader")
            if number >= skip:
                yield Batch(images, np.arange(first, first + len(images)), labels)
            first += len(images)

    def fetch(self, indices: np.ndarray) -> Iterator[Batch]:
        found = 0
        for batch in self.batches():
            if found == len(indices):
                return
            here = np.flatnonzero(np.isin(batch.indices, indices))
            found += len(here)
            if len(here):
                labels = None if batch.labels is None else batch.labels[here]
                yield Batch(batch.images[torch.from_numpy(here)], batch.indices[here], labels)
        if found < len(indices):
            raise AtlasError(f"loader: read again, it gave only {found} of the {len(indices)} winning images")


class PreparedImages(Dataset):
    """Drawings and pictures as a network prepares them: (C, H, W) each."""

    def __init__(self, pictures: Sequence[Any], prepare: Callable[[Any], Tensor]) -> None:
        self._pictures, self._prepare = pictures, prepare

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Tensor:
        return self._prepare(self._pictures[index])[0]


def as_source(loader: Any, model: Any = None) -> Source:
    """The source of what a user gives: a DataLoader, a data set, an iterable of batches, a tensor, sketches.

    Of sketches, the strokes are stored where the model sees them as ink 1 on paper 0; other sketches, and pictures, are
    prepared by the model, a `sw.Network`.
    """
    if isinstance(loader, Source):
        return loader
    prepare = getattr(model, "prepare", None)
    if _are_all(loader, Sketch) and _sees_plain_ink(model):
        preprocessing = getattr(model, "preprocessing", None)
        loader = SketchImages(loader, **(preprocessing.to_dict() if preprocessing is not None else {}))
    elif (
        callable(prepare) and _are_all(loader, Sketch | Image.Image | np.ndarray) and not _are_batches(loader)
    ):
        loader = PreparedImages(loader, prepare)
    if isinstance(loader, Tensor | np.ndarray):
        images = unpack(loader, "loader")[0]
        return StreamSource(list(images.split(_BATCH)))
    if isinstance(loader, IterableDataset):
        return StreamSource(loader)
    if isinstance(loader, DataLoader):
        if isinstance(loader.dataset, IterableDataset) or loader.batch_sampler is None:
            return StreamSource(loader)
        return LoaderSource(loader)
    if isinstance(loader, Dataset):
        return LoaderSource(DataLoader(loader, batch_size=_BATCH))
    try:
        iter(loader)
    except TypeError:
        raise AtlasError(
            "loader must be a DataLoader, a data set, an iterable of batches or (n, C, H, W) images, not "
            f"{type(loader).__name__}"
        ) from None
    if isinstance(loader, str | bytes | dict):
        raise AtlasError(f"loader must be an iterable of batches, not {type(loader).__name__}")
    return StreamSource(loader)


def unpack(item: Any, where: str) -> tuple[Tensor, np.ndarray | None]:
    """Images (n, C, H, W) and labels (n,) or None of what a loader gives for one batch."""
    labels = None
    if isinstance(item, list | tuple):
        if not item:
            raise AtlasError(f"{where} is empty")
        if len(item) > 1:
            labels = _labels(item[1])
        item = item[0]
    if isinstance(item, np.ndarray):
        item = torch.from_numpy(item)
    if not isinstance(item, Tensor):
        raise AtlasError(
            f"{where} holds a {type(item).__name__}, not images (n, C, H, W) or (images, labels)"
        )
    if item.ndim == 3:
        item = item[None]
    if item.ndim != 4 or 0 in item.shape:
        raise AtlasError(f"{where} has shape {tuple(item.shape)}, not (n, C, H, W)")
    if not item.is_floating_point():
        raise AtlasError(f"{where} is {item.dtype}, not floating point")
    if labels is not None and labels.shape != (len(item),):
        labels = None  # targets of another kind: boxes, masks, regression
    return item, labels


def _are_all(values: Any, kinds: Any) -> bool:
    return isinstance(values, list | tuple) and bool(values) and all(isinstance(v, kinds) for v in values)


def _are_batches(values: Sequence[Any]) -> bool:
    return any(isinstance(value, np.ndarray) and value.ndim == 4 for value in values)


def _sees_plain_ink(model: Any) -> bool:
    """Whether a drawing is to the model just its ink: a recogniser, a network of one channel, or who knows."""
    if not hasattr(model, "prepare"):
        return True
    return (
        model.channels == 1
        and model.ink == "positive"
        and set(model.mean) == {0.0}
        and set(model.std) == {1.0}
    )


def _labels(values: Any) -> np.ndarray | None:
    try:
        array = np.asarray(values.cpu() if isinstance(values, Tensor) else values)
    except (ValueError, TypeError):
        return None
    if array.dtype.kind not in "iu" or array.ndim > 1:
        return None
    return array.reshape(-1).astype(np.int64)


def _chunks(indices: np.ndarray) -> Sequence[np.ndarray]:
    return [indices[i : i + _FETCH] for i in range(0, len(indices), _FETCH)]
