"""Classes by index and by name."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def class_index(
    target: Any, classes: Sequence[str] | None, count: int, default: int, argument: str = "target"
) -> int:
    """The index of a class, given by index or name; None is the default.

    classes : the names of the outputs, None if they have none. count : of outputs. argument : what errors call it.

    Raises ValueError for what is neither.
    """
    if target is None:
        return int(default)
    if isinstance(target, str):
        if classes is None:
            raise ValueError(
                f"{argument} is {target!r}, but the classes of the network have no names: give an index"
            )
        if target not in classes:
            raise ValueError(f"{argument} {target!r} is not a class of the network")
        return list(classes).index(target)
    if isinstance(target, bool) or not isinstance(target, int | np.integer) or not 0 <= target < count:
        raise ValueError(
            f"{argument} must be the name or the index of one of {count} classes, not {target!r}"
        )
    return int(target)


def class_name(classes: Sequence[str] | None, index: int) -> str:
    """The name of an output; "class 17" where they have no names."""
    return f"class {index}" if classes is None else str(classes[index])
