"""A trained network as a `Network`, which prepares drawings and pictures as the training has."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sketchwidgets.recognition import Preprocessing
from sketchwidgets.training.fitting._pictures import EXTENT, PEN
from sketchwidgets.training.fitting._recipe import Recipe
from sketchwidgets.training.fitting._views import corners
from sketchwidgets.visualization import Network


def as_network(
    network: nn.Module, recipe: Recipe, classes: Sequence[str], channels: int, mean: Tensor | None
) -> Network:
    """`network`, with what the centre view of a picture goes through in a recipe.

    recipe : its views as the training has filled them in. mean : the mean picture, as `Fitted.mean`.
    """
    views = recipe.views
    side = Network(network, channels=channels).size[0]
    size = views.side(side)
    middle = corners(size - side)[-1][0]
    subtracted: float | Tensor | tuple[float, ...] = 0.0
    if mean is not None:
        cut = slice(middle, middle + side) if mean.shape[-1] != side else slice(None)
        subtracted = mean[:, cut, cut] / views.span
    elif isinstance(views.mean, tuple):
        subtracted = _per_channel(views.mean, channels, views.span)
    device = next(network.parameters()).device
    with torch.no_grad():
        outputs = network(torch.zeros(1, channels, side, side, device=device)).shape[1]
    return Network(
        network,
        size=side,
        channels=channels,
        mean=subtracted,
        std=_per_channel(views.deviation or (1.0,), channels, views.span),
        ink="positive" if views.ink else "negative",
        classes=classes if len(classes) == outputs else None,
        # Of a picture far above the input no view shows a whole drawing; here one is drawn as large as it can be seen.
        preprocessing=Preprocessing(side, min(EXTENT * size, side), max(1.0, PEN * size)),
        channel_order=views.channel_order,
        resize=size if size > side else None,
    )


def _per_channel(values: tuple[float, ...], channels: int, span: float) -> tuple[float, ...]:
    """Numbers in the unit of the views for values of 0..1."""
    return tuple(value / span for value in (values * channels if len(values) == 1 else values))
