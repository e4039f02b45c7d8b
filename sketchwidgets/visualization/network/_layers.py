"""Which layers of a network to look at first."""

import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..projection import ProjectionError
from ..projection._project import _record
from ..projection.recording._recorder import watch

# What errors call images that the network itself was asked to make.
OWN_INPUTS = "inputs of the Network's size and channels"

_NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)


def all_layers(module: nn.Module, images: Tensor) -> tuple[str, ...]:
    """What `sw.project` projects by default: every activation after a convolution, in the order of the forward.

    Where no module returns one, because they are functions called in between: what goes into them, the
    convolutions, behind their normalisation if there is one. Of a unit that is excited, both say the same.
    """
    try:
        return _record(module, images, None, None, stop_early=False, argument=OWN_INPUTS).layers
    except ProjectionError:
        layers = _filters(module, images)
        if not layers:
            raise
        return layers


def _filters(module: nn.Module, images: Tensor) -> tuple[str, ...]:
    """The convolutions that return maps of more than one position, or the normalisation right behind them."""
    parts = dict(module.named_modules())
    leaves = tuple(name for name, part in parts.items() if name and not any(part.children()))
    maps = _first_outputs(module, images, leaves)
    ran = list(maps)
    found = []
    for name, after in zip(ran, [*ran[1:], None], strict=True):
        if not isinstance(parts[name], nn.Conv2d) or maps[name].shape[-2:] in ((), (1, 1)):
            continue
        normed = (
            after is not None and isinstance(parts[after], _NORMS) and maps[after].shape == maps[name].shape
        )
        found.append(after if normed else name)
    return tuple(found)


def stage_layers(module: nn.Module, images: Tensor, layers: tuple[str, ...]) -> tuple[str, ...]:
    """Of each resolution the last of `layers`, or what an enclosing block makes of it at that resolution.

    A block's output stands for the activations in it where it is rectified too (no value is below zero) and is
    not one of them: behind the addition of a residual block, the concatenation of an Inception module. So does, in a
    network without blocks as other programs' files have it, what a layer makes of an activation and others. Where
    a resolution has such blocks, the last of them is taken, also if activations follow: those begin the
    next resolution, before its stride.
    """
    names = dict(module.named_modules())
    joined = _joined(module, images, layers)
    around = {
        layer: [*joined.get(layer, ()), *(name for name in _ancestors(layer) if name in names)]
        for layer in layers
    }
    wanted = dict.fromkeys([*around, *(name for blocks in around.values() for name in blocks)])
    maps = _first_outputs(module, images, tuple(wanted))
    activations = [maps[layer] for layer in layers]
    of: dict[tuple[int, ...], tuple[str, bool]] = {}
    for layer, blocks in around.items():
        best = layer
        for block in blocks:
            new = block in maps and maps[block] not in (maps[best], *activations)
            if new and _stands_for(maps[block], maps[layer]):
                best = block
        resolution = maps[layer].shape[-2:]
        is_block = best != layer or any(name.startswith(f"{layer}.") for name in layers)
        nameless = type(names[layer]).__name__ == "Identity"  # an activation that ran in no module of its own
        if resolution not in of or is_block or not (of[resolution][1] or nameless):
            of[resolution] = best, is_block
    return tuple(dict.fromkeys(name for name, _ in of.values()))


def class_layer(module: nn.Module, images: Tensor) -> str | None:
    """The first module to return what the network returns, up to axes of size 1 and a softmax; None for none."""
    kept: dict[str, Tensor] = {}

    def keep(name: str, output: Tensor) -> None:
        if output.ndim == 2 or output.shape[2:] == (1, 1):
            kept.setdefault(name, output.flatten(1).clone())

    with torch.no_grad(), _watched(module, [name for name, _ in module.named_modules() if name], keep):
        result = module(images.clone())
    if not isinstance(result, Tensor) or result.numel() != result.shape[0] * result.shape[1]:
        raise ValueError(f"{type(module).__name__} returns no class scores (n, classes)")
    result = result.flatten(1)
    same = [name for name, output in kept.items() if output.shape == result.shape]
    for name in same:
        if torch.equal(kept[name].softmax(1), result) and not torch.equal(kept[name], result):
            return name
    return next((name for name in same if torch.equal(kept[name], result)), None)


def uncapped(module: nn.Module, images: Tensor, layers: tuple[str, ...]) -> tuple[str, ...]:
    """The same, but with what goes into a ReLU6 instead of what comes out.

    A strong unit is at the cap of 6, and so are many others: it could not be told which is the strongest, and
    under guided and backprop nothing of its signal would come down, as its derivative is 0.
    """
    parts = dict(module.named_modules())
    if not any(isinstance(part, nn.ReLU6) for part in parts.values()):
        return layers
    maps = _first_outputs(module, images, tuple(name for name in parts if name))
    ran = list(maps)
    found = []
    for layer in layers:
        made = maps[layer]
        # Not by the module's type: one that is used again has given its name to what it returned first.
        before = [name for name in ran[: ran.index(layer)] if maps[name].capped_energy == made.energy]
        inputs = [name for name in before if maps[name].shape == made.shape and maps[name] != made]
        found.append(inputs[-1] if inputs and made.rectified else layer)
    return tuple(dict.fromkeys(found))


class _Map(NamedTuple):
    """What tells the output of one module from that of another, without keeping it."""

    shape: tuple[int, ...]
    rectified: bool
    energy: float
    capped_energy: float  # of what ReLU6 would make of it


def _ancestors(name: str) -> list[str]:
    """The modules around a module, innermost first, without the network itself."""
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(len(parts) - 1, 0, -1)]


def _joined(module: nn.Module, images: Tensor, layers: tuple[str, ...]) -> dict[str, tuple[str]]:
    """For a layer whose first output went into a module without parts together with others, that module's name."""
    outputs: dict[str, weakref.ref[Tensor]] = {}
    found: dict[str, tuple[str]] = {}

    def hook_for(name: str) -> Callable:
        def hook(part: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            taken = _tensors([*args, *kwargs.values()])
            if len(taken) > 1:
                for layer, made in outputs.items():
                    if any(made() is one for one in taken):
                        found.setdefault(layer, (name,))
            if name in layers and isinstance(output, Tensor):
                outputs.setdefault(name, weakref.ref(output))

        return hook

    handles = []
    try:
        for name, part in module.named_modules():
            if name and (name in layers or not any(part.children())):
                handles.append(part.register_forward_hook(hook_for(name), with_kwargs=True))
        with torch.no_grad():
            module(images.clone())
    finally:
        for handle in handles:
            handle.remove()
    return found


def _tensors(values: Any) -> list[Tensor]:
    """The tensors among arguments, also those in a list."""
    lists = [value if isinstance(value, list | tuple) else [value] for value in values]
    return [one for part in lists for one in part if isinstance(one, Tensor)]


def _first_outputs(module: nn.Module, images: Tensor, names: tuple[str, ...]) -> dict[str, _Map]:
    """The first output of each of these modules; without those that return no tensor."""
    outputs: dict[str, _Map] = {}

    def describe(name: str, output: Tensor) -> None:
        if name not in outputs:
            rectified = not bool((output < 0).any())
            energies = (float(kept.float().square().sum()) for kept in (output, output.clamp(0, 6)))
            outputs[name] = _Map(tuple(output.shape), rectified, *energies)

    with torch.no_grad(), _watched(module, list(names), describe):
        module(images.clone())
    return outputs


def _watched(
    module: nn.Module, names: list[str], see: Callable[[str, Tensor], None]
) -> AbstractContextManager:
    """In this context, every tensor that one of these modules returns is shown to `see`; no hook stays."""

    def collect(name: str, output: Any) -> bool:
        if isinstance(output, Tensor):
            see(name, output)
        return False

    return watch(module, names, collect)


def _stands_for(block: _Map, activation: _Map) -> bool:
    return block.rectified and len(block.shape) == 4 and block.shape[-2:] == activation.shape[-2:]
