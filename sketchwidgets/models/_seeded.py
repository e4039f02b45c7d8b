"""Seeds that leave the random generators of whoever calls as they were."""

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


@contextmanager
def kept_generators() -> Iterator[None]:
    """Those of the CPU and of all GPUs are afterwards as they were, whatever seeds training has set inside.

    >>> before = torch.initial_seed()
    >>> with sw.models.kept_generators():
    ...     _ = torch.manual_seed(before + 1)
    >>> torch.initial_seed() == before
    True
    """
    of_mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    # All by number: `fork_rng` by itself warns where there are several.
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            yield
        finally:
            if of_mps is not None:
                torch.mps.set_rng_state(of_mps)
