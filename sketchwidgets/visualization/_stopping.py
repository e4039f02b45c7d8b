"""What a callback says about going on."""

from typing import Any

import numpy as np


def says_stop(answer: Any) -> bool:
    """Whether a callback returned False, Python's or NumPy's; None and all else mean to go on."""
    return isinstance(answer, bool | np.bool_) and not answer
