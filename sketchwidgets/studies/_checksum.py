"""By what a study knows its data again."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sketchwidgets.models import fingerprint
from sketchwidgets.recognition import Recognizer
from sketchwidgets.training.datasets import file_hash
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.visualization import Network

_FED = ("size", "mean", "std", "ink", "channel_order", "resize", "interpolation", "preprocessing", "classes")
_POINTS = 2**22  # that are hashed at once


def checksum(data: Any) -> str:
    """Of drawings, of (images, labels, classes), of a data set with `labels` and `classes`, or of a file: "sha256:...".

    Of drawings and images in memory all numbers count, however they are stored. Of a data set that reads its files only
    when they are asked for: names and sizes of the files, or the key_ids, and the labels.

    >>> from sketchwidgets.studies._checksum import checksum
    >>> black, white = (np.full((2, 8, 8), grey, np.uint8) for grey in (0, 255))
    >>> same = checksum((black, np.arange(2), ("ant", "bee")))
    >>> same == checksum((black.copy(), [0, 1], ["ant", "bee"])), same == checksum((white, [0, 1], ["ant", "bee"]))
    (True, False)
    """
    if isinstance(data, str | Path):
        return file_hash(data)
    found = hashlib.sha256()
    for name, values, kind in _parts(data):
        found.update(f"{name} {np.shape(values)} ".encode())
        for block in _blocks(values):
            found.update(np.ascontiguousarray(block, kind).tobytes())
    return f"sha256:{found.hexdigest()}"


def combined(parts: Mapping[str, Any]) -> str:
    """Of several data sets, each of which `checksum` takes, by name."""
    text = "\n".join(f"{name} {checksum(data)}" for name, data in parts.items())
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def of_network(network: Network | Recognizer) -> str:
    """Of the weights of a network, or of a recogniser's CNN, and of how it is fed: "sha256:...".

    >>> from sketchwidgets.studies._checksum import of_network
    >>> with sw.models.seeded(0):
    ...     nets = [sw.models.create("lenet").eval() for _ in range(2)]
    >>> len({of_network(sw.Network(net)) for net in [*nets, nets[0]]})
    2
    """
    if isinstance(network, Recognizer):
        module, fed = network.cnn, [network.preprocessing, network.classes]
    else:
        module, fed = network.module, [getattr(network, name) for name in _FED]
    found = hashlib.sha256(f"{fingerprint(module)} {fed}".encode())
    return f"sha256:{found.hexdigest()}"


def _parts(data: Any) -> Iterable[tuple[str, Any, Any]]:
    """What the data consists of: name, values, and the type of number that they are compared in."""
    if isinstance(data, DrawingSet):
        yield "points", data.points, np.float32
        if data.times is not None:
            yield "times", data.times, np.float64
        yield "stroke_len", data.stroke_len, np.int64
        yield "n_strokes", data.n_strokes, np.int64
        yield "key_id", data.key_id, np.uint64
        labels, classes = data.label, data.classes
    elif isinstance(data, tuple):
        images, labels, classes = data
        if np.asarray(images[:0]).dtype != object:  # of objects there are no bytes
            yield "images", images, None
    else:
        labels, classes = data.labels, data.classes
        if hasattr(data, "key_id"):
            yield "key_id", data.key_id, np.uint64
        if hasattr(data, "files"):
            yield "files", _text("/".join(file.parts[-2:]) for file in data.files), np.uint8
            yield "sizes", [file.stat().st_size for file in data.files], np.int64
    yield "labels", labels, np.int64
    yield "classes", _text(classes), np.uint8


def _blocks(values: Any) -> Iterable[np.ndarray]:
    """The values, some millions at a time, so that no copy of all of them is made."""
    rows = max(1, _POINTS // max(1, int(np.prod(np.shape(values)[1:]))))
    return (np.asarray(values[first : first + rows]) for first in range(0, len(values), rows))


def _text(names: Iterable[str]) -> np.ndarray:
    return np.frombuffer("\0".join(names).encode(), np.uint8)
