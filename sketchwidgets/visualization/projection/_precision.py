"""In which number format a signal goes down fastest, and weights in that format."""

from functools import cache

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

_NATIVE = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # of torch.cpu, by its version

# Weights in another format, each with the version it was made of: the same for all forward passes of a network.
_weights: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


def fast_dtype(like: Tensor) -> torch.dtype | None:
    """bfloat16 for wider maps on a processor that multiplies it natively; None, which is their own format, elsewhere.

    Without such instructions bfloat16 is emulated, and slower than what it stands for.
    """
    wider = like.dtype in (torch.float32, torch.float64)
    return torch.bfloat16 if wider and like.device.type == "cpu" and _has_bfloat16() else None


@cache
def _has_bfloat16() -> bool:
    return any(getattr(torch.cpu, name, bool)() for name in _NATIVE)


def converted(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """A weight in another format, made once as long as nobody writes into it."""
    if weight.is_inference():
        return weight.to(dtype)  # no version tells whether it was written into
    version, made = _weights.get(weight, (None, None))
    if made is None or version != weight._version or made.dtype != dtype:
        made = weight.detach().to(dtype)
        _weights[weight] = weight._version, made
    return made
