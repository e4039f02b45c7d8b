"""`python run_entry_points.py DEVICE FOLDER` runs every entry point on a device, and writes what it returns.

DEVICE is "cpu", "cuda-like" (refuses to be mixed with the CPU) or "mps-like" (has no float64 besides); on a machine that has
one, "cuda" and "mps" are such a device itself. Of each entry point FOLDER gets NAME.npz with the numbers it returned, or
NAME.txt with what it raised; refused.json says what the device refuses.
"""

import json
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import emulated_device
import numpy as np
import torch
from entry_points import ENTRY_POINTS, given


def numbers(value: Any, name: str = "r") -> dict[str, np.ndarray]:
    """Everything numeric in a result, by where it is."""
    if isinstance(value, torch.Tensor):
        return {name: value.detach().cpu().numpy()}
    if isinstance(value, np.ndarray | int | float):
        return {name: np.asarray(value)}
    if hasattr(value, "probabilities") and hasattr(value, "step"):
        return {name: np.asarray(value.probabilities)}
    if is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, Sequence) and not isinstance(value, str):
        parts = enumerate(value)
    else:
        return {}
    return {key: array for part, one in parts for key, array in numbers(one, f"{name}.{part}").items()}


def refused() -> dict[str, bool]:
    """Which of these the device refuses."""
    here, there = torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3).to(given.device)
    tried = {
        "both devices": lambda: there + here,
        "both in a convolution": lambda: torch.conv2d(there, here),
        "numpy": lambda: there.numpy(),
        "a generator of the CPU": lambda: torch.rand(2, device=given.device, generator=torch.Generator()),
        "float64": lambda: there.double(),
        "a copy": lambda: there.copy_(here).cpu(),
        "a number of the CPU": lambda: there * torch.tensor(2.0),
        "indices of the CPU": lambda: there[..., torch.tensor([1, 0])],
    }
    refuses = {}
    for name, attempt in tried.items():
        try:
            attempt()
        except (RuntimeError, TypeError):
            refuses[name] = True
        else:
            refuses[name] = False
    return refuses


def main(folder: Path) -> None:
    (folder / "refused.json").write_text(json.dumps(refused()), encoding="utf-8")
    for name, function in ENTRY_POINTS.items():
        try:
            np.savez(folder / f"{name}.npz", **numbers(function()))
        except Exception:
            (folder / f"{name}.txt").write_text(traceback.format_exc(), encoding="utf-8")


if __name__ == "__main__":
    given.device = sys.argv[1]
    if given.device.endswith("-like"):
        given.device = emulated_device.install(float64=given.device == "cuda-like")
    main(Path(sys.argv[2]))
