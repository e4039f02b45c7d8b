"""Sends the newest of what a page lacks: at once if it has painted what was sent before, else as soon as it may."""

import weakref
from collections.abc import Callable
from typing import Any

from ._gate import Gate
from ._worker import Worker


class Newest:
    """Stands between a widget that has something newer to show, as often as it likes, and its page.

    A frame that may not go yet goes with the page's next confirmation; or when one that is on its way is given up,
    since the view that was to paint it may be gone, and nothing else would ever ask again. What was given up is sent
    again, for it may have been the message that was lost and not the view.

    Parameters
    ----------
    send : a bound method that is given the number of a frame and sends it, with what is the newest then; and whether all
        has to be sent, because the page may lack what was sent before. Its owner is not kept alive.
    lock : held while it sends; reentrant.

    Any thread may call it.
    """

    def __init__(self, send: Callable[[int, bool], None], lock: Any) -> None:
        self._send = weakref.WeakMethod(send)
        self._lock = lock
        self._gate = Gate()
        self._waits = False
        self._lost = 0  # frames, as far as they were sent again
        self._worker: Worker | None = None
        self._watched = False  # whether the worker will look by itself as soon as anything changes
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
            self._waits, self._lost, self._watched = False, self._gate.lost, False
            if client != self._client:
                # Another page, mostly the same one reloaded: what went to the one before holds nothing up.
                for frame in range(self._forgotten + 1, self._last + 1):
                    self._gate.withdraw(frame)
                self._client, self._forgotten = client, self._last

    def hear(self) -> None:
        """The page has said something, so it is there."""
        if not self._gate.present:
            self._gate.hear()
            with self._lock:
                self._watched = False
                self._flush()

    def confirm(self, frame: int, _latency_ms: float | None = None) -> None:
        """A frame has been painted."""
        self._gate.confirm(frame)
        with self._lock:
            self._flush()

    def close(self) -> None:
        """Send nothing more. Closing twice is harmless."""
        with self._lock:
            self._closed, self._waits = True, False
            worker = self._worker
        if worker is not None:
            worker.close()

    def _flush(self) -> None:
        send = self._send()
        if self._closed or send is None:
            return
        lost = self._gate.lost
        if self._waits or lost != self._lost:
            self._gate.admit(lambda frame: self._go(send, frame, lost))
        if not self._watched and self._gate.retry_in() is not None:
            self._watched = True
            if self._worker is None:
                self._worker = Worker(self._watch, "sketchwidgets page watch")
                self._worker.start()
            self._worker.wake()

    def _go(self, send: Callable[[int, bool], None], frame: int, lost: int) -> None:
        # First: what cannot be packed would else be tried again and again, and keep back all that comes after it.
        whole = lost != self._lost
        self._waits, self._lost, self._last = False, lost, frame
        send(frame, whole)

    def _watch(self) -> float | None:
        """On the worker's thread, as long as frames are on their way: try again as soon as one is given up."""
        with self._lock:
            self._watched = True
            self._flush()
            wait = None if self._closed else self._gate.retry_in()
            self._watched = wait is not None
            return wait
