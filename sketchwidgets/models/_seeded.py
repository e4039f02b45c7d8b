"""Random weights from a seed."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """What is drawn inside comes from that seed, and is on the CPU; the generators are afterwards as they were.

    Those of GPUs are not touched at all: `torch.manual_seed` would set them, too.

    >>> with sw.models.seeded(0):
    ...     net = sw.models.create("lenet")
    >>> with sw.models.seeded(0):
    ...     same = sw.models.create("lenet")
    >>> all(torch.equal(a, b) for a, b in zip(net.parameters(), same.parameters()))
    True
    """
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed)
        yield
