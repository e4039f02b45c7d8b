"""How large the maps of an imported network are, without running it."""

from collections.abc import Sequence

from torch import nn

from . import _layers
from ._network import ImportedNetwork

Size = tuple[int, int]


def output_size(network: ImportedNetwork, size: Size) -> Size:
    """(height, width) of what the network makes of images of `size`; ValueError names a layer that they do not fit."""
    sizes = {network.input_name: size}
    modules = dict(network.named_children())
    for name, inputs, outputs in network.graph:
        taken = [sizes[value] for value in inputs]
        made = _after(modules[name], taken)
        if min(made) < 1:
            raise ValueError(f"maps of {taken[0][0]} x {taken[0][1]} pixels are too small for layer {name!r}")
        if isinstance(modules[name], _layers.Sum | _layers.Concat) and len(set(taken)) > 1:
            listed = ", ".join(f"{h} x {w}" for h, w in taken)
            raise ValueError(f"layer {name!r} takes maps of different sizes, {listed} pixels")
        sizes.update(dict.fromkeys(outputs, made))
    return sizes[network.output_name]


def _after(module: nn.Module, sizes: Sequence[Size]) -> Size:
    """The size of what a module makes of maps of these sizes; below 1 where they are too small."""
    size = sizes[0]
    if isinstance(module, nn.ConvTranspose2d):
        left, right, top, bottom = getattr(module, "crop", _both(module.padding))
        kernel, stride, extra = module.kernel_size, module.stride, module.output_padding
        return (
            (size[0] - 1) * stride[0] + kernel[0] - top - bottom + extra[0],
            (size[1] - 1) * stride[1] + kernel[1] - left - right + extra[1],
        )
    if isinstance(module, nn.Conv2d):
        reach = tuple(d * (k - 1) + 1 for k, d in zip(module.kernel_size, module.dilation, strict=True))
        return _slid(size, reach, module.stride, getattr(module, "pad", None) or _both(module.padding))
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        return _slid(
            size,
            _pair(module.kernel_size),
            _pair(module.stride),
            _both(_pair(module.padding)),
            module.ceil_mode,
        )
    if isinstance(module, _layers.PaddedMaxPool2d):
        return _slid(size, module.kernel, module.stride, module.pad)
    if isinstance(module, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
        return (1, 1)
    if isinstance(module, _layers.CropLike):
        return tuple(min(a, b) for a, b in zip(size, sizes[1], strict=True))
    return size


def _slid(
    size: Size, reach: Size, stride: Size, pad: tuple[int, int, int, int], rounds_up: bool = False
) -> Size:
    left, right, top, bottom = pad
    room = size[0] + top + bottom - reach[0], size[1] + left + right - reach[1]
    if min(room) < 0:
        return (0, 0)
    return tuple((r + (s - 1 if rounds_up else 0)) // s + 1 for r, s in zip(room, stride, strict=True))


def _both(padding: Size) -> tuple[int, int, int, int]:
    return padding[1], padding[1], padding[0], padding[0]


def _pair(number: int | Size) -> Size:
    return (number, number) if isinstance(number, int) else number
