"""What is switched off, and forward passes without it."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..projection.recording._recorder import Forward, watch
from ._subject import Subject

TO = ("zero", "paper")

Off = Mapping[str, Sequence[int] | None]
Channels = tuple[int, ...] | None  # None for all of them


def checked_off(module: nn.Module | None, off: Any) -> dict[str, Channels]:
    """What is off, by layer; raises ValueError or TypeError for what is no layer and no channel.

    module : None where it is not known yet, so that any name may be one.
    """
    if not isinstance(off, Mapping):
        raise TypeError(
            f'off must be a mapping from layers to channels, such as {{"relu1": [3, 17], "relu2": None}}, not '
            f"{type(off).__name__}"
        )
    known = None if module is None else dict(module.named_modules())
    found: dict[str, Channels] = {}
    for layer, channels in off.items():
        if not isinstance(layer, str) or not layer or (known is not None and layer not in known):
            raise ValueError(f"off: the model has no layer {layer!r}; see model.named_modules()")
        if channels is None:
            found[layer] = None
            continue
        if isinstance(channels, str) or not isinstance(
            channels, Sequence | np.ndarray | Tensor | set | frozenset
        ):
            raise TypeError(f"off[{layer!r}] must be channels or None for all of them, not {channels!r}")
        whole = [
            int(one) for one in channels if isinstance(one, int | np.integer) and not isinstance(one, bool)
        ]
        if isinstance(channels, Tensor) and not channels.is_floating_point():
            whole = [int(one) for one in channels]
        if len(whole) != len(channels) or any(one < 0 for one in whole):
            raise ValueError(f"off[{layer!r}] must be channels, whole numbers from 0, not {channels!r}")
        found[layer] = tuple(dict.fromkeys(whole))
    return {layer: channels for layer, channels in found.items() if channels is None or channels}


def check_to(to: Any) -> str:
    if to not in TO:
        raise ValueError(f"to must be one of {', '.join(map(repr, TO))}, not {to!r}")
    return to


def check_maps(layer: str, output: Any) -> Tensor:
    """The output of a layer, if it has channels."""
    if not isinstance(output, Tensor):
        raise ValueError(f"layer {layer!r} returns a {type(output).__name__}, not a tensor")
    if output.ndim not in (2, 4):
        raise ValueError(f"layer {layer!r} returns {tuple(output.shape)}, not maps (n, c, h, w) or (n, c)")
    return output


def maps_of(subject: Subject, images: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """The first output of each layer in one pass of images, (n, c, h, w) or (n, c), in the order in which they ran."""
    found: dict[str, Tensor] = {}

    def keep(name: str, output: Any) -> bool:
        if name not in found:
            found[name] = check_maps(name, output).detach().clone()  # what follows may write into it
        return False

    with torch.inference_mode(False), torch.no_grad(), watch(subject.module, list(layers), keep):
        subject.forward(subject.module, images.clone())
    missing = [layer for layer in layers if layer not in found]
    if missing:
        raise ValueError(f"the forward pass did not run layer {missing[0]!r}")
    return found


def off_values(subject: Subject, layers: Sequence[str], to: str) -> dict[str, Tensor]:
    """What each layer says instead, one row: nothing, or what it says of paper."""
    values = maps_of(subject, subject.paper, layers)
    return values if to == "paper" else {layer: torch.zeros_like(value) for layer, value in values.items()}


def check_channels(off: Mapping[str, Channels], values: Mapping[str, Tensor]) -> None:
    """Raises ValueError for a channel that its layer, whose value is (1, c, ...), does not have."""
    for layer, channels in off.items():
        count = values[layer].shape[1]
        if channels is not None and max(channels) >= count:
            raise ValueError(
                f"off[{layer!r}]: {max(channels)} is not one of its {count} channels, 0 to {count - 1}"
            )


class Switched:
    """A forward pass with parts off; called like `Subject.forward`. The network is as it was after every pass.

    off : for each layer its channels, None for all. values : what each says instead, as `off_values` makes them.
    """

    def __init__(self, forward: Forward, off: Mapping[str, Channels], values: Mapping[str, Tensor]) -> None:
        self._forward, self._off, self._values = forward, off, values

    def __call__(self, module: nn.Module, images: Tensor) -> Any:
        with replacing(module, list(self._off), self._without):
            return self._forward(module, images)

    def _without(self, layer: str, output: Tensor) -> Tensor:
        channels, instead = self._off[layer], self._values[layer]
        made = torch.empty_like(output)
        if channels is None:
            return made.copy_(instead)
        made.copy_(output)
        made[:, list(channels)] = instead[:, list(channels)]
        return made


def each_without(value: Tensor, rows: Sequence[int], instead: Tensor) -> Tensor:
    """A layer's value (1 or k, c, ...) k times, in row i without channel rows[i], or where that is -1 without any.

    instead : (1, c, ...), what takes their place. The result lies in memory as the value does.
    """
    last = value.ndim == 4 and value[:1].is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if last and not value[:1].is_contiguous() else torch.contiguous_format
    made = torch.empty(
        (len(rows), *value.shape[1:]), dtype=value.dtype, device=value.device, memory_format=layout
    ).copy_(value)
    wanted = torch.tensor(rows, device=value.device)
    whole, single = (wanted < 0).nonzero()[:, 0], (wanted >= 0).nonzero()[:, 0]
    made[whole] = instead.expand(len(whole), *instead.shape[1:])
    made[single, wanted[single]] = instead[0, wanted[single]]
    return made


@contextmanager
def replacing(
    module: nn.Module, layers: Sequence[str], replaced: Callable[[str, Tensor], Tensor]
) -> Iterator[None]:
    """In this context, which is to be that of one pass, `replaced(layer, output)` takes the place of the first output
    of every layer, on this thread; no hook stays.
    """
    thread = threading.get_ident()
    done: set[str] = set()

    def hook_for(layer: str) -> Callable:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> Tensor | None:
            if threading.get_ident() != thread or layer in done:
                return None
            done.add(layer)
            return replaced(layer, check_maps(layer, output))

        return hook

    handles = []
    try:
        for layer in layers:
            handles.append(module.get_submodule(layer).register_forward_hook(hook_for(layer)))
        yield
    finally:
        for handle in handles:
            handle.remove()
