"""One owned thread that sleeps until it is woken."""

import logging
import threading
import weakref
from collections.abc import Callable

from ._threads import fair_threads

_log = logging.getLogger(__name__)

# Seconds that close() waits for the work at hand: a stroke takes less, and a cell that closes a widget goes on soon.
_BRIEFLY = 0.5

# Seconds that the interpreter waits for it at its exit: one layer of a large network on a slow machine.
_PATIENCE = 5.0


class Worker:
    """Runs a bound method on one daemon thread, once for each batch of `wake` calls.

    Any number of wake-ups while the method runs lead to one more run, so the method must look at the state of
    things and not count events. It may return the seconds after which it wants to run again though nobody
    woke it, or None.

    The thread holds the method's owner only while it works, and ends when the owner is dropped. At the
    interpreter's exit it is stopped before the modules that it uses are torn down.

    Parameters
    ----------
    work : a bound method without arguments that returns seconds or None.
    name : name of the thread.
    """

    def __init__(self, work: Callable[[], float | None], name: str) -> None:
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(
            target=_run, args=(weakref.WeakMethod(work), self._wake, self._closed), name=name, daemon=True
        )
        # Also runs at exit, and must not hold the worker, which is why it is given the parts.
        self._stop = weakref.finalize(work.__self__, _stop, self._thread, self._wake, self._closed)

    def __repr__(self) -> str:
        return f"<Worker {self._thread.name!r}, {'alive' if self.alive else 'ended'}>"

    @property
    def alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread, once the owner is complete. Earlier calls of `wake` are not lost."""
        self._thread.start()

    def wake(self) -> None:
        """Ask for a run; returns at once, callable from any thread."""
        self._wake.set()

    def close(self) -> None:
        """End the thread: at once if it sleeps, else after the work at hand, for which this waits only briefly.

        Closing twice is harmless. The thread itself may do it too.
        """
        # Not by the finalizer, which is kept for a thread that is still at work when the interpreter exits.
        _stop(self._thread, self._wake, self._closed, _BRIEFLY)


def _stop(
    thread: threading.Thread, wake: threading.Event, closed: threading.Event, patience: float = _PATIENCE
) -> None:
    closed.set()
    wake.set()
    if thread.is_alive() and thread is not threading.current_thread():
        thread.join(patience)


def _run(method: weakref.WeakMethod, wake: threading.Event, closed: threading.Event) -> None:
    timeout = None
    while True:
        wake.wait(timeout)
        wake.clear()
        if closed.is_set():
            return
        work = method()
        if work is None:
            return
        try:
            with fair_threads():
                timeout = work()
        except Exception:
            _log.exception("the work of thread %r failed", threading.current_thread().name)
            timeout = None
        del work
