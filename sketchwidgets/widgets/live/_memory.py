"""Give back to the system what the allocator keeps.

Thousands of passes with tensors of many sizes leave holes in glibc's heap: a kernel that draws all afternoon looks a
tenth larger than what it holds. Other allocators give memory back by themselves.
"""

import ctypes
import functools
from collections.abc import Callable


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # not glibc
        return None


def release_memory() -> bool:
    """Return free pages of the heap to the system; False where the allocator has no such call. Some milliseconds."""
    trim = _malloc_trim()
    if trim is None:
        return False
    trim(0)
    return True
