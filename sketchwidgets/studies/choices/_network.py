"""Sketch-a-Net with those of its choices made otherwise that the paper gives reasons for."""

from collections import OrderedDict

from torch import nn

from sketchwidgets.models import SketchANet
from sketchwidgets.models.networks._chain import Chain
from sketchwidgets.studies._fast_norm import BandedNorm


def check_network(first: int, pool: int) -> None:
    """ValueError for arguments that `OtherSketchANet` does not take."""
    for name, value, known in (("first", first, range(3, 16, 2)), ("pool", pool, (2, 3))):
        if isinstance(value, bool) or value not in known:
            raise ValueError(f"{name} must be one of {', '.join(map(str, known))}, not {value!r}")


class OtherSketchANet(Chain):
    """`SketchANet` with other first filters, other pools, or local response normalisation.

    Every map has the size that it has there, whatever is chosen, and so have all layers above.

    Parameters
    ----------
    first : side of the first filters in pixels, odd, 3 to 15. They stand where the filters of 15 stand, 3 pixels apart,
        and see the middle of what those see.
    norm : whether a local response normalisation follows the first two ReLUs, as in AlexNet.
    pool : side of the max pools, 3 or 2; their stride is 2.
    classes, channels, dropout, width : as of `SketchANet`.

    Takes (n, channels, 225, 225), gives (n, classes). Raises ValueError, naming the argument.
    """

    input_size = SketchANet.input_size

    def __init__(
        self,
        classes: int,
        channels: int = 1,
        first: int = 15,
        norm: bool = False,
        pool: int = 3,
        dropout: float = 0.5,
        width: float = 1.0,
    ) -> None:
        check_network(first, pool)
        paper = SketchANet(classes, channels, dropout, width)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for name, layer in paper.named_children():
            if name == "conv1" and first != 15:
                layers["middle"] = nn.ZeroPad2d(-((15 - first) // 2))
                layer = nn.Conv2d(channels, layer.out_channels, first, stride=3)
            elif isinstance(layer, nn.MaxPool2d):
                layer = nn.MaxPool2d(pool, 2)
            layers[name] = layer
            if norm and name in ("relu1", "relu2"):
                layers[f"norm{name[-1]}"] = BandedNorm(
                    nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)
                )  # as AlexNet's
        super().__init__(layers)
        self.initialize()
        self.feature_size = paper.feature_size
        self.arguments = {**paper.arguments, "first": first, "norm": norm, "pool": pool}
