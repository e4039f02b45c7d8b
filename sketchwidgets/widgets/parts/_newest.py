"""Sends the newest of what a page lacks: at once if it has painted what was sent before, else as soon as it may."""

import threading
import weakref
from collections.abc import Callable
from typing import Any

from ._gate import Gate


class Newest:
    """Stands between a widget that has something newer to show, as often as it likes, and its page.

    A frame that may not go yet goes with the page's next confirmation; or when one that is on its way is given up,
    since the view that was to paint it may be gone, and nothing else would ever ask again.

    Parameters
    ----------
    send : a bound method that is given the number of a frame and sends it, with what is the newest then. Its owner is
        not kept alive.
    lock : held while it sends; reentrant.

    Any thread may call it.
    """

    def __init__(self, send: Callable[[int], None], lock: Any) -> None:
        self._send = weakref.WeakMethod(send)
        self._lock = lock
        self._gate = Gate()
        self._waits = False
        self._timer: threading.Timer | None = None
        self._closed = False
        self._client: Any = None
        self._last = self._forgotten = 0  # the last frame, and the last one of a page before

    def offer(self) -> None:
        """There is something newer."""
        with self._lock:
            self._waits = True
            self._flush()

    def hello(self, client: Any) -> None:
        """A view has mounted, and is sent everything: nothing waits any more."""
        with self._lock:
            self._gate.hello()
            self._waits = False
            if client != self._client:
                # Another page, mostly the same one reloaded: what went to the one before holds nothing up.
                for frame in range(self._forgotten + 1, self._last + 1):
                    self._gate.withdraw(frame)
                self._client, self._forgotten = client, self._last

    def confirm(self, frame: int, _latency_ms: float | None = None) -> None:
        """A frame has been painted."""
        self._gate.confirm(frame)
        with self._lock:
            self._flush()

    def close(self) -> None:
        """Send nothing more. Closing twice is harmless."""
        with self._lock:
            self._closed, self._waits = True, False
            if self._timer is not None:
                self._timer.cancel()

    def _flush(self) -> None:
        send = self._send()
        if not self._waits or self._closed or send is None:
            return
        if not self._gate.admit(lambda frame: self._go(send, frame)):
            self._again(self._gate.retry_in())

    def _go(self, send: Callable[[int], None], frame: int) -> None:
        # First: what cannot be packed would else be tried again and again, and keep back all that comes after it.
        self._waits, self._last = False, frame
        send(frame)

    def _again(self, seconds: float | None) -> None:
        if seconds is None or self._timer is not None:
            return  # nobody looks, or it is coming
        self._timer = threading.Timer(seconds, _ring, (weakref.ref(self),))
        self._timer.daemon = True
        self._timer.start()

    def _retry(self) -> None:
        with self._lock:
            self._timer = None
            self._flush()


def _ring(newest: "weakref.ref[Newest]") -> None:
    alive = newest()
    if alive is not None:
        alive._retry()
