"""The random generators of whoever asks for a study."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def kept_generators() -> Iterator[None]:
    """Those of the CPU and of all GPUs are afterwards as they were, whatever seeds training has set inside.

    >>> from sketchwidgets.studies._generators import kept_generators
    >>> before = torch.initial_seed()
    >>> with kept_generators():
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
