"""Sketch-a-Net's own choices: first filters, normalisation, pools, stroke order, scales and their fusion, augmentation.

Yu et al. (BMVC 2015, section 3; IJCV 2017) give a reason for each of these choices. Here the network is trained anew with
one of them made otherwise, everything else being the same: drawings, steps, seed. Each row names the same drawings, and
is compared with the first one drawing by drawing.

What differs from the papers, whatever the scale: QuickDraw's drawings and one split instead of TU-Berlin's in three
folds; one view of a test drawing instead of ten; turns of any angle up to 5 degrees; changes of strokes are
drawn anew at every step instead of once for all.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from sketchwidgets.models import kept_generators, load_weights, save_weights
from sketchwidgets.models.ensemble import (
    FeatureFusion,
    JointBayesian,
    concatenate,
    features_and_scores,
    fuse_scores,
)
from sketchwidgets.studies._checksum import checksum
from sketchwidgets.studies._folder import StudyFolder, read_json, write_json
from sketchwidgets.studies._named import NamedRight
from sketchwidgets.studies._settings import plan_of, settings
from sketchwidgets.studies.choices._drawn import DrawnPictures
from sketchwidgets.studies.choices._network import OtherSketchANet
from sketchwidgets.studies.choices._plan import FUSIONS, Choice, ChoicesPlan
from sketchwidgets.studies.choices._result import ChoiceRow, ChoicesResult
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.training.fitting import Recipe, Views, fit

DIFFERENCES = (
    "QuickDraw's drawings and one split instead of TU-Berlin's in three folds",
    "one view of a test drawing instead of ten",
    "turns of any angle up to 5 degrees instead of whole degrees with probability 0.55",
    "strokes are removed and deformed anew at every step instead of once for all",
)
SMALLER = (
    "fewer classes, a part of the paper's width, fewer steps, and AdamW instead of 500 epochs of SGD",
    "bfloat16 where the processor multiplies",
)
_BATCH = 50
_COMPONENTS, _NEIGHBOURS = 200, 30


def sketch_a_net_choices(
    data: str | Path | DrawingSet,
    folder: str | Path = "runs/sketch-a-net-choices",
    plan: ChoicesPlan | str = "small",
    *,
    every: int = 100,
    progress: bool = True,
    callback: Callable[[ChoiceRow], bool | None] | None = None,
) -> ChoicesResult:
    """Train and measure Sketch-a-Net as it is, and with each of its choices made otherwise.

    Everything that is done stays in `folder`: a run that was cut off, at whatever moment, goes on from there, and a plan
    with more rows trains only what is new. `folder`/result.json has the rows so far.

    Parameters
    ----------
    data : labelled drawings with strokes, see `DrawingSet.load`.
    plan : "small", "full" or a `ChoicesPlan` of your own.
    every : steps between two states of a network in training.
    progress : whether bars are shown.
    callback : called with each row; False ends the study with the rows so far.

    Raises ValueError for an unknown plan, too few classes or drawings, and a folder that holds another study.

    >>> points = np.random.default_rng(0).uniform(0, 255, (48, 2))
    >>> strokes = np.full(12, 4), np.full(12, 1), np.arange(12) % 2, np.arange(12)
    >>> drawings = sw.training.DrawingSet(points, None, *strokes, ("cat", "dog"))
    >>> recipe = sw.training.Recipe(epochs=1, batch_size=4)
    >>> plan = sw.studies.ChoicesPlan(classes=2, drawings=4, tested=2, recipe=recipe, width=1 / 64).only()
    >>> sw.studies.sketch_a_net_choices(drawings, "study", plan, progress=False)["Sketch-a-Net"].total
    4
    """
    plan = plan_of(plan, ChoicesPlan)
    drawings = data if isinstance(data, DrawingSet) else DrawingSet.load(data)
    study = _Study(drawings, folder, plan, every, progress)
    names = [*plan.choices, *(FUSIONS if study.scales else ())]
    rows: list[ChoiceRow] = []
    with kept_generators():
        for name in tqdm(names, desc="choices", unit="row", disable=not progress):
            rows.append(study.row(name) if isinstance(name, Choice) else study.fused(name))
            result = ChoicesResult(tuple(rows), study.settings(data))
            result.save(study.folder.path / "result.json")
            if callback is not None and callback(rows[-1]) is False:
                break
    return result


class _Study:
    """What the rows share: the drawings, and which of them the base names right."""

    def __init__(
        self, drawings: DrawingSet, folder: str | Path, plan: ChoicesPlan, every: int, progress: bool
    ) -> None:
        self.drawings, self.plan, self.every, self.progress = drawings, plan, every, progress
        self.classes, self.train, self.test = _split(drawings, plan)
        self.scales = (
            [plan.choices[0], *(c for c in plan.choices if c.kind == "scale")] if plan.fusions else []
        )
        if len(self.scales) < 2:
            self.scales = []
        self.folder = StudyFolder(folder, {"data": checksum(drawings)})

    def row(self, choice: Choice) -> ChoiceRow:
        """The choice measured, from the disk where that has been done."""
        asked = self._asked(choice)

        def measure() -> dict[str, Any]:
            found, parameters = self._outputs(choice)
            return self._row(choice.name, choice.kind, found["test"][1].argmax(1), parameters)

        return ChoiceRow.from_dict(self.folder.row(choice.slug, asked, measure))

    def fused(self, name: str) -> ChoiceRow:
        """The networks of all scales, fused."""
        asked = {"scales": [self._asked(choice) for choice in self.scales]}
        slug = f"fused-{name.replace(' ', '-').lower()}"

        def measure() -> dict[str, Any]:
            each = [self._outputs(choice) for choice in self.scales]
            (train, _), (test, scores) = (
                [np.stack([found[part][k] for found, _ in each], 1) for k in range(2)]
                for part in ("train", "test")
            )
            labels = self._pictures(self.scales[0], self.train).labels
            with self.folder.count(name):
                if name == "score fusion":
                    said = fuse_scores(scores).argmax(1)
                elif name == "feature fusion":
                    said = FeatureFusion().fit(train, labels).predict(test)
                else:
                    components = min(_COMPONENTS, len(labels) - 1, train[0].size)
                    joint = JointBayesian(components).fit(concatenate(train), labels)
                    said = joint.predict(concatenate(test), min(_NEIGHBOURS, len(labels)))
            parameters = sum(count for _, count in each)
            return self._row(f"{name} of {len(each)}", "fusion", said, parameters)

        return ChoiceRow.from_dict(self.folder.row(slug, asked, measure))

    def settings(self, data: object) -> dict[str, Any]:
        """What was done, for the result."""
        plan = self.plan
        return settings(
            "sketch-a-net-choices",
            data,
            plan.scale,
            plan.seed,
            self.folder.cpu_seconds(),
            differences=DIFFERENCES + (SMALLER if plan.scale != "full" else ()),
            classes=[self.drawings.classes[k] for k in self.classes],
            training_drawings=len(self.train),
            measured_drawings=len(self.test),
            steps=len(self.train) // min(plan.recipe.batch_size, len(self.train)) * plan.recipe.epochs,
            plan=plan.to_dict(),
            choices={choice.name: choice.to_dict() for choice in plan.choices},
        )

    def _row(self, name: str, kind: str, said: np.ndarray, parameters: int) -> dict[str, Any]:
        base = self.plan.choices[0]
        truth = self._pictures(base, self.test).labels
        right = said == truth
        before = right if name == base.name else self._outputs(base)[0]["test"][1].argmax(1) == truth
        gained, lost = int((right & ~before).sum()), int((before & ~right).sum())
        named = NamedRight.of(right)
        return ChoiceRow(name, kind, named.right, named.total, gained, lost, parameters, named).to_dict()

    def _asked(self, choice: Choice) -> dict[str, Any]:
        return {
            "choice": choice.to_dict(),
            "plan": self.plan.to_dict(),
            "base": self.plan.choices[0].to_dict(),
            "classes": [self.drawings.classes[k] for k in self.classes],
            "training_drawings": len(self.train),
            "measured_drawings": len(self.test),
        }

    def _pictures(self, choice: Choice, indices: np.ndarray) -> DrawnPictures:
        return DrawnPictures(self.drawings, indices, self.classes, choice)

    def _outputs(self, choice: Choice) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], int]:
        """Features and scores of "train" and "test", and how many parameters there are; trained where they must be."""
        place = self.folder.path / "networks" / choice.slug
        path = place / "outputs.safetensors"
        self._refuse_other(place, choice)
        if not path.exists():
            with self.folder.count(choice.name):
                network, recipe = self._trained(choice, place)
                kept = {}
                for part, indices in (("train", self.train), ("test", self.test)):
                    pictures = self._pictures(choice, indices)
                    for what, values in zip(
                        ("features", "scores"), _seen(network, pictures, recipe.views), strict=True
                    ):
                        kept[f"{part}.{what}"] = values
                count = sum(p.numel() for p in network.parameters())
                save_weights(path, kept, {"parameters": count}, dtype="float32")
        kept, facts = load_weights(path)
        parts = {
            part: (kept[f"{part}.features"].numpy(), kept[f"{part}.scores"].numpy())
            for part in ("train", "test")
        }
        return parts, int(facts["parameters"])

    def _trained(self, choice: Choice, place: Path) -> tuple[OtherSketchANet, Recipe]:
        plan, seed = self.plan, self.plan.seed + choice.seed
        torch.manual_seed(seed)
        network = OtherSketchANet(
            len(self.classes),
            6 if choice.channels == "order" else 1,
            choice.first,
            choice.norm,
            choice.pool,
            plan.dropout,
            plan.width,
        ).to(memory_format=torch.channels_last)
        # All changes are made of strokes, before they are drawn: a view is a whole picture.
        views = Views(size=None, mirror=0.0, test="centre", span=plan.recipe.views.span)
        recipe = replace(plan.recipe, views=views, augmentation=choice.augmentation(), seed=seed)
        fit(
            network,
            self._pictures(choice, self.train),
            recipe,
            place,
            every=self.every,
            progress=self.progress,
        )
        return network.eval(), recipe

    def _refuse_other(self, place: Path, choice: Choice) -> None:
        """ValueError where the folder of a network has one that was asked for otherwise."""
        asked = {name: value for name, value in self._asked(choice).items() if name != "base"}
        file = place / "asked.json"
        if not file.exists():
            place.mkdir(parents=True, exist_ok=True)
            write_json(file, asked)
        elif read_json(file, "not what a network was asked for") != asked:
            raise ValueError(f"{place} holds a network that was asked for otherwise; use another folder")


def _split(drawings: DrawingSet, plan: ChoicesPlan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The classes (k,), and indices of the drawings to train and to test on, class after class."""
    rng = np.random.default_rng([plan.seed, 6])
    there = len(drawings.classes)
    wanted = there if plan.classes is None else plan.classes
    if wanted > there:
        raise ValueError(f"data has {there} classes, and the plan wants {wanted}")
    classes = np.sort(rng.permutation(there)[:wanted])
    train, test = [], []
    for k in classes:
        own = rng.permutation(np.flatnonzero(drawings.label == k))
        if len(own) < plan.drawings + (plan.tested or 1):
            raise ValueError(
                f"data has {len(own)} drawings of {drawings.classes[k]!r}, and the plan wants {plan.drawings} to train "
                f"and {plan.tested or 'some'} to test on"
            )
        train.append(own[: plan.drawings])
        test.append(own[plan.drawings :][: plan.tested])
    return classes, np.concatenate(train), np.concatenate(test)


@torch.inference_mode()
def _seen(
    network: OtherSketchANet, pictures: DrawnPictures, views: Views
) -> tuple[torch.Tensor, torch.Tensor]:
    """fc7 features and scores of whole drawings, in float32."""
    device = next(network.parameters()).device
    pairs = []
    for part in np.array_split(np.arange(len(pictures)), max(1, len(pictures) // _BATCH)):
        images = pictures.load(part, network.input_size, 1, ink=True) * views.span
        pairs.append([x.cpu() for x in features_and_scores(network, images.to(device))])
    features, scores = zip(*pairs, strict=True)
    return torch.cat(features), torch.cat(scores)
