"""How far a long computation is: a bar for the person, a state for the callback, and what it says about going on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Progress:
    """How far a computation has come: `done` of `total` parts."""

    done: int
    total: int


def progress_bar(total: int, text: str, unit: str, shown: bool) -> Any:
    """A bar of tqdm, empty; to be used in a `with`."""
    from tqdm.auto import tqdm

    return tqdm(total=total, desc=text, unit=unit, disable=not shown)


def goes_on(callback: Callable[[Progress], bool | None] | None, done: int, total: int) -> bool:
    """Tell the callback, if there is one; whether it says to go on."""
    return callback is None or not says_stop(callback(Progress(done, total)))


def says_stop(answer: Any) -> bool:
    """Whether a callback returned False, Python's or NumPy's; None and all else mean to go on."""
    return isinstance(answer, bool | np.bool_) and not answer
