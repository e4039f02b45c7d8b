"""`fit` with a recurrent recipe: what of its arguments holds there."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Callback
from torch import nn

from sketchwidgets.training.fitting._progress import ReportProgress, TrainingProgress
from sketchwidgets.training.inputs.features import PrefixFeatures
from sketchwidgets.training.recognizers.recurrent import RecurrentRecipe, train_recurrent


def fit_recurrent(
    network: None,
    data: Any,
    recipe: RecurrentRecipe,
    folder: str | Path,
    *,
    validation: Any,
    callback: Callable[[TrainingProgress], bool | None] | None,
    callbacks: Sequence[Callback],
    resume: bool,
    progress: bool,
    accelerator: str,
    devices: Any,
    unused: dict[str, tuple[Any, Any]],
    trainer: dict[str, Any],
) -> nn.Module:
    """`train_recurrent` with what `fit` was given.

    unused : arguments of `fit` that a recurrent recipe has no use for, by name: what was given, and what may be.
    trainer : further arguments, of which none may be given. Raises TypeError or ValueError, naming the argument.
    """
    if network is not None:
        raise ValueError("a recurrent recipe makes its own network: give None")
    if trainer:
        raise TypeError(f"{next(iter(trainer))} is no argument of fit with a recurrent recipe")
    for name, (given, only) in unused.items():
        if given != only:
            raise ValueError(f"{name} must be {only!r} with a recurrent recipe, not {given!r}")
    for name, value in (("data", data), ("validation", validation)):
        if not isinstance(value, PrefixFeatures):
            raise TypeError(
                f"{name} of a recurrent recipe must be PrefixFeatures, not {type(value).__name__}"
            )
        if not len(value):
            raise ValueError(f"{name} is empty")
    if data.size != validation.size:
        raise ValueError(f"validation has {validation.size} features of a step, and data has {data.size}")
    told = [] if callback is None else [ReportProgress(callback)]
    return train_recurrent(
        data,
        validation,
        int(max(data.label.max(), validation.label.max())) + 1,
        folder,
        recipe,
        resume=resume,
        progress=progress,
        callbacks=[*callbacks, *told],
        accelerator=accelerator,
        devices=1 if devices == "auto" else devices,
    )
