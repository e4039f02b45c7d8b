"""Back-pressure: how far the kernel may run ahead of what a front end has painted."""

import threading
import time
from collections.abc import Callable


class Gate:
    """Decides whether a frame may be sent to a front end now: at most `limit` frames are unconfirmed.

    Frames are dropped, never queued: a caller whose frame may not go keeps the newest one and asks again
    after `confirm`, or after `retry_in` seconds. A frame that nobody confirms within `expiry` seconds frees
    its place, so that a view that died cannot block the next one; it also means that nobody is looking, and
    nothing is sent until `hello` (a view has mounted) or a late confirmation (a tab in the background paints
    again).

    Safe to use from several threads: confirmations come in on comm threads, frames go out on the worker's.

    Parameters
    ----------
    limit : frames that may be unconfirmed at once: 2 keeps the lag near the time of one frame.
    expiry : seconds after which an unconfirmed frame counts as lost.
    clock : monotonic seconds; replaced in tests.

    >>> gate = Gate()
    >>> gate.hello()
    >>> gate.issue(), gate.issue(), gate.open
    (1, 2, False)
    >>> gate.confirm(1), gate.open
    (True, True)
    """

    def __init__(
        self, limit: int = 2, expiry: float = 2.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._expiry = expiry
        self._clock = clock
        self._lock = threading.Lock()
        self._sent: dict[int, float] = {}  # frame -> when it was sent, oldest first
        self._last = 0
        self._before = 0  # the last frame before the newest view has mounted
        self._present = False

    def __repr__(self) -> str:
        watched = "watched" if self.present else "unwatched"
        return f"<Gate {watched}, {self.unconfirmed} of {self._limit} unconfirmed>"

    @property
    def present(self) -> bool:
        """Whether somebody looks: a view has mounted, and no frame sent since was lost."""
        with self._lock:
            self._expire()
            return self._present

    @property
    def unconfirmed(self) -> int:
        """Number of frames that are on their way."""
        with self._lock:
            self._expire()
            return len(self._sent)

    @property
    def open(self) -> bool:
        """Whether a frame may be sent now. A hint, to save work; `admit` decides."""
        with self._lock:
            self._expire()
            return self._present and len(self._sent) < self._limit

    def admit(self, send: Callable[[int], None]) -> bool:
        """Call `send(frame)` if a frame may go now; False where none may. One that raises has taken no place."""
        frame = self.issue()
        if frame is None:
            return False
        try:
            send(frame)
        except BaseException:
            self.withdraw(frame)
            raise
        return True

    def issue(self) -> int | None:
        """Take a place for one frame and return its number; None where none may be sent now.

        Ask in no other way before sending: a gate that was `open` may be shut a moment later, as time passes.
        """
        with self._lock:
            self._expire()
            if not self._present or len(self._sent) >= self._limit:
                return None
            self._last += 1
            self._sent[self._last] = self._clock()
            return self._last

    def withdraw(self, frame: int) -> None:
        """Free the place of a frame that was not sent after all: nobody will confirm it, and nobody is missing."""
        with self._lock:
            self._sent.pop(frame, None)

    def confirm(self, frame: int) -> bool:
        """Free the place of a painted frame and of those before it; True if it was still waited for."""
        with self._lock:
            self._present = True
            waited = frame in self._sent
            for earlier in [number for number in self._sent if number <= frame]:
                del self._sent[earlier]
            return waited

    def hello(self) -> None:
        """A view has mounted: frames may go out."""
        with self._lock:
            self._present, self._before = True, self._last

    def retry_in(self) -> float | None:
        """Seconds until the oldest unconfirmed frame is given up; None when none is on its way."""
        with self._lock:
            self._expire()
            if not self._sent:
                return None
            return max(0.0, next(iter(self._sent.values())) + self._expiry - self._clock())

    def _expire(self) -> None:
        now = self._clock()
        lost = [frame for frame, sent in self._sent.items() if now - sent >= self._expiry]
        for frame in lost:
            del self._sent[frame]
        if lost and lost[-1] > self._before:  # older ones may have gone with the view before, as in a reload
            self._present = False
