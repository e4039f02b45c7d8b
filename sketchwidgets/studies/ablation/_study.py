"""Layers removed and widths changed: table 3 of Zeiler & Fergus (ECCV 2014), each row trained from scratch.

Two networks that differ in their first filters, AlexNet (11x11 at stride 4) and ZFNet (7x7 at stride 2), lose two of
their convolutions, one or both fully connected layers, or all four; or their fully connected layers get half or twice
the units, or their convolutions more maps.

What differs from the paper, whatever the scale: nothing but what `zeiler_recipe` names. At "small": QuickDraw's
drawings in one channel, fewer classes and passes, all widths a quarter and all sides 3/7 of the published ones, AdamW
with a falling rate and weights as He et al. draw them instead of SGD with renormalised filters, which needs more steps
than these; one centred view of a drawing instead of ten. The layers and how they follow each other are the same.
"""

from collections.abc import Callable
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
from sketchwidgets.studies._named import NamedRight
from sketchwidgets.studies._settings import plan_of, settings, slug_of
from sketchwidgets.studies.ablation._plan import LayerRemovalPlan, Variant
from sketchwidgets.studies.ablation._result import LayerRemoval, LayerRemovalRow
from sketchwidgets.training import DrawingSet, Fitted, ImageFolder, fit, split_per_class

_DIFFERENCES = {
    "small": (
        "drawings of QuickDraw in one channel instead of ImageNet's photographs, fewer classes and passes",
        "all widths a quarter of the published ones, sides of pictures and inputs 3/7",
        "AdamW, a rate that falls as a cosine and weights as He et al. draw them, instead of SGD with renormalised "
        "filters",
        "one centred view to test on instead of ten",
        "one training of each network, and of two a second one: the intervals are of the drawings that were measured on, "
        "not of the training",
    ),
    "full": (
        "weight decay, plateaus and the mean picture as `zeiler_recipe` says, which the paper does not print",
    ),
}


@kept_generators()
def layer_removal(
    data: str | Path | DrawingSet,
    folder: str | Path = "runs/layer-removal",
    plan: LayerRemovalPlan | str = "small",
    *,
    every: int = 150,
    workers: int = 0,
    progress: bool = True,
    callback: Callable[[LayerRemovalRow], bool | None] | None = None,
) -> LayerRemoval:
    """Train the networks of a plan from scratch and measure their errors, all on the same pictures.

    Everything that is done stays in `folder`: a run that was cut off, at whatever moment, goes on from there, and ends
    with the same networks. `folder`/result.json has the rows so far.

    Parameters
    ----------
    data : labelled drawings, see `DrawingSet.load`; or a folder of pictures with the folders train and val, each with
        a folder for each class, as ImageNet for "full".
    plan : "small", "full" or a `LayerRemovalPlan`.
    every : steps between two states of a network in training. workers : processes that prepare batches.
    progress : whether a bar is shown.
    callback : called with each row; False ends the study with the rows so far.

    Raises ValueError for an unknown plan, too few pictures, and a folder that holds another study.

    >>> from sketchwidgets.studies import LayerRemovalPlan, Variant
    >>> points = np.random.default_rng(0).uniform(0, 255, (80, 2))
    >>> strokes = np.full(20, 4), np.full(20, 1), np.arange(20) % 2, np.arange(20)
    >>> drawings = sw.training.DrawingSet(points, None, *strokes, ("cat", "dog"))
    >>> recipe = sw.training.Recipe(epochs=1, batch_size=8, views=sw.training.Views(size=72, test="centre"))
    >>> small = Variant("AlexNet, 3, 4, 6 and 7 removed", "alexnet", (3, 4, 6, 7), conv=(4,) * 5)
    >>> plan = LayerRemovalPlan(recipe, (small,), side=64, channels=1, per_class=6)
    >>> sw.studies.layer_removal(drawings, "study", plan, progress=False).rows[0].total
    8
    """
    plan = plan_of(plan, LayerRemovalPlan)
    pictures = _Pictures(data, plan)
    place, pace = StudyFolder(folder, {"data": pictures.checksum}), {"every": every, "workers": workers}
    rows: list[LayerRemovalRow] = []
    bar = tqdm(total=len(plan.variants) * pictures.steps, unit="step", disable=not progress)
    with bar:
        for variant in plan.variants:
            bar.set_description(variant.name)
            before = len(rows) * pictures.steps

            def told(step: int, before: int = before) -> None:
                bar.update(before + step - bar.n)

            slug = slug_of(variant.name)
            asked = {"variant": variant.to_dict(), "plan": plan.to_dict(), "pictures": pictures.counts()}
            measure = _Measure(place, slug, variant, plan, pictures, pace, told)
            rows.append(LayerRemovalRow.from_dict(place.row(slug, asked, measure)))
            told(pictures.steps)
            result = LayerRemoval(tuple(rows), _settings(data, plan, pictures, place))
            result.save(place.path / "result.json")
            if callback is not None and callback(rows[-1]) is False:
                break
    return result


class _Pictures:
    """What all rows learn from and are measured on."""

    def __init__(self, data: str | Path | DrawingSet, plan: LayerRemovalPlan) -> None:
        parts = [Path(data) / part for part in ("train", "val")] if isinstance(data, str | Path) else []
        if parts and all(part.is_dir() for part in parts):
            found = [ImageFolder(part) for part in parts]
            if found[0].classes != found[1].classes:
                raise ValueError(f"{data}: the classes of train and val are not the same")
            chosen = [found[0].folders[number] for number in _some(len(found[0].classes), plan)]
            train, validation = (Labelled(ImageFolder(part, chosen)) for part in parts)
            indices = (
                at_most(train.labels, plan.per_class, plan.seed),
                at_most(validation.labels, plan.measured, plan.seed),
            )
            self.checksum = combined({"train": train.data, "val": validation.data})
        else:
            drawings = opened(data)
            self.checksum = checksum(drawings)
            names = [drawings.classes[number] for number in _some(len(drawings.classes), plan)]
            train = validation = Labelled(of_classes(drawings, names))
            if plan.per_class is None:
                indices = train.data.split()
            else:
                indices = split_per_class(train.labels, plan.per_class, plan.measured, plan.seed)
            if not all(len(part) for part in indices):
                raise ValueError(
                    f"data: {len(train)} drawings are too few to keep some apart for measurement"
                )
        self.classes, n = train.classes, len(indices[0])
        watched = np.random.default_rng([plan.seed, 3]).permutation(n)[: plan.watched]
        self.train, self.validation = (train, indices[0]), (validation, indices[1])
        self.watched = train, indices[0][np.sort(watched)]
        self.steps = plan.recipe.epochs * (n // min(n, plan.recipe.batch_size))

    def counts(self) -> dict[str, Any]:
        """Facts for the settings."""
        return {
            "classes": len(self.classes),
            "training_pictures": len(self.train[1]),
            "measured_pictures": len(self.validation[1]),
            "class_names": list(self.classes) if len(self.classes) <= 100 else "all",
        }


class _Measure:
    """Train a row and count its errors, when it is called."""

    def __init__(
        self,
        place: StudyFolder,
        slug: str,
        variant: Variant,
        plan: LayerRemovalPlan,
        pictures: _Pictures,
        pace: dict[str, int],
        told: Callable[[int], None],
    ) -> None:
        self.place, self.slug, self.variant, self.plan = place, slug, variant, plan
        self.pictures, self.pace, self.told = pictures, pace, told

    def __call__(self) -> dict[str, Any]:
        pictures, plan = self.pictures, self.plan
        torch.manual_seed(plan.seed + self.variant.seed)
        recipe = replace(plan.recipe, seed=plan.recipe.seed + self.variant.seed)
        # The same networks, twice as fast on a processor.
        network = with_fast_norms(plan.network(self.variant, len(pictures.classes)))
        network = network.to(memory_format=torch.channels_last)
        on_plateau = recipe.schedule == "plateau"
        with self.place.count(self.variant.name):
            fitted = fit(
                network,
                _taken(pictures.train),
                recipe,
                self.place.path / "networks" / self.slug,
                validation=_taken(pictures.validation) if on_plateau else None,
                callback=lambda progress: self.told(progress.step),
                progress=False,
                **self.pace,
            )
            train, _ = _named(fitted, pictures.watched)
            top1, top5 = _named(fitted, pictures.validation)
        return LayerRemovalRow(
            self.variant.name,
            sum(parameter.numel() for parameter in network.parameters()),
            fitted.steps,
            train.total - train.right,
            train.total,
            top1.total - top1.right,
            top5.total - top5.right,
            top1.total,
            train,
            top1,
        ).to_dict()


def _named(fitted: Fitted, part: tuple[Labelled, np.ndarray]) -> tuple[NamedRight, NamedRight]:
    """Which are named right, and of which the class is among the first five."""
    scores = fitted.scores(_taken(part))
    labels = torch.from_numpy(part[0].labels[part[1]])
    right = scores.topk(min(5, scores.shape[1])).indices == labels[:, None]
    return NamedRight.of(right[:, 0].numpy()), NamedRight.of(right.any(1).numpy())


def _taken(part: tuple[Labelled, np.ndarray]) -> Any:
    return part[0].take(part[1])


def _some(count: int, plan: LayerRemovalPlan) -> np.ndarray:
    """Numbers of the plan's classes among so many, rising."""
    if plan.classes is None:
        return np.arange(count)
    if plan.classes > count:
        raise ValueError(f"the plan wants {plan.classes} classes, and data has {count}")
    return np.sort(np.random.default_rng([plan.seed, 2]).permutation(count)[: plan.classes])


def _settings(data: Any, plan: LayerRemovalPlan, pictures: _Pictures, place: StudyFolder) -> dict[str, Any]:
    return settings(
        "layer-removal",
        data,
        plan.scale,
        plan.seed,
        place.cpu_seconds(),
        differences=_DIFFERENCES.get(plan.scale, ()),
        packages=("lightning",),
        **pictures.counts(),
        plan=plan.to_dict(),
    )
