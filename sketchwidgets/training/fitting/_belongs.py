"""Whether a state on the disk belongs to the training that is asked for."""

import warnings
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from sketchwidgets.training.checkpoints import CheckpointError, read_checkpoint
from sketchwidgets.training.checkpoints.belonging import AGAIN, changed, check_data, check_recipe
from sketchwidgets.training.fitting._recipe import Recipe
from sketchwidgets.training.fitting._traces import began, drawn_alike, start_trace

_FACTS = (("network", "network"), ("pictures", "number of pictures"), ("classes", "classes"))


def check_state(path: Path, facts: dict[str, Any], network: nn.Module, recipe: Recipe, steps: int) -> Any:
    """How the training of a state began, as `start_trace`; None where it does not say.

    Raises CheckpointError where it is not one of this training of so many steps, before Lightning takes it.
    """
    found = read_checkpoint(path)
    known, weights = found.get("sketchwidgets"), found.get("state_dict")
    if not isinstance(known, dict) or not isinstance(weights, dict):
        raise CheckpointError(f"{path}: not a state of fit")
    recipe_then = known.get("recipe") or {}
    if changed(recipe_then, facts["recipe"]) == ["epochs"]:
        _check_length(path, known, facts["recipe"], steps)
    else:
        check_recipe(path, recipe_then, facts["recipe"])
    for name, what in _FACTS:
        if known.get(name) != facts[name]:
            raise CheckpointError(
                f"{path} belongs to another {what}: {_short(known.get(name))}, now {_short(facts[name])}. {AGAIN}"
            )
    check_data(path, known.get("data"), facts["data"])
    wanted = network.state_dict(prefix="network.")
    for name, tensor in wanted.items():
        have = weights.get(name)
        if not isinstance(have, Tensor) or have.shape != tensor.shape:
            shape = tuple(have.shape) if isinstance(have, Tensor) else "nothing"
            raise CheckpointError(f"{path}: {name} is {shape} and should be {tuple(tensor.shape)}")
    start = known.get("start")
    if start is not None and not all(weights[name].equal(tensor.cpu()) for name, tensor in wanted.items()):
        _check_start(path, start, network, recipe)
    return start


def _check_length(path: Path, known: dict[str, Any], recipe: dict[str, Any], steps: int) -> None:
    """Whether a training can be given another number of epochs on its way, or after its end."""
    was, now = known["recipe"].get("epochs"), recipe["epochs"]
    if recipe["schedule"] == "cosine":
        raise CheckpointError(
            f"{path} belongs to a training of {was} epochs, now {now}: on the cosine schedule every learning rate until "
            f"now followed from the number of epochs. {AGAIN}"
        )
    if known.get("step", 0) > steps:
        raise CheckpointError(
            f"{path} has made {known['step']} steps, and {now} epochs have {steps}. {AGAIN}"
        )


def _check_start(path: Path, known: Any, network: nn.Module, recipe: Recipe) -> None:
    """Whether the network starts where that of the state has; random weights that are drawn anew are but a warning.

    They are what whoever sets no seed has in hand after a crash, and all are as good as others.
    """
    try:
        now = start_trace(network, recipe)
        if now["digest"] == known["digest"] or began(network, path.parent, known):
            return
        alike = drawn_alike(now, known)
    except (KeyError, TypeError, ValueError):
        raise CheckpointError(f"{path}: what it says of its start is damaged") from None
    if not alike:
        raise CheckpointError(
            f"{path} belongs to another training, which started from other weights. {AGAIN}"
        )
    warnings.warn(
        f"the network has other random weights than the training in {path.parent} started from, which goes on all the "
        "same; torch.manual_seed before the network is made gives the same ones",
        stacklevel=4,
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
