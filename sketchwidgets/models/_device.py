"""The device that a network runs on."""

import torch


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """The torch device of "auto", "cpu", "cuda", "cuda:1", "mps" or a `torch.device`.

    "auto" is CUDA where there is a GPU, else Apple's MPS, else the CPU. Raises ValueError for a device that
    torch does not know or that this machine does not have.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
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
        raise ValueError(f'this machine has no device {str(resolved)!r}; "auto" takes the best there is')
    return resolved
