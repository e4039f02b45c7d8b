"""Networks that are taught drawings for a table, each with itself as it was before."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from sketchwidgets.models import create, seeded
from sketchwidgets.studies._drawings import of_classes
from sketchwidgets.studies._folder import StudyFolder
from sketchwidgets.studies._labelled import at_most
from sketchwidgets.studies._settings import slug_of
from sketchwidgets.studies.pictures._networks import Shown
from sketchwidgets.studies.pictures._plan import LITE, NetworkPlan, TaughtNetwork
from sketchwidgets.training import DrawingSet, Recipe, fit
from sketchwidgets.training.fitting._as_network import as_network
from sketchwidgets.training.fitting._fitted import channels_of
from sketchwidgets.visualization import Network


def part_of(drawings: DrawingSet, plan: NetworkPlan) -> DrawingSet:
    """The drawings of the plan's classes, at random; ValueError where there are fewer classes."""
    if plan.classes is None:
        return drawings
    if plan.classes > len(drawings.classes):
        raise ValueError(f"the plan wants {plan.classes} classes, and data has {len(drawings.classes)}")
    chosen = np.sort(np.random.default_rng([plan.seed, 2]).permutation(len(drawings.classes))[: plan.classes])
    return of_classes(drawings, [drawings.classes[number] for number in chosen])


def learnt_from(drawings: DrawingSet, plan: NetworkPlan) -> np.ndarray:
    """Numbers of the drawings that networks are taught: none of those held out."""
    train = drawings.split()[0]
    return train[at_most(drawings.label[train], plan.per_class, plan.seed)]


def teach(
    one: TaughtNetwork, drawings: DrawingSet, plan: NetworkPlan, kept: StudyFolder, progress: bool
) -> Shown:
    """The network taught, and as it was before; one that was cut off goes on, and one that is done is opened.

    Of a network that had learnt something else before there is no untrained one.

    Raises ImportError where EfficientNet-Lite0 is asked for and is not installed.
    """
    before, recipe = _fresh(one, len(drawings.classes), plan.seed)
    network = deepcopy(before).to(memory_format=torch.channels_last)
    with kept.count(f"{one.name}: training"):
        fitted = fit(
            network,
            (drawings, learnt_from(drawings, plan)),
            recipe,
            kept.path / "networks" / slug_of(one.name),
            every=50,
            progress=progress,
        )
    network = fitted.network.to(memory_format=torch.contiguous_format)

    def shown(module: nn.Module, name: str) -> Network:
        made = as_network(
            module.requires_grad_(False), fitted.recipe, fitted.classes, channels_of(module), fitted.mean
        )
        made.name = name
        return made

    untrained = None
    if one.network != LITE and one.arguments.get("pretrained") is None:
        untrained = shown(before.eval(), f"untrained {one.name}")
    return Shown(shown(network, one.name), untrained)


def _fresh(one: TaughtNetwork, classes: int, seed: int) -> tuple[nn.Module, Recipe]:
    """The network before it is taught, with a last layer for so many classes, and the recipe with its input."""
    recipe = one.recipe
    with seeded(seed):
        if one.network == LITE:
            known = Network.efficientnet_lite0()
            network = known.module.requires_grad_(True)
            last = network.get_submodule(known.class_layer())
            setattr(network, known.class_layer(), nn.Linear(last.in_features, classes))
            fed = {"ink": False, "span": 255.0, "mean": (127.0,), "deviation": (128.0,)}
            recipe = replace(recipe, views=replace(recipe.views, **fed))
        else:
            network = create(one.network, classes=classes, **one.arguments)
    network.input_size = one.side
    return network, recipe
