"""A trained network as a `Network`, which prepares drawings and pictures as the training has."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sketchwidgets.recognition import Preprocessing
from sketchwidgets.training.fitting._pictures import EXTENT, PEN
from sketchwidgets.training.fitting._recipe import Recipe
from sketchwidgets.visualization import Network


def as_network(
    network: nn.Module, recipe: Recipe, classes: Sequence[str], channels: int, mean: Tensor | None
) -> Network:
    """`network`, with what the centre view of a picture goes through in a recipe.

    mean : (C, size, size), what is subtracted from a picture; None for nothing.
    """
    views = recipe.views
    side = Network(network, channels=channels).size[0]
    size = views.size or side
    room = (size - side) // 2
    if mean is not None:
        mean = mean[:, room : room + side, room : room + side] / views.span
    device = next(network.parameters()).device
    with torch.no_grad():
        outputs = network(torch.zeros(1, channels, side, side, device=device)).shape[1]
    return Network(
        network,
        size=side,
        channels=channels,
        mean=0.0 if mean is None else mean,
        std=1 / views.span,
        ink="positive" if views.ink else "negative",
        classes=classes if len(classes) == outputs else None,
        preprocessing=Preprocessing(side, EXTENT * size, max(1.0, PEN * size)),
        resize=size if size > side else None,
    )
