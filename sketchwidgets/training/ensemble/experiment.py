"""Single networks, score, feature and Joint Bayesian fusion, measured under the threefold protocol."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

import sketchwidgets
from sketchwidgets.models import resolve_device
from sketchwidgets.models.ensemble import (
    SCALES,
    VIEWS,
    FeatureFusion,
    InkPreparation,
    JointBayesian,
    MultiScale,
    concatenate,
    fuse_scores,
)
from sketchwidgets.models.networks.sketch_a_net import SketchANet
from sketchwidgets.recognition import Recognizer
from sketchwidgets.training.datasets import load_images_npz, three_folds
from sketchwidgets.training.ensemble._fine_tune import FineTuning, start_network
from sketchwidgets.training.ensemble._networks import NetworksOnDisk, Report, Source, Stopped
from sketchwidgets.training.ensemble.result import EnsembleResult, EnsembleRow


def train_ensemble(
    data: str | Path,
    folder: str | Path,
    *,
    folds: Sequence[int] = (0, 1, 2),
    scales: Sequence[int] = SCALES,
    recipe: FineTuning | None = None,
    preparation: InkPreparation | None = None,
    recognizer: Recognizer | None = None,
    training_views: int = VIEWS,
    components: int | None = 200,
    neighbours: int = 30,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: bool = True,
    callback: Callable[[dict], bool | None] | None = None,
) -> EnsembleResult | None:
    """Fine-tune a Sketch-a-Net for each scale, fuse them, and count on the test folds.

    Every network begins as the CNN of a recogniser (the bundled Sketch-a-Net knows QuickDraw), so this measures how
    well it is carried over, not what Sketch-a-Net learns from the data alone. Two folds train, one tests (Yu et al.,
    BMVC 2015); each network sees ten views of a test image.

    Parameters
    ----------
    data : an .npz of `load_images_npz`, black on white.
    folder : networks, their outputs, and `result.json` go here. A run that was cut off goes on where it stopped.
    folds : which of 0, 1, 2 are tested on, in this order; the result holds these and no other.
    scales : sides in pixels that the networks see, enlarged to 256 again.
    recipe, preparation : how networks are trained, and how images become ink.
    recognizer : whose CNN, a `SketchANet` of one channel, the networks begin as; None for the bundled one
        of that kind, `Recognizer.load("sketch-a-net-quickdraw345")`.
    training_views : views of each training image whose mean feature the fusions learn from, 1 to 10. With fewer than
        ten the features of test images, means over ten, are unlike those learnt from: two more rows then ask with the
        mean over just as many views.
    components, neighbours : principal components and votes of Joint Bayesian.
    seed : of folds, training and everything else. device : where networks are trained and asked, as
        `Recognizer.load` takes it.
    progress : show a bar. callback : gets the state after each step; False stops, and None is returned.

    Raises ValueError naming what does not fit, FileNotFoundError where there is no data.
    """
    folds, scales = _whole(folds, "folds", 0, 2), _whole(scales, "scales", 1, 256)
    if not 1 <= training_views <= VIEWS:
        raise ValueError(f"training_views must be 1 to {VIEWS}, not {training_views}")
    images, labels, classes = load_images_npz(data)
    start = (
        "the bundled Sketch-a-Net, trained on QuickDraw" if recognizer is None else "another recogniser's CNN"
    )
    recognizer = recognizer or Recognizer.load("sketch-a-net-quickdraw345", device="cpu")
    network = recognizer.cnn
    if not isinstance(network, SketchANet) or network.arguments["channels"] != 1:
        raise ValueError(f"recognizer must have a SketchANet of one channel, not {type(network).__name__}")
    folder, recipe, preparation = Path(folder), recipe or FineTuning(), preparation or InkPreparation()
    source = Source(network, tuple(recognizer.classes))
    split = three_folds(labels, seed)
    fewest = min(int((split != fold).sum()) for fold in folds)
    if components is not None and not 1 <= components < fewest:
        raise ValueError(
            f"components must be at most {fewest - 1}: two folds have {fewest} images, not {components}"
        )
    device = resolve_device(device)
    disk = NetworksOnDisk(folder, images, labels, classes, split, source, recipe, preparation, seed, device)
    with tqdm(desc="ensemble", unit="step", disable=not progress) as bar:
        report = _reporting(bar, callback)
        try:
            correct = [
                _fold(disk, fold, scales, training_views, components, neighbours, report) for fold in folds
            ]
        except Stopped:
            return None
    known = start_network(network, source.classes, classes, recipe.dropout, 0)[1]
    settings = {
        "data": Path(data).name,
        "images": len(images),
        "classes": len(classes),
        "classes_known_by_name": known,
        "protocol": "two folds train, one tests; ten views of each test image",
        "start": start,
        "scales": scales,
        "training_views": training_views,
        "components": components,
        "neighbours": neighbours,
        "seed": seed,
        "recipe": asdict(recipe) | {"frozen": list(recipe.frozen)},
        "preparation": preparation.to_dict(),
        "device": device.type,
        "cpu_seconds_of_training": round(sum(disk.cpu_seconds(f, s) for f in folds for s in scales)),
        "versions": {
            "sketchwidgets": sketchwidgets.__version__,
            "torch": torch.__version__.split("+")[0],
            "python": platform.python_version(),
        },
    }
    result = EnsembleResult(_rows(correct, scales), tuple(folds), settings)
    result.save(folder / "result.json")
    return result


def _fold(
    disk: NetworksOnDisk,
    fold: int,
    scales: list[int],
    training_views: int,
    components: int | None,
    neighbours: int,
    report: Report,
) -> dict[str, np.ndarray]:
    """Name of a recogniser -> whether it is right, for each test image of a fold, (n,) bool."""
    # All that single networks and scores need first: what takes longest comes when something is known already.
    seen = {scale: disk.views(fold, scale, False, VIEWS, report) for scale in scales}
    learnt = {scale: disk.views(fold, scale, True, training_views, report)[0] for scale in scales}
    labels = disk.labels.numpy()
    truth, train_labels = labels[disk.part(fold, False)], labels[disk.part(fold, True)]
    scores = np.stack([seen[scale][1].mean(0) for scale in scales], 1)
    asked = np.stack([seen[scale][0].mean(0) for scale in scales], 1)
    train = np.stack([learnt[scale].mean(0) for scale in scales], 1)
    feature = FeatureFusion().fit(train, train_labels)
    joint = JointBayesian(components).fit(concatenate(train), train_labels)
    found = {f"scale {scale}": scores[:, column].argmax(1) for column, scale in enumerate(scales)}
    found["score fusion"] = fuse_scores(scores).argmax(1)
    found["feature fusion"] = feature.predict(asked)
    found["Joint Bayesian"] = joint.predict(concatenate(asked), neighbours)
    if training_views < VIEWS:
        alike = np.stack([seen[scale][0][:training_views].mean(0) for scale in scales], 1)
        found[f"feature fusion, {training_views} views"] = feature.predict(alike)
        found[f"Joint Bayesian, {training_views} views"] = joint.predict(concatenate(alike), neighbours)
    networks = [disk.network(fold, scale, report) for scale in scales]
    MultiScale(networks, scales, disk.preparation, disk.classes).save(disk.folder / f"fold{fold}.safetensors")
    feature.save(disk.folder / f"fold{fold}-feature-fusion.safetensors")
    joint.save(disk.folder / f"fold{fold}-joint-bayesian.safetensors")
    return {name: labels_found == truth for name, labels_found in found.items()}


def _rows(correct: list[dict[str, np.ndarray]], scales: list[int]) -> tuple[EnsembleRow, ...]:
    networks = [f"scale {scale}" for scale in scales]
    first = np.concatenate([fold[networks[0]] for fold in correct])
    rows = []
    for name in correct[0]:
        each = [fold[name] for fold in correct]
        own = np.concatenate(each)
        rows.append(
            EnsembleRow(
                name,
                "network" if name in networks else "fusion",
                tuple(int(right.sum()) for right in each),
                tuple(len(right) for right in each),
                int((own & ~first).sum()),
                int((first & ~own).sum()),
            )
        )
    return tuple(rows)


def _reporting(bar: Any, callback: Callable[[dict], bool | None] | None) -> Report:
    def report(state: dict) -> bool | None:
        bar.update()
        bar.set_postfix(
            {key: f"{value:.3g}" if isinstance(value, float) else value for key, value in state.items()}
        )
        return callback(state) if callback is not None else None

    return report


def _whole(values: Sequence[int], name: str, lowest: int, highest: int) -> list[int]:
    values = list(values)
    good = all(isinstance(v, int) and not isinstance(v, bool) and lowest <= v <= highest for v in values)
    if not values or not good or len(set(values)) < len(values):
        raise ValueError(f"{name} must be different whole numbers from {lowest} to {highest}, not {values}")
    return values
