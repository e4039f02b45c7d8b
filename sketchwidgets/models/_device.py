"""The device that a network runs on."""

from functools import cache

import torch


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """The torch device of "auto", "cpu", "cuda", "cuda:1", "mps" or a `torch.device`.

    "auto" is CUDA where there is a GPU, else the CPU; Apple's MPS only where it is asked for, since what runs on it here
    is tested in emulation and not on a machine that has it. Raises ValueError for a device that torch does not know or
    that this machine does not have.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(f'device must be "auto", "cpu", "cuda" or "mps", not {device!r}') from None
    present = {
        "cpu": resolved.index in (None, 0),
        "cuda": (resolved.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(resolved.type, False):
        raise ValueError(f'this machine has no device {str(resolved)!r}; "auto" takes one that is there')
    return resolved


def widest_float(device: str | torch.device) -> torch.dtype:
    """The format to add up in on a device: float64, or float32 where the device has no other, as Apple's MPS.

    >>> sw.models.widest_float("cpu")
    torch.float64
    """
    device = torch.device(device)
    return torch.float64 if device.type in ("cpu", "cuda") or _has_float64(device) else torch.float32


@cache
def _has_float64(device: torch.device) -> bool:
    try:
        one = torch.ones(1, dtype=torch.float64, device=device)
        return float(one + one) == 2  # some take it and then cannot compute with it
    except (TypeError, RuntimeError):
        return False
