"""Lightning without its advice: what it says of loaders and intervals does not hold for how it is used here."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = ("lightning.pytorch", "lightning.fabric")


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Lightning says nothing below a warning, and no warnings of its own; errors are raised as ever."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for module in (r"lightning\.", r"torch\.", r"tensorboard", r"torchmetrics\."):
                warnings.filterwarnings("ignore", module=module)
            # Given on behalf of whoever calls, so that no module tells them.
            warnings.filterwarnings("ignore", message=r".*(LeafSpec|isinstance\(treespec).*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
