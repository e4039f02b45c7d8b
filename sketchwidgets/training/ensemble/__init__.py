"""The ensemble of Sketch-a-Nets, trained and measured (Yu et al., BMVC 2015)."""

from importlib import import_module
from typing import Any

# Public name -> module of this folder. Loaded on first use: the fusions need scikit-learn and SciPy.
_HOME = {
    "EnsembleResult": "result",
    "EnsembleRow": "result",
    "FineTuning": "_fine_tune",
    "train_ensemble": "experiment",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
