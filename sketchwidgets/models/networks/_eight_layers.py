"""The graph that AlexNet and ZFNet share: five convolutions and three fully connected layers."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from sketchwidgets.models._checks import check_probability, check_sizes, check_widths
from sketchwidgets.models.networks._chain import Chain

REMOVABLE = (3, 4, 5, 6, 7)


@dataclass(frozen=True)
class FirstLayers:
    """Layers 1 and 2, the only ones in which the two networks differ, and the image that fits them.

    conv1 : side and stride of the first filters, and padding. conv2 : stride and padding of the 5x5 filters.
    ceil : whether the pools behind them count a window that hangs over the edge.
    """

    size: int
    conv1: tuple[int, int, int]
    conv2: tuple[int, int]
    ceil: bool

    def last_map(self, size: int) -> int:
        """Side of pool5 for images of this side, 0 where they are too small; layers 3 to 5 keep the side."""
        kernel, stride, padding = self.conv1
        side = (size + 2 * padding - kernel) // stride + 1
        side = self._pooled(side)
        stride, padding = self.conv2
        side = self._pooled((side + 2 * padding - 5) // stride + 1)
        return max(0, (side - 3) // 2 + 1)

    def _pooled(self, side: int) -> int:
        return -(-(side - 3) // 2) + 1 if self.ceil else (side - 3) // 2 + 1


class EightLayers(Chain):
    """conv1-conv5 with three pools and two normalisations, fc6, fc7, fc8; a subclass gives the first layers.

    See `ZFNet` for the arguments.
    """

    first: ClassVar[FirstLayers]

    def __init__(
        self,
        classes: int,
        channels: int,
        without: Iterable[int],
        conv: Sequence[int],
        fc: int | Sequence[int],
        dropout: float,
        groups: int,
        norm_before_pool: bool,
        size: int | None,
    ) -> None:
        size = self.first.size if size is None else size
        check_sizes(classes=classes, channels=channels, groups=groups, size=size)
        check_probability("dropout", dropout)
        conv = check_widths("conv", conv, 5)
        fc = check_widths("fc", (fc, fc) if isinstance(fc, int) else fc, 2)
        without = _check_without(without)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        width = channels
        for number in range(1, 6):
            if number in without:
                if number == 5:
                    layers["pool5"] = nn.MaxPool2d(3, 2)
                continue
            layers |= self._convolution(number, width, conv[number - 1], groups, norm_before_pool)
            width = conv[number - 1]
        side = self.first.last_map(size)
        if side < 1:
            raise ValueError(f"size {size} is too small: nothing is left of it after the third pool")
        for number, hidden in zip((6, 7), fc, strict=True):
            if number in without:
                continue
            layers[f"fc{number}"] = nn.Conv2d(width, hidden, side)
            layers[f"relu{number}"] = nn.ReLU()
            layers[f"drop{number}"] = nn.Dropout(dropout)
            width, side = hidden, 1
        layers["fc8"] = nn.Conv2d(width, classes, side)
        super().__init__(layers)
        self.initialize()
        self.input_size = size
        self.feature_size = width * side**2
        # What `models.create` needs to build this network again; saved with the weights.
        self.arguments = {
            "classes": classes,
            "channels": channels,
            "without": list(without),
            "conv": list(conv),
            "fc": list(fc),
            "dropout": dropout,
            "groups": groups,
            "norm_before_pool": norm_before_pool,
            "size": size,
        }

    def _convolution(
        self, number: int, width: int, filters: int, groups: int, norm_before_pool: bool
    ) -> dict[str, nn.Module]:
        """One layer in the paper's sense: convolution and ReLU, in 1, 2 and 5 a pool, in 1 and 2 a normalisation."""
        kernel, stride, padding = {
            1: self.first.conv1,
            2: (5, *self.first.conv2),
        }.get(number, (3, 1, 1))
        # Krizhevsky's two GPUs: layers 2, 4 and 5 see only the maps of their own GPU.
        groups = groups if number in (2, 4, 5) else 1
        if width % groups or filters % groups:
            raise ValueError(
                f"conv: layer {number} has {width} -> {filters} maps, not to be cut into {groups} groups"
            )
        parts: dict[str, nn.Module] = {
            f"conv{number}": nn.Conv2d(width, filters, kernel, stride, padding, groups=groups),
            f"relu{number}": nn.ReLU(),
        }
        if number in (1, 2):
            # Krizhevsky's section 3.3 has k = 2, n = 5, alpha = 1e-4, beta = 0.75; torch divides alpha by n.
            norm = {f"norm{number}": nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)}
            pool = {f"pool{number}": nn.MaxPool2d(3, 2, ceil_mode=self.first.ceil)}
            parts |= norm | pool if norm_before_pool else pool | norm
        elif number == 5:
            parts["pool5"] = nn.MaxPool2d(3, 2)
        return parts


def _check_without(without: Iterable[int]) -> tuple[int, ...]:
    try:
        chosen = tuple(without)
    except TypeError:
        raise ValueError(f"without must be layer numbers such as (3, 4), got {without!r}") from None
    for number in chosen:
        if isinstance(number, bool) or number not in REMOVABLE:
            known = ", ".join(map(str, REMOVABLE))
            raise ValueError(f"without has {number!r}; layers that can be removed are {known}")
    return tuple(sorted({int(number) for number in chosen}))
