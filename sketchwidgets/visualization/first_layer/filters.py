"""The filters of a first layer: the only ones that can be looked at as they are."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .._modules import module_of
from ..figures import Figure, Section, Tile
from ..figures._numbers import percent


@dataclass(frozen=True, eq=False)
class Filters:
    """The filters of a convolution on the pixels.

    layer : its name, as in `model.named_modules()`.
    weights : (n, C, h, w), as the network holds them, a copy in float32 or float64 on the CPU.
    spatial : (n, h, w), each filter as one picture: its only channel, or the leading singular vector over its channels
        (times its singular value), which is the best picture that all channels share up to a factor.
    shares : (n,) in 0..1, how much of the filter's energy that picture holds; 1 where there is one channel.
    stride : (rows, columns) in pixels.
    """

    layer: str
    weights: Tensor
    spatial: Tensor
    shares: Tensor
    stride: tuple[int, int]

    def __len__(self) -> int:
        return len(self.weights)

    def __repr__(self) -> str:
        n, channels, height, width = self.weights.shape
        return f"Filters({self.layer!r}, {n} of {channels} x {height} x {width})"

    def tile(self, i: int, caption: str | None = None) -> Tile:
        """Filter i as a signed picture: in colours if it has three channels, else its spatial part."""
        colours = self.weights.shape[1] == 3
        facts = (("Filter", str(i)), ("Norm", f"{float(self.weights[i].norm()):.3g}"))
        if not colours and self.weights.shape[1] > 1:
            facts += (("Shared by the channels", f"{percent(self.shares[i])} of the energy"),)
        return Tile.signed(
            self.weights[i] if colours else self.spatial[i],
            str(i) if caption is None else caption,
            description=f"filter {i} of {self.layer}",
            facts=facts,
        )

    def figure(self, columns: int | None = None) -> Figure:
        """All filters, in order of their norm; each is scaled by its own largest magnitude."""
        order = self.weights.flatten(1).norm(dim=1).argsort(descending=True, stable=True).tolist()
        title = f"{len(self)} filters of {self.layer}"
        return Figure(title, [Section("", [self.tile(i) for i in order], columns=columns, side=56)])

    def _repr_html_(self) -> str:
        return self.figure().to_html()


def first_layer(model: Any, layer: str | None = None) -> Filters:
    """The filters of a network's first convolution.

    Zeiler & Fergus 2014 (figure 2, layer 1) and Yu et al. (IJCV 2017, figure 8) show them as they are: only there
    are the channels of a filter those of the image.

    model : a torch.nn.Module, a `sw.Network`, a `sw.Recognizer` (its CNN), or None for the bundled recogniser. It is not
        changed.
    layer : the name of another convolution on the pixels; None: the first `Conv2d` of `model.modules()`.

    Raises ValueError where there is no convolution or it is grouped, TypeError for what is no module.

    >>> filters = sw.first_layer(sw.Recognizer.load("sketch-a-net-quickdraw345"))
    >>> filters, filters.spatial.shape
    (Filters('conv1', 64 of 1 x 15 x 15), torch.Size([64, 15, 15]))
    """
    name, module = first_convolution(model, layer)
    weights = module.weight.detach().cpu()
    weights = weights.clone() if weights.dtype == torch.float64 else weights.float().clone()
    spatial, shares = leading_pictures(weights)
    return Filters(name, weights, spatial, shares, tuple(module.stride))


def first_convolution(model: Any, layer: str | None = None, argument: str = "model") -> tuple[str, nn.Conv2d]:
    """Name and module of the first convolution, or of the one that is named."""
    module = module_of(model)
    if not isinstance(module, nn.Module):
        raise TypeError(f"{argument} must be a torch.nn.Module, not {type(model).__name__}")
    convolutions = {name: part for name, part in module.named_modules() if isinstance(part, nn.Conv2d)}
    if layer is None:
        if not convolutions:
            raise ValueError(f"{argument}: the model has no Conv2d, and so no filters to look at")
        layer = next(iter(convolutions))
    if layer not in convolutions:
        raise ValueError(
            f"layer must be the name of a Conv2d, not {layer!r}; there are {', '.join(convolutions)}"
        )
    if convolutions[layer].groups != 1:
        raise ValueError(f"layer {layer!r} is a grouped convolution: its filters do not see all channels")
    return layer, convolutions[layer]


def leading_pictures(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Leading spatial singular vectors times their values (n, h, w), and their share of the energy (n,), of (n, C, h, w).

    The sign is that of the sum over the channels.
    """
    n, channels, height, width = weights.shape
    if channels == 1:
        return weights[:, 0].clone(), torch.ones(n, dtype=weights.dtype)
    left, values, right = torch.linalg.svd(weights.flatten(2), full_matrices=False)
    sign = left[:, :, 0].sum(1).sign()
    sign = torch.where(sign == 0, 1, sign)
    pictures = (sign * values[:, 0])[:, None] * right[:, 0]
    energy = values.square()
    shares = energy[:, 0] / energy.sum(1).clamp_min(torch.finfo(weights.dtype).tiny)
    return pictures.view(n, height, width), shares
