"""Whether what is on the disk belongs to the training that is asked for: by its recipe, and by digests of its data."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sketchwidgets.training.checkpoints.tensor_file import CheckpointError

AGAIN = "Give another folder, or resume=False to start again"
_MOST = 512


def digest(parts: Iterable[Any]) -> str:
    """32 characters that tell these bytes, one after the other, from others."""
    made = hashlib.blake2b(digest_size=16)
    for part in parts:
        made.update(part)
    return made.hexdigest()


def some_of(count: int) -> np.ndarray:
    """Numbers below `count`, spread over all: those whose contents a trace looks at.

    >>> from sketchwidgets.training.checkpoints.belonging import some_of
    >>> len(some_of(8)), len(some_of(100_000))
    (8, 512)
    """
    return np.unique(np.linspace(0, count - 1, min(count, _MOST)).astype(np.int64))


def changed(known: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Names of the fields of `now` that `known` has otherwise, or not at all."""
    return [name for name in now if _plain(known.get(name)) != _plain(now[name])]


def check_recipe(path: Path, known: Any, now: Mapping[str, Any], again: str = AGAIN) -> None:
    """Raise CheckpointError, naming the fields, where the recipe `known` in a file is not the one of now."""
    known = known if isinstance(known, Mapping) else {}
    other = changed(known, now)
    if other:
        was = ", ".join(f"{name} {known.get(name)!r}" for name in other)
        wanted = ", ".join(f"{now[name]!r}" for name in other)
        raise CheckpointError(f"{path} belongs to another recipe: {was}, now {wanted}. {again}")


def check_data(path: Path, known: Any, now: Mapping[str, Any], again: str = AGAIN) -> None:
    """Raise CheckpointError where a trace of data in a file is not the one of now; what either does not know is alike."""
    if not isinstance(known, Mapping):
        return
    for what in now:
        if None not in (known.get(what), now[what]) and known[what] != now[what]:
            raise CheckpointError(f"{path} belongs to another training, with other {what}. {again}")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return list(map(_plain, value)) if isinstance(value, tuple | list) else value
