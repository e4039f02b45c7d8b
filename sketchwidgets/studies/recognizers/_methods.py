"""How each kind of recogniser is trained on two folds and asked about the third."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from tqdm.auto import tqdm

from sketchwidgets.models import classical, create
from sketchwidgets.models.classical import layer_by_layer
from sketchwidgets.models.ensemble import SCALES, InkPreparation
from sketchwidgets.recognition import Recognizer
from sketchwidgets.studies._fast_norm import with_fast_norms
from sketchwidgets.studies._folder import StudyFolder
from sketchwidgets.studies._named import NamedRight
from sketchwidgets.studies.recognizers._ensemble import said_by
from sketchwidgets.studies.recognizers._plan import Contestant
from sketchwidgets.studies.recognizers._result import ComparedRecognizer
from sketchwidgets.training.ensemble import train_ensemble
from sketchwidgets.training.fitting import fit
from sketchwidgets.visualization import Network

FOLDS = 3
NEIGHBOURS = 30  # of `train_ensemble`, where a row does not say
_BATCH = 50


@dataclass(frozen=True)
class Images:
    """The data: file, images (n, h, w) uint8, black on white, labels (n,), names of classes, and folds (n,)."""

    path: Path
    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    folds: np.ndarray


def measured(
    row: Contestant, data: Images, folder: StudyFolder, seed: int, asked: dict[str, Any], progress: bool
) -> ComparedRecognizer:
    """The recogniser's row: each image named when it has learned from the folds that the image is not in.

    Folds and trainings that are done stay done.
    """
    if row.method == "ensemble":
        return _ensemble(row, data, folder, seed, progress)
    if row.method == "features":
        with folder.count(row.name):
            said = _features(row, data, progress)
        right = said == data.labels
        return _row(row, [right[data.folds == fold] for fold in range(FOLDS)], data)
    name = _machine if row.method == "machine" else _network
    found = []
    for fold in tqdm(range(FOLDS), desc=row.name, unit="fold", leave=False, disable=not progress):
        slug = f"{row.slug}-fold-{fold}"
        measure = _one_fold(name, row, data, fold, folder, seed, progress)
        found.append(folder.row(slug, asked | {"fold": fold}, measure))
    right, total = (tuple(int(one[key]) for one in found) for key in ("right", "total"))
    kept = [
        NamedRight.from_json(one.get("named_right"), *counts)
        for one, *counts in zip(found, right, total, strict=True)
    ]
    if None in kept:  # of folds that an earlier version has measured
        return ComparedRecognizer(row.name, row.about, right, total)
    return _row(row, [named.each for named in kept], data)


def _row(row: Contestant, right: Sequence[np.ndarray], data: Images) -> ComparedRecognizer:
    """Of whether each image is named right, (n,) bool for each fold."""
    each = np.empty(len(data.folds), bool)
    for fold, values in enumerate(right):
        each[data.folds == fold] = values
    counts, totals = (tuple(map(of, right)) for of in (lambda values: int(values.sum()), len))
    return ComparedRecognizer(row.name, row.about, counts, totals, NamedRight.of(each))


def _one_fold(
    name: Callable[..., np.ndarray],
    row: Contestant,
    data: Images,
    fold: int,
    folder: StudyFolder,
    seed: int,
    progress: bool,
) -> Callable[[], dict[str, Any]]:
    def measure() -> dict[str, Any]:
        train, test = np.flatnonzero(data.folds != fold), np.flatnonzero(data.folds == fold)
        place = folder.path / "networks" / f"{row.slug}-fold-{fold}"
        with folder.count(row.name):
            said = name(row, data, train, test, place, seed, progress)
        named = NamedRight.of(said == data.labels[test])
        return {"right": named.right, "total": named.total, "named_right": named.to_json()}

    return measure


def _machine(
    row: Contestant,
    data: Images,
    train: np.ndarray,
    test: np.ndarray,
    place: Path,
    seed: int,
    progress: bool,
) -> np.ndarray:
    arguments = dict(row.arguments)
    machine = getattr(classical, arguments.pop("machine"))(**arguments, seed=seed, progress=progress)
    return machine.fit(data.images[train], data.labels[train]).predict(data.images[test])


def _network(
    row: Contestant,
    data: Images,
    train: np.ndarray,
    test: np.ndarray,
    place: Path,
    seed: int,
    progress: bool,
) -> np.ndarray:
    torch.manual_seed(seed)
    arguments = row.arguments.get("with", {})
    network = create(row.arguments["network"], classes=len(data.classes), channels=1, **arguments)
    network = with_fast_norms(network).to(memory_format=torch.channels_last)
    size = int(row.arguments["size"])
    recipe = replace(row.recipe, seed=seed)
    learned = (pictures_of(data.images[train], size), data.labels[train], data.classes)
    fitted = fit(network, learned, recipe, place, every=200, progress=progress)
    asked = (pictures_of(data.images[test], size), data.labels[test], data.classes)
    return fitted.scores(asked).argmax(1).numpy()


def pictures_of(images: np.ndarray, size: int) -> np.ndarray:
    """Black on white, (n, size, size) uint8, of (n, h, w): lines as thick as a pen's, see `InkPreparation`.

    Smaller pictures than 256 pixels are those reduced, with lines twice as dark as that makes them.
    """
    made = []
    for first in range(0, len(images), _BATCH):
        ink = InkPreparation()(images[first : first + _BATCH])
        if size < ink.shape[-1]:
            ink = F.interpolate(ink, (size, size), mode="bilinear", antialias=True, align_corners=False)
            ink = (2 * ink).clamp(0, 1)
        made.append((255 * (1 - ink[:, 0])).round().to(torch.uint8).numpy())
    return np.concatenate(made)


def _features(row: Contestant, data: Images, progress: bool) -> np.ndarray:
    arguments = dict(row.arguments)
    name, layer = arguments.pop("network"), arguments.pop("layer")
    network = _known(name)
    return layer_by_layer(
        network, [layer], data.images, data.labels, data.folds, progress=progress, **arguments
    )[layer]


def _known(name: str) -> Any:
    """A network that has learned something already."""
    if name == "efficientnet_lite0":
        return Network.efficientnet_lite0()
    if name == "alexnet_sketch":
        network = create(name, classes=1000, pretrained="imagenet")
        if network.input_statistics is None:
            raise ValueError("AlexNet's ImageNet weights could not be had, and this row is nothing without")
        return network
    return Network.of(Recognizer.load(name, device="cpu"))


def _ensemble(
    row: Contestant, data: Images, folder: StudyFolder, seed: int, progress: bool
) -> ComparedRecognizer:
    arguments = dict(row.arguments)
    wanted = arguments.pop("row")
    place = folder.path / "ensemble"
    with folder.count("Sketch-a-Nets at five scales"):
        one = train_ensemble(data.path, place, seed=seed, progress=progress, **arguments)[wanted]
        asked = wanted, arguments.get("scales", SCALES), arguments.get("neighbours", NEIGHBOURS)
        said = [said_by(place, fold, *asked) for fold in range(FOLDS)]
    counted = ComparedRecognizer(row.name, row.about, one.right, one.total)
    if any(labels is None for labels in said):
        return counted
    made = _row(row, [labels == data.labels[data.folds == fold] for fold, labels in enumerate(said)], data)
    # A fusion comes back from its file in single precision: where that changes a name, it is not known which was meant.
    return made if made.right == one.right else counted
