"""A trained network read back from the folder of its training."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from sketchwidgets.models import WeightsError, assign_weights, create, load_weights, name_of
from sketchwidgets.training.fitting._recipe import Recipe
from sketchwidgets.training.fitting._views import Views
from sketchwidgets.training.inputs.images import Augmentation

NETWORK, MEAN = "network.safetensors", "mean.safetensors"


def registered(network: nn.Module) -> str | None:
    """The name that `sw.models.create` knows the network by; None where it does not."""
    try:
        return name_of(network)
    except ValueError:
        return None


def open_network(path: Path) -> tuple[nn.Module, Recipe, dict[str, Any]]:
    """The network, its recipe, and what else was saved with the weights; WeightsError says what is wrong with them."""
    tensors, facts = load_weights(path)
    name, arguments = facts.get("registered"), facts.get("arguments")
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise WeightsError(
            f"{path}: {facts.get('network')} is none of the networks that sw.models.create makes: build it yourself "
            "and give it the tensors of sw.models.load_weights"
        )
    if "pretrained" in arguments:
        arguments = {**arguments, "pretrained": None}  # nothing is downloaded to be overwritten
    try:
        # Without storage: sizes that a hostile file makes up cost nothing, and initial values are not needed.
        with torch.device("meta"):
            network = create(name, **arguments)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise WeightsError(f"{path}: the network of the metadata cannot be built: {error}") from None
    assign_weights(network, tensors, str(path))
    for key in ("step", "steps"):
        if type(facts.get(key)) is not int or facts[key] < 0:
            raise WeightsError(f'{path}: "{key}" in the metadata is {facts.get(key)!r}')
    if not isinstance(facts.get("classes"), list) or not all(isinstance(c, str) for c in facts["classes"]):
        raise WeightsError(f'{path}: "classes" in the metadata is not a list of names')
    accuracy = facts.get("accuracy")
    if accuracy is not None and not (isinstance(accuracy, int | float) and 0 <= accuracy <= 1):
        raise WeightsError(f'{path}: "accuracy" in the metadata is {accuracy!r}')
    recipe = _recipe(path, facts.get("recipe"))
    views = recipe.views
    known = isinstance(views.mean, tuple) and views.deviation is not None and not views.ink
    if hasattr(network, "input_statistics") and views.own and known:
        # What its ImageNet weights wanted, which further training has not changed.
        network.input_statistics = (views.mean, views.deviation)
    return network.eval(), recipe, facts


def open_mean(path: Path, channels: int) -> Tensor:
    """The mean picture (channels, size, size) that was saved beside the network."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no mean picture at {path}, which the network wants subtracted")
    try:
        with safe_open(path, "pt") as file:
            shape = file.get_slice("mean").get_shape()
            if len(shape) != 3 or shape[0] != channels or shape[1] != shape[2] or shape[1] > 4096:
                raise WeightsError(f"{path}: mean is {tuple(shape)}, not ({channels}, size, size)")
            mean = file.get_tensor("mean").float().clone()
    except SafetensorError as error:
        raise WeightsError(f"{path}: not a mean picture, or cut short ({error})") from None
    if not bool(mean.isfinite().all()):
        raise WeightsError(f"{path}: values that are not finite")
    return mean


def _recipe(path: Path, saved: Any) -> Recipe:
    try:
        views = Views(**saved["views"])
        changes = saved["augmentation"]
        augmentation = changes if changes is None else Augmentation(**_tuples(changes))
        known = {one.name for one in fields(Recipe)}
        rest = {name: value for name, value in saved.items() if name in known}
        return Recipe(**{**rest, "views": views, "augmentation": augmentation})
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f'{path}: "recipe" in the metadata is damaged: {error}') from None


def _tuples(saved: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in saved.items()}
