"""What a network itself says of the pictures that it wants."""

from dataclasses import replace

from torch import Tensor, nn

from sketchwidgets.models.importers import ImportedNetwork
from sketchwidgets.training.fitting._recipe import Recipe
from sketchwidgets.training.fitting._views import Views

_FIELDS = ("ink", "span", "mean", "deviation", "channel_order")
_PLAIN = Views()


def fed(network: nn.Module, recipe: Recipe, channels: int) -> tuple[Recipe, Tensor | None]:
    """The recipe with what the network says of its input filled in, and the mean picture that it brings, if any.

    Also the size of the views, where that follows the network.

    The result stays the same when it is filled in again. Raises ValueError where the recipe has numbers for another
    number of channels.
    """
    views, mean = _views_of(network, recipe.views)
    for name in ("mean", "deviation"):
        numbers = getattr(views, name)
        if isinstance(numbers, tuple) and len(numbers) not in (1, channels):
            raise ValueError(
                f"views.{name} has {len(numbers)} numbers, and the network takes {channels} channels"
            )
    if views.size is not None:
        views = replace(views, size=views.side(side_of(network)))
    return replace(recipe, views=views), mean


def side_of(network: nn.Module) -> int:
    """Side of the network's input in pixels; ValueError where it does not say so."""
    side = getattr(network, "input_size", None)
    side = side[0] if isinstance(side, tuple) and len(set(side)) == 1 else side
    if not isinstance(side, int) or isinstance(side, bool) or side < 1:
        raise ValueError(f"network.input_size must be the side of its input in pixels, not {side!r}")
    return side


def _views_of(network: nn.Module, views: Views) -> tuple[Views, Tensor | None]:
    plain = all(getattr(views, name) == getattr(_PLAIN, name) for name in _FIELDS)
    if not (plain if views.own is None else views.own):
        return views, None
    if isinstance(network, ImportedNetwork):
        wanted = network.preprocessing
        picture = None if wanted.mean is None or wanted.mean.ndim == 1 else wanted.mean
        mean = tuple(wanted.mean.tolist()) if wanted.mean is not None and picture is None else False
        filled = replace(
            views,
            size=wanted.resize or views.size,
            ink=wanted.ink == "positive",
            span=255.0,
            mean=mean if picture is None else True,
            deviation=(1 / wanted.scale,),
            channel_order="bgr" if wanted.channel_order == "bgr" else "rgb",
            own=True,
        )
        return filled, picture
    statistics = getattr(network, "input_statistics", None)
    if statistics is None:
        return views, None
    mean, deviation = statistics
    return replace(
        views, ink=False, span=1.0, mean=mean, deviation=deviation, channel_order="rgb", own=True
    ), None
