"""The layers of a network that runs one after the other, found by running it once."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ._eval_mode import eval_mode
from ._layers import Reversed

# Modules that hold others and yet are one layer.
_WHOLE = (Reversed,)


class _NoChain(ValueError):
    """A layer of several inputs ran."""


class Link(NamedTuple):
    """One layer of a chain, and the shapes (n, c, h, w) or (n, c) of what it took and made.

    before : the shape of what it took before that was flattened.
    """

    name: str
    module: nn.Module
    taken: tuple[int, ...]
    made: tuple[int, ...]
    before: tuple[int, ...]


def chain_of(network: nn.Module, channels: int, size: tuple[int, int]) -> list[Link]:
    """The layers of `network` in the order in which they ran, on noise of that size.

    Raises ValueError where they are no chain: where a layer takes something else than what the one before made, or its
    values in another shape than flattened.
    """
    if not isinstance(network, nn.Module):
        raise TypeError(f"network must be a torch.nn.Module, not {type(network).__name__}")
    ran: list[tuple[str, nn.Module, Tensor, Tensor]] = []
    handles = [
        module.register_forward_hook(_keep(name, ran))
        for name, module in network.named_modules()
        if isinstance(module, _WHOLE) or not any(True for _ in module.children())
    ]
    inside = {
        id(part) for module in network.modules() if isinstance(module, _WHOLE) for part in module.children()
    }
    parameter = next((p for p in network.parameters() if p.is_floating_point()), torch.zeros(0))
    # Not zeros: what a layer passes through and what it makes anew should differ.
    images = torch.rand(1, channels, *size, generator=torch.Generator().manual_seed(0)).to(parameter)
    try:
        with eval_mode(network), torch.no_grad():
            result = network(images)
    except _NoChain:
        raise
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"the network does not take an image (1, {channels}, {size[0]}, {size[1]}): {error}"
        ) from None
    finally:
        for handle in handles:
            handle.remove()
    links = [step for step in ran if id(step[1]) not in inside]
    _check(links, images, result)
    chain, maps = [], tuple(images.shape)
    for name, module, taken, made in links:
        chain.append(Link(name, module, tuple(taken.shape), tuple(made.shape), maps))
        # Of a layer that keeps all values where they are, such as one that flattens, the maps before it count.
        flattened = made.ndim == 2 and taken.numel() == made.numel() and not isinstance(module, nn.Linear)
        maps = maps if flattened else tuple(made.shape)
    return chain


def _keep(name: str, ran: list[tuple[str, nn.Module, Tensor, Tensor]]) -> Any:
    def hook(module: nn.Module, inputs: Sequence[Any], output: Any) -> None:
        if len(inputs) != 1 or not isinstance(inputs[0], Tensor) or not isinstance(output, Tensor):
            raise _NoChain(
                f"the network is no chain of layers: {name!r} ({type(module).__name__}) takes {len(inputs)} inputs"
            )
        ran.append((name, module, inputs[0], output))

    return hook


def _check(links: list[tuple[str, nn.Module, Tensor, Tensor]], images: Tensor, result: Any) -> None:
    before, last = images, "the images"
    for name, module, taken, made in links:
        if not _same(before, taken):
            raise ValueError(
                f"the network is no chain of layers: {name!r} ({type(module).__name__}) takes something else than "
                f"what {last} made, as a function in between would"
            )
        before, last = made, repr(name)
    if not links:
        raise ValueError("the network has no layers")
    if not isinstance(result, Tensor) or not _same(before, result):
        raise ValueError(
            f"the network is no chain of layers: it returns something else than what {last} made"
        )


def _same(made: Tensor, taken: Tensor) -> bool:
    """Whether one is the other, or its values in the same order in another shape."""
    if made.numel() != taken.numel():
        return False
    return made.data_ptr() == taken.data_ptr() or torch.equal(made.flatten(), taken.flatten())
