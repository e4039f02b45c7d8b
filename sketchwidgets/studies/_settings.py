"""What a result says of how it was measured."""

import platform
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import sketchwidgets


def settings(
    study: str,
    data: object,
    scale: str,
    seed: int,
    cpu_seconds: Mapping[str, float],
    *,
    options: Mapping[str, Any] | None = None,
    differences: Iterable[str] = (),
    packages: Iterable[str] = (),
    **facts: Any,
) -> dict[str, Any]:
    """JSON values: command, scale, data, seed, facts, differences, processor time and versions.

    study : as the command line calls it. data : a path, what is in memory, or None. scale : "small", "full" or "own".
    options : of the command, None for those that were not given. differences : from the published protocol, a sentence
    each. packages : whose versions matter beside torch's. facts : counts, recipes ...

    >>> from sketchwidgets.studies._settings import settings
    >>> found = settings("ablation", "quickdraw345.npz", "small", 0, {}, options={"epochs": 3}, classes=20)
    >>> found["command"]
    'sketchwidgets study ablation quickdraw345.npz --scale small --seed 0 --epochs 3'
    """
    name = None if data is None else data_name(data)
    command = f"sketchwidgets study {study}{f' {name}' if name else ''} --scale {scale} --seed {seed}"
    command += "".join(f" --{key} {value}" for key, value in (options or {}).items() if value is not None)
    if scale == "own" or not isinstance(data, str | Path | None):
        command = f"sw.studies.{study.replace('-', '_')}, a plan or data of its own"
    return {
        "command": command,
        "scale": scale,
        **({} if name is None else {"data": name}),
        "seed": seed,
        **facts,
        "differences": list(differences),
        "cpu_seconds": dict(cpu_seconds),
        "threads": torch.get_num_threads(),
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "versions": {
            "sketchwidgets": sketchwidgets.__version__,
            "torch": torch.__version__.split("+")[0],
            **{package: version(package) for package in packages},
            "python": platform.python_version(),
        },
    }


def data_name(data: object) -> str:
    """Of a file or folder its name, without where it lies on this machine."""
    return Path(data).name if isinstance(data, str | Path) else "data in memory"


def slug_of(name: str) -> str:
    """A row's name as that of a file.

    >>> from sketchwidgets.studies._settings import slug_of
    >>> slug_of("AlexNet + GRU 512, linear")
    'alexnet-gru-512-linear'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def plan_of(plan: Any, kind: type) -> Any:
    """The plan itself, or the class's `small()` or `full()`; ValueError for anything else."""
    if isinstance(plan, kind):
        return plan
    if plan not in ("small", "full"):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise ValueError(f"plan must be 'small', 'full' or {article} {kind.__name__}, not {plan!r}")
    return getattr(kind, plan)()
