"""How many threads of torch the work of a widget takes, on a machine that it shares."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch


@contextmanager
def fair_threads() -> Iterator[int]:
    """Let torch take no more threads on this thread of Python than there are processors free; gives how many.

    torch takes as many threads as there are processors, in every kernel. Where a class draws on one server, or one
    kernel trains while another draws, threads then wait for threads that have no processor, and all work stands still.
    What is computed is small: on an idle machine of two cores a second thread saves a seventh of a panel's time.
    """
    before = torch.get_num_threads()
    fair = min(before, free_processors())
    if fair == before:
        yield before
        return
    # Of this thread only; restored, since threads that begin later would take it over.
    torch.set_num_threads(fair)
    try:
        yield fair
    finally:
        torch.set_num_threads(before)


def free_processors() -> int:
    """Processors that this process may use and that others have left idle over the last minute, at least 1."""
    try:
        busy = os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has none
        busy = 0.0
    return max(1, round(min(_allowed(), (os.cpu_count() or 1) - busy)))


@cache
def _allowed() -> int:
    """Processors by affinity and by the quota of a container, which torch does not know of."""
    import joblib  # takes a while, and not all that imports this has work to do

    return joblib.cpu_count()
