"""Back-pressure: how far the kernel may run ahead of what a front end has painted."""

import threading
import time
from collections.abc import Callable

# Seconds from when nobody looks, as it seems, to a frame that finds out whether it is so, and to the next ones: what was
# lost may have been the frame or its confirmation, and not the view. After the last one a view must speak first.
PROBES = (5.0, 10.0, 20.0, 40.0, 80.0)


class Gate:
    """Decides whether a frame may be sent to a front end now: at most `limit` frames are unconfirmed.

    Frames are dropped, never queued: a caller whose frame may not go keeps the newest one and asks again
    after `confirm`, or after `retry_in` seconds. A frame that nobody confirms within `expiry` seconds frees
    its place, so that a view that died cannot block the next one; it also means that nobody is looking, and
    nothing is sent until `hello` (a view has mounted), `hear` (the page has said anything else) or a late
    confirmation (a tab in the background paints again), but for a few probes.

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
        self._lost = 0
        self._probes = 0  # how many were sent since somebody was there
        self._gone_since: float | None = None

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
    def lost(self) -> int:
        """Number of frames so far that the view may not have got."""
        with self._lock:
            self._expire()
            return self._lost

    @property
    def probing(self) -> bool:
        """Whether it is time to find out, by one frame, whether somebody looks after all."""
        with self._lock:
            self._expire()
            return self._probe_in() == 0.0

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
        """Call `send(frame)` if a frame or a probe may go now, else False. One that raises has taken no place."""
        frame = self.issue()
        if frame is None:
            frame = self._issue_probe()
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
            return self._number()

    def _issue_probe(self) -> int | None:
        with self._lock:
            self._expire()
            if self._probe_in() != 0.0:
                return None
            self._probes += 1
            return self._number()

    def _number(self) -> int:
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
            self._be_present()
            waited = frame in self._sent
            for earlier in [number for number in self._sent if number <= frame]:
                del self._sent[earlier]
            return waited

    def hello(self) -> None:
        """A view has mounted: frames may go out."""
        with self._lock:
            self._before = self._last
            self._be_present()

    def hear(self) -> None:
        """The page of a view has said something, so it is there; news only after a `hello`."""
        with self._lock:
            if self._present or self._gone_since is not None:
                self._be_present()

    def _be_present(self) -> None:
        self._present, self._gone_since, self._probes = True, None, 0

    def retry_in(self) -> float | None:
        """Seconds until the oldest unconfirmed frame is given up, or until a probe; None where nothing will change."""
        with self._lock:
            self._expire()
            if not self._sent:
                return self._probe_in()
            return max(0.0, next(iter(self._sent.values())) + self._expiry - self._clock())

    def _expire(self) -> None:
        now = self._clock()
        lost = [frame for frame, sent in self._sent.items() if now - sent >= self._expiry]
        for frame in lost:
            del self._sent[frame]
        if lost and lost[-1] > self._before:  # older ones may have gone with the view before, as in a reload
            self._lost += len(lost)
            if self._present or self._gone_since is not None:
                self._present, self._gone_since = False, now

    def _probe_in(self) -> float | None:
        """Seconds until a probe may go; None where none will."""
        if self._gone_since is None or self._sent or self._probes == len(PROBES):
            return None
        return max(0.0, self._gone_since + PROBES[self._probes] - self._clock())
