"""Features carried over: section 5.2 and table 6 of Zeiler & Fergus (ECCV 2014).

A network learns to name the pictures of one data set. Its layers 1 to 7 stay as they are, and a new softmax on top of
them learns another data set from a few pictures of each class; beside it, the same network learns that data set alone,
from scratch. Then the first layers alone are kept, with a linear SVM or a softmax on each.

What differs from the paper, whatever the scale: the SVM decides between pairs of classes and has most of these votes;
how strongly it and the softmax are regularised is chosen on a third of the training pictures; no pictures that are in both
data sets are looked for. At "small": half of QuickDraw's classes instead of ImageNet, the other half and TU-Berlin
instead of Caltech-256 and Caltech-101, a quarter of all widths and 3/7 of all sides, fewer passes, three folds.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from sketchwidgets.models import kept_generators
from sketchwidgets.studies._checksum import checksum, combined
from sketchwidgets.studies._drawings import of_classes, opened
from sketchwidgets.studies._fast_norm import with_fast_norms
from sketchwidgets.studies._folder import StudyFolder
from sketchwidgets.studies._labelled import Labelled, at_most
from sketchwidgets.studies._settings import data_name, plan_of, settings, slug_of
from sketchwidgets.studies.transfer_learning._classifiers import (
    mean_of_classes,
    softmax_accuracy,
    svm_accuracy,
)
from sketchwidgets.studies.transfer_learning._features import LayerFeatures
from sketchwidgets.studies.transfer_learning._plan import TransferPlan
from sketchwidgets.studies.transfer_learning._result import Transfer, TransferRow
from sketchwidgets.training import DrawingSet, Fitted, fit, split_per_class

OTHER_HALF = "QuickDraw, other half"
_LAST = 7
_DIFFERENCES = (
    "the linear SVM decides between pairs of classes; the strength of its regularisation and of the softmax's is chosen on "
    "a third of the training pictures",
    "no pictures that are in both data sets were looked for",
)
_SMALL = (
    "half of QuickDraw's classes instead of ImageNet; the other half and TU-Berlin instead of Caltech-256 and -101",
    "all widths a quarter of the published ones, sides of pictures and inputs 3/7, one channel, fewer passes",
    "AdamW, a rate that falls as a cosine and weights as He et al. draw them, instead of SGD with renormalised filters",
    "from scratch as many steps for few pictures as for many",
    "three folds instead of five; the network is trained once, so that the deviations are of the folds alone",
)


@kept_generators()
def transfer(
    data: str | Path | DrawingSet,
    folder: str | Path = "runs/transfer",
    plan: TransferPlan | str = "small",
    *,
    targets: Mapping[str, Any] | None = None,
    every: int = 150,
    workers: int = 0,
    progress: bool = True,
    callback: Callable[[TransferRow], bool | None] | None = None,
) -> Transfer:
    """Learn features from one data set, put classifiers on them on others, and train from scratch there.

    Everything that is done stays in `folder`: a run that was cut off, at whatever moment, goes on from there.
    `folder`/result.json has the rows so far.

    Parameters
    ----------
    data : drawings, see `DrawingSet.load`, of which half of the classes are learned and the other half is the first
        target; or a folder with the folders train and val of pictures, each with a folder for each class, as ImageNet;
        or a folder that `fit` has left a network in, which is then taken as it is.
    plan : "small", "full" or a `TransferPlan`.
    targets : name -> other data: an .npz of images or drawings, the folder of Caltech-101 or -256 or of pictures in
        folders, or a data set itself.
    every : steps between two states of a network in training. workers : processes that prepare batches.
    progress : whether a bar is shown.
    callback : called with each row; False ends the study with the rows so far.

    Where each class of a target has more than 60 pictures it stands beside Caltech-256, else beside Caltech-101.
    Raises ValueError for an unknown plan, no targets, classes of too few pictures, and a folder of another study.

    >>> from sketchwidgets.studies import TransferPlan
    >>> points = np.random.default_rng(0).uniform(0, 255, (320, 2))
    >>> strokes = np.full(80, 4), np.full(80, 1), np.arange(80) % 4, np.arange(80)
    >>> drawings = sw.training.DrawingSet(points, None, *strokes, ("ant", "bee", "cat", "dog"))
    >>> recipe = sw.training.Recipe(epochs=1, batch_size=8, views=sw.training.Views(size=32, test="centre"))
    >>> plan = TransferPlan(recipe, recipe, 1, "lenet", {"channels": 1}, (6,), svm=(2,), softmax=(), folds=2)
    >>> result = sw.studies.transfer(drawings, "study", plan, progress=False)
    >>> [row.classifier for row in result.rows]
    ['SVM (2)']
    """
    plan = plan_of(plan, TransferPlan)
    source, given = _source(data, plan, targets or {})
    if not given:
        raise ValueError("targets must not be empty where data has no other half")
    labelled = {name: Labelled.open(of, f"targets[{name!r}]") for name, of in given.items()}
    place = StudyFolder(folder, {"data": source.checksum})
    pace = {"every": every, "workers": workers}
    with place.count("learning the features"):
        fitted = _learned(source, place, plan, pace, progress)
    at_work = [_Target(name, of, fitted, place, plan, pace) for name, of in labelled.items()]
    place.belong_to({f"targets[{name!r}]": checksum(labelled[name].data) for name in targets or {}})
    # Training from scratch takes longest, so that all that does not comes first.
    todo = [
        (target, cell) for scratch in (False, True) for target in at_work for cell in target.cells(scratch)
    ]
    options = {"target": " --target ".join(f"{name}={data_name(of)}" for name, of in (targets or {}).items())}
    rows: list[TransferRow] = []
    bar = tqdm(todo, unit="row", disable=not progress)
    for target, cell in bar:
        bar.set_description(target.name)
        rows.append(target.row(*cell))
        said = settings(
            "transfer",
            data,
            plan.scale,
            plan.seed,
            place.cpu_seconds(),
            options={name: text or None for name, text in options.items()},
            differences=(*(_SMALL if plan.scale == "small" else ()), *_DIFFERENCES),
            packages=("lightning", "scikit-learn"),
            source=source.facts | {"accuracy": fitted.accuracy},
            targets={target.name: target.facts for target in at_work},
            plan=plan.to_dict(),
        )
        result = Transfer(tuple(rows), said)
        result.save(place.path / "result.json")
        if callback is not None and callback(rows[-1]) is False:
            break
    return result


class _Source:
    """What the features are learned from, or the folder of a network that has."""

    def __init__(
        self, train: Any, validation: Any, facts: dict[str, Any], checksum: str, folder: Path | None = None
    ) -> None:
        self.train, self.validation, self.facts, self.folder = train, validation, facts, folder
        self.checksum = checksum


def _source(data: Any, plan: TransferPlan, targets: Mapping[str, Any]) -> tuple[_Source, dict[str, Any]]:
    """Where the features come from, and all targets, the other half of the drawings first."""
    path = Path(data) if isinstance(data, str | Path) else None
    if path is not None and (path / "network.safetensors").is_file():
        known = checksum(path / "network.safetensors")
        return _Source(None, None, {"network": path.name}, known, path), dict(targets)
    if path is not None and all((path / part).is_dir() for part in ("train", "val")):
        train, validation = (Labelled.open(path / part) for part in ("train", "val"))
        if train.classes != validation.classes:
            raise ValueError(f"{data}: the classes of train and val are not the same")
        facts = {"classes": len(train.classes), "training_pictures": len(train)}
        known = combined({"train": train.data, "val": validation.data})
        return _Source(train.data, validation.data, facts, known), dict(targets)
    drawings = opened(data)
    order = np.random.default_rng([plan.seed, 2]).permutation(len(drawings.classes))
    half = len(order) // 2
    wanted = plan.classes if plan.classes is not None else len(order) - half
    if half < 2 or wanted > len(order) - half:
        raise ValueError(f"data: {len(order)} classes, of which {half} are learned, are too few")
    mine, others = (
        [drawings.classes[number] for number in sorted(part)]
        for part in (order[:half], order[half:][:wanted])
    )
    learned = of_classes(drawings, mine)
    train, validation = learned.split()
    if not len(train) or not len(validation):
        raise ValueError(f"data: {len(drawings)} drawings are too few to keep some apart for measurement")
    facts = {"classes": len(mine), "training_pictures": len(train), "measured_pictures": len(validation)}
    facts["class_names"] = mine
    source = _Source((learned, train), (learned, validation), facts, checksum(drawings))
    return source, {OTHER_HALF: of_classes(drawings, others), **targets}


def _learned(
    source: _Source, place: StudyFolder, plan: TransferPlan, pace: dict[str, int], progress: bool
) -> Fitted:
    """The network with its features, trained where that has not been done."""
    folder = source.folder or place.path / "features-network"
    if not (folder / "network.safetensors").is_file():
        torch.manual_seed(plan.seed)
        _fit(
            plan,
            len(_classes(source.train)),
            source.train,
            plan.recipe,
            folder,
            pace,
            source.validation,
            progress,
        )
    fitted = Fitted.load(folder)
    if source.folder is None and fitted.recipe.to_dict() != plan.recipe.to_dict():
        raise ValueError(f"{folder} holds a network of another recipe; use another folder")
    return replace(fitted, network=with_fast_norms(fitted.network).to(_device()))


def _fit(
    plan: TransferPlan,
    classes: int,
    data: Any,
    recipe: Any,
    folder: Path,
    pace: dict[str, int],
    validation: Any = None,
    progress: bool = False,
) -> Fitted:
    network = with_fast_norms(plan.create(classes)).to(memory_format=torch.channels_last)
    return fit(network, data, recipe, folder, validation=validation, progress=progress, **pace)


class _Target:
    """A data set that the features are carried over to."""

    def __init__(
        self,
        name: str,
        data: Labelled,
        fitted: Fitted,
        place: StudyFolder,
        plan: TransferPlan,
        pace: dict[str, int],
    ) -> None:
        self.name, self.plan, self.place, self.pace = name, plan, place, pace
        self._chosen = at_most(data.labels, plan.pool, plan.seed)
        self.data, self.labels = data, data.labels[self._chosen]
        least = int(np.bincount(self.labels).min())
        self.like = "Caltech-256" if least > 60 else "Caltech-101"
        self.counts = [n for n in plan.counts if n < least]
        if not self.counts:
            raise ValueError(
                f"{name}: a class has {least} pictures, too few for {min(plan.counts)} and one to test on"
            )
        self.facts = {"classes": len(data.classes), "pictures": len(self.labels), "like": self.like}
        if len(data.classes) <= 100:
            self.facts["class_names"] = list(data.classes)
        self._features = LayerFeatures(
            fitted, data.take(self._chosen), len(self.labels), place.path / "features" / slug_of(name)
        )
        # A softmax on the last layer and training from scratch are of the published networks' seven layers.
        weights = [p for p in fitted.network.parameters() if p.ndim > 1]
        self._last = len(weights) - 1
        self._kernels: tuple[int, np.ndarray] | None = None

    def cells(self, scratch: bool) -> list[tuple[str, int, int]]:
        """(kind, layer, pictures a class) of the rows."""
        if scratch:
            return [("scratch", _LAST, n) for n in self.counts] if self._last == _LAST else []
        most = 60 if self.like == "Caltech-256" else 30
        table = most if most in self.counts else max(self.counts)
        rows = [("softmax", _LAST, n) for n in self.counts] if _LAST in self.plan.softmax else []
        rows += [("softmax", layer, table) for layer in self.plan.softmax if layer != _LAST]
        return rows + [("svm", layer, table) for layer in self.plan.svm]

    def row(self, kind: str, layer: int, per_class: int) -> TransferRow:
        """The row, from the disk where it has been measured."""
        slug = slug_of(f"{self.name} {kind} {layer} of {per_class}")
        asked = {
            "plan": self.plan.to_dict(),
            "target": self.facts,
            "kind": kind,
            "layer": layer,
            "n": per_class,
        }

        def measure() -> dict[str, Any]:
            with self.place.count(f"{self.name}: {'from scratch' if kind == 'scratch' else kind}"):
                accuracies = [self._fold(kind, layer, per_class, fold) for fold in range(self.plan.folds)]
            tested = len(self._cut(per_class, 0)[1])
            classes = len(self.data.classes)
            row = TransferRow(
                self.name, self.like, kind, layer, per_class, tuple(accuracies), classes, tested
            )
            return row.to_dict()

        return TransferRow.from_dict(self.place.row(slug, asked, measure))

    def _cut(self, per_class: int, fold: int) -> tuple[np.ndarray, np.ndarray]:
        return split_per_class(self.labels, per_class, self.plan.measured, self.plan.seed + fold)

    def _fold(self, kind: str, layer: int, per_class: int, fold: int) -> float:
        train, test = self._cut(per_class, fold)
        if kind == "svm":
            return round(svm_accuracy(self._kernel(layer), self.labels, train, test), 6)
        if kind == "softmax":
            return round(softmax_accuracy(self._features.matrix(layer), self.labels, train, test), 6)
        plan = self.plan
        batch = min(plan.scratch.batch_size, len(train))
        epochs = max(1, round(plan.scratch_steps / (len(train) // batch)))
        recipe = replace(plan.scratch, epochs=epochs, seed=plan.seed + fold)
        folder = self.place.path / "scratch" / slug_of(f"{self.name} {per_class} {fold}")
        torch.manual_seed(recipe.seed)
        learned = self.data.take(self._chosen[train])
        fitted = _fit(plan, len(self.data.classes), learned, recipe, folder, self.pace)
        named = fitted.scores(self.data.take(self._chosen[test])).argmax(1).numpy()
        return round(mean_of_classes(named, self.labels[test]), 6)

    def _kernel(self, layer: int) -> np.ndarray:
        if self._kernels is None or self._kernels[0] != layer:
            self._kernels = None  # before another as large is made
            self._kernels = (layer, self._features.kernel(layer))
        return self._kernels[1]


def _classes(data: Any) -> tuple[str, ...]:
    return data[0].classes if isinstance(data, tuple) else data.classes


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
