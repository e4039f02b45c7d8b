"""A network for other classes: all of it but its last layer, which is new."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from sketchwidgets.models import seeded
from sketchwidgets.models._checks import check_whole
from sketchwidgets.training.fitting._fitted import channels_of
from sketchwidgets.training.fitting._own_input import side_of

_LAST = (nn.Linear, nn.Conv2d)
_USUAL_SIDE = 224  # pixels that networks of torchvision see


def with_classes(network: nn.Module, classes: int, *, seed: int = 0) -> nn.Module:
    """A copy of a network whose last layer gives scores of so many classes, to be fine-tuned.

    The last layer that runs, linear or a convolution, is drawn anew as torch draws it. All else is kept: weights, the
    preprocessing of an imported network, the mean and deviation of ImageNet weights, the mode. The names of classes of
    an imported network are gone, for they were those of the old layer.

    Parameters
    ----------
    network : one of `sw.models`, imported or your own, with `input_size`; one of torchvision, which has none, gets 224.
    classes : how many scores it gives. seed : of the new weights.

    Raises TypeError for what is no network; ValueError for a number that cannot be, or where no linear layer or
    convolution gives the scores.

    >>> network = sw.training.with_classes(sw.models.create("sketch_a_net", classes=250), 10)
    >>> network.fc8, network.arguments["classes"]
    (Conv2d(512, 10, kernel_size=(1, 1), stride=(1, 1)), 10)
    """
    if not isinstance(network, nn.Module):
        raise TypeError(f"network must be a torch.nn.Module, not {type(network).__name__}")
    check_whole("classes", classes, 1)
    check_whole("seed", seed, 0)
    made = deepcopy(network)
    if not hasattr(made, "input_size"):
        made.input_size = _USUAL_SIDE
    side = side_of(made)
    name, before = _last_layer(made, side)
    layer = _drawn(made.get_submodule(name), classes, seed)
    parent, _, own = name.rpartition(".")
    setattr(made.get_submodule(parent), own, layer)
    if isinstance(getattr(made, "arguments", None), dict) and "classes" in made.arguments:
        made.arguments = {**made.arguments, "classes": classes}
    if getattr(made, "class_names", None) is not None:
        made.class_names = None
    shape = tuple(_run(made, side, []).shape)
    if shape != (1, classes):
        raise ValueError(
            f"network gives {tuple(before)} for one picture by its layer {name!r}, and with a new one {shape}: no linear "
            "layer or convolution gives its scores"
        )
    return made


def _last_layer(network: nn.Module, side: int) -> tuple[str, Any]:
    """Name of the last linear layer or convolution that runs, and the shape of what the network makes."""
    seen: list[nn.Module] = []
    shape = _run(network, side, seen).shape
    if not seen:
        raise ValueError(
            f"no linear layer or convolution of {type(network).__name__} runs: there is no last layer"
        )
    names = [name for name, module in network.named_modules() if module is seen[-1]]
    if not names[0]:
        raise ValueError("network is a single layer: put it into a torch.nn.Sequential")
    return names[0], shape


@torch.no_grad()
def _run(network: nn.Module, side: int, seen: list[nn.Module]) -> Tensor:
    """What it makes of a picture of zeros; the layers that could be the last are put into `seen` as they run."""
    parameter = next(network.parameters(), torch.zeros(()))
    images = torch.zeros(1, channels_of(network), side, side).to(parameter)
    modes = [(module, module.training) for module in network.modules()]
    handles = [
        module.register_forward_hook(lambda module, *_: seen.append(module))
        for module in network.modules()
        if isinstance(module, _LAST)
    ]
    network.eval()
    try:
        made = network(images)
    except RuntimeError as error:
        raise ValueError(f"network cannot take {tuple(images.shape)}: {error}") from None
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes:
            module.training = mode
    if not isinstance(made, Tensor) or made.ndim != 2:
        what = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
        raise ValueError(f"network must give scores (n, classes), not {what} for one picture")
    return made


def _drawn(old: nn.Module, classes: int, seed: int) -> nn.Module:
    """A layer as the old one, with other outputs and new weights."""
    with seeded(seed):
        if isinstance(old, nn.Linear):
            made = nn.Linear(old.in_features, classes, old.bias is not None)
        elif old.groups != 1:
            raise ValueError("the last layer is a convolution in groups, which cannot be given other classes")
        else:
            made = nn.Conv2d(
                old.in_channels,
                classes,
                old.kernel_size,
                old.stride,
                old.padding,
                old.dilation,
                bias=old.bias is not None,
                padding_mode=old.padding_mode,
            )
    return made.to(old.weight).train(old.training)
