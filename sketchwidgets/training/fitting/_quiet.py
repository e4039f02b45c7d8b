"""Lightning without its advice, which does not hold for how it is used here, and with interrupts that lose nothing."""

import logging
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

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


@contextmanager
def interrupts(stop: Callable[[], None], alone: bool) -> Iterator[None]:
    """The first interrupt (Ctrl+C, or the kernel's) calls `stop`; KeyboardInterrupt is raised once the body has ended.

    A second one ends the body at once. Lightning would end the whole process, and leave a kernel that no longer takes
    interrupts. `alone` : whether there is no other process, which would have to stop at the very same step.
    """
    if not alone or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    came = 0

    def handle(_number: int, _frame: Any) -> None:
        nonlocal came
        came += 1
        if came > 1:
            raise KeyboardInterrupt
        stop()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    except SystemExit:
        if not came:
            raise
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt("the training was interrupted; the same call goes on with it")
