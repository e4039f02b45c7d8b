"""Running a network as it is used, whatever mode it is in."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def eval_mode(network: nn.Module) -> Iterator[None]:
    """The network in eval mode, and afterwards every module of it in the mode it was in."""
    was_training = [module for module in network.modules() if module.training]
    try:
        network.eval()
        yield
    finally:
        for module in was_training:
            module.training = True
