"""What a reconstruction is asked for, as the user says it: shape and start of the image, channels, seeds, position.

Each is checked here, with an error that names the argument, and comes out in one form.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._errors import ReconstructionError
from ._space import Subject

Position = tuple[int, int] | str | None


def given_images(images: Tensor, size: tuple[int, ...], count: int) -> Tensor:
    """A start (C, H, W), or (n, C, H, W) of one image or one for each that is made, of the right shape."""
    fits = images.ndim == 3 or (images.ndim == 4 and len(images) in (1, count))
    if not fits or tuple(images.shape[-3:]) != size or not torch.isfinite(images).all():
        several = f" or {(count, *size)}" if count > 1 else ""
        raise ReconstructionError(
            f"start must be 'zero', 'noise' or finite images of {size}{several}, not {tuple(images.shape)}"
        )
    return images.detach()


def given_shape(
    shape: Sequence[int] | None, like: Tensor | None, start: Any
) -> tuple[str, tuple[int, int, int]] | None:
    """The argument that says the shape of the image, and the shape; None where none does."""
    named = {"shape": shape, "like": like, "start": start}
    for name, given in named.items():
        if given is None or (isinstance(given, str) and name == "start"):
            continue
        if name != "shape" and not isinstance(given, Tensor):
            raise ReconstructionError(f"{name} must be a tensor (C, H, W), not {type(given).__name__}")
        try:
            sides = tuple(int(side) for side in (given if name == "shape" else given.shape[-3:]))
        except (TypeError, ValueError):
            kind = repr(given) if isinstance(given, str | int | float) else type(given).__name__
            raise ReconstructionError(f"{name} must be (C, H, W), not {kind}") from None
        if len(sides) != 3 or min(sides) < 1:
            raise ReconstructionError(f"{name} must be (C, H, W), not {sides}")
        return name, sides
    return None


def own_shape(subject: Subject) -> tuple[int, int, int]:
    """(C, H, W) as the model itself says it."""
    if subject.size is None:
        raise ReconstructionError("the model does not say what it takes: give shape=(C, H, W) or like=images")
    return (subject.space.channels, *subject.size)


def given_channels(channel: Any, subject: Subject) -> list[int]:
    given = list(channel) if isinstance(channel, list | tuple | range | np.ndarray | Tensor) else [channel]
    channels = []
    for one in given:
        if isinstance(one, str):
            if subject.classes is None or one not in subject.classes:
                known = "this model has no class names" if subject.classes is None else "no such class"
                raise ReconstructionError(f"channel {one!r}: {known}")
            one = subject.classes.index(one)
        try:
            number = int(one)
        except (TypeError, ValueError):
            number = -1
        if isinstance(one, bool) or number != one or number < 0:
            raise ReconstructionError(f"channel must be whole numbers from 0 or class names, not {one!r}")
        channels.append(number)
    if not channels:
        raise ReconstructionError("channel is empty")
    return channels


def given_seeds(seed: Any) -> list[int]:
    given = seed.tolist() if isinstance(seed, np.ndarray | Tensor) else seed
    seeds = list(given) if isinstance(given, list | tuple | range) else [given]
    if not seeds or any(isinstance(one, bool) or not isinstance(one, int) or one < 0 for one in seeds):
        raise ReconstructionError(f"seed must be whole numbers from 0, not {seed!r}")
    return seeds


def check_position(position: Any) -> Position:
    if position is None or position == "all":
        return position
    try:
        row, column = (int(place) for place in position)
    except (TypeError, ValueError):
        raise ReconstructionError(
            f"position must be None, 'all' or (row, column), not {position!r}"
        ) from None
    return row, column
