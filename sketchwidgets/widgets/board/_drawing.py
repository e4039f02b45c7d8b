"""The drawing behind a pad: changed by messages on any thread, read as immutable snapshots."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

import numpy as np

from ...sketch import Sketch

# Steps that undo reaches back. The front end keeps the same number (js/src/strokes.js), and must:
# both sides apply the same operations instead of sending the drawing to and fro.
HISTORY = 1000
MAX_POINTS = 100_000


@dataclass(frozen=True, eq=False)
class Stroke:
    """One stroke: `points` (n, 4) float32 read-only, columns x, y in board units, t in ms, pressure 0..1.

    `up_ms` is the page's clock at pointer-up, None where no pen drew the stroke. `timed`: whether t is known, as of
    all that is drawn in a page; where it is not, it is 0.
    """

    id: int
    points: np.ndarray
    up_ms: float | None = None
    timed: bool = True

    @property
    def known(self) -> np.ndarray:
        """The points as a session takes them: (n, 4), or (n, 2) without times, which may not be made up."""
        return self.points if self.timed else self.points[:, :2]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The drawing at one moment. `step` is the number of strokes looked at when scrubbed back, else None."""

    strokes: tuple[Stroke, ...] = ()
    current: Stroke | None = None
    step: int | None = None
    revision: int = 0

    @property
    def visible(self) -> tuple[Stroke, ...]:
        """The finished strokes up to the scrubbed step, all of them at the live end."""
        return self.strokes[: self.step]


def sketch_of(strokes: Sequence[Stroke]) -> Sketch:
    """Some strokes as a value: timed where every one of them is, and untimed where there are none."""
    timed = bool(strokes) and all(stroke.timed for stroke in strokes)
    return Sketch([stroke.points for stroke in strokes], timed=timed)


_Operation = tuple[Literal["add"], Stroke] | tuple[Literal["clear"], tuple[Stroke, ...]]


class _Growing:
    """A stroke under way: an array with room to spare, so that a snapshot is a view and copies nothing."""

    def __init__(self, stroke_id: int) -> None:
        self.id = stroke_id
        self._points = np.empty((64, 4), np.float32)
        self.length = 0

    def extend(self, points: np.ndarray) -> None:
        needed = self.length + len(points)
        if needed > len(self._points):
            grown = np.empty((max(needed, 2 * len(self._points)), 4), np.float32)
            grown[: self.length] = self._points[: self.length]
            self._points = grown
        self._points[self.length : needed] = points
        self.length = needed

    def stroke(self) -> Stroke:
        """The stroke so far. Later points are written behind this view, never into it."""
        view = self._points[: self.length]
        view.flags.writeable = False
        return Stroke(self.id, view)

    def finish(self, up_ms: float | None) -> Stroke:
        points = self._points[: self.length].copy()
        points.flags.writeable = False
        return Stroke(self.id, points, up_ms)


class Drawing:
    """Strokes with undo, redo, clear and a scrubbed step. Every method may be called from any thread.

    Each page may have a stroke under way; `current` is the one that grew last. Listeners are called without arguments
    after each change, on the thread that made it.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._strokes: tuple[Stroke, ...] = ()
        self._growing: dict[str | None, _Growing] = {}  # by page; the one that grew last is at the end
        self._step: int | None = None
        self._revision = 0
        self._done: deque[_Operation] = deque(maxlen=HISTORY)
        self._undone: list[_Operation] = []
        self._known: set[int] = set()
        self._own_ids = count(1, 2)
        self._listeners: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"Drawing({len(self._strokes)} strokes)"

    def __len__(self) -> int:
        return len(self._strokes)

    def snapshot(self) -> Snapshot:
        """The drawing now; immutable and cheap, also while a long stroke is under way."""
        with self._lock:
            growing = next(reversed(self._growing.values()), None)
            current = None if growing is None else growing.stroke()
            return Snapshot(self._strokes, current, self._step, self._revision)

    @property
    def history(self) -> tuple[int, int]:
        """How many operations undo and redo can reach."""
        with self._lock:
            return len(self._done), len(self._undone)

    def listen(self, callback: Callable[[], None], remove: bool = False) -> None:
        """Call `callback()` after each change; it should only set an event."""
        if not remove:
            self._listeners.append(callback)
        elif callback in self._listeners:
            self._listeners.remove(callback)

    @property
    def drawing_pages(self) -> tuple[str | None, ...]:
        """The pages that have a stroke under way."""
        with self._lock:
            return tuple(self._growing)

    def extend(
        self,
        stroke_id: int,
        first: int,
        points: np.ndarray,
        end: bool = False,
        up_ms: float | None = None,
        page: str | None = None,
    ) -> None:
        """Take points `first`, `first` + 1, ... of a stroke under way in a page; `end` finishes it.

        `points` is (n, 4) float32. Points that are here already are skipped. ValueError where points before
        `first` never came, or where the stroke grows beyond MAX_POINTS.
        """
        with self._lock:
            current = self._growing.get(page)
            if current is None or current.id != stroke_id:
                if stroke_id in self._known:
                    return  # the tail of a stroke that was finished by something newer
                if first > 0:
                    raise ValueError(f"stroke {stroke_id} starts at point {first}, its beginning never came")
                self._finish(page, None)
                current = _Growing(stroke_id)
                self._known.add(stroke_id)
            self._growing.pop(page, None)
            self._growing[page] = current
            if first > current.length:
                raise ValueError(f"stroke {stroke_id}: points {current.length} to {first - 1} are missing")
            if first + len(points) > MAX_POINTS:
                raise ValueError(f"stroke {stroke_id} has more than {MAX_POINTS} points")
            current.extend(points[current.length - first :])
            self._step = None
            if end:
                self._finish(page, up_ms)
            self._revision += 1
        self._notify()

    def finish(self, page: str | None = None) -> bool:
        """Finish the stroke under way in a page that is gone: no end will come. False where there is none."""
        with self._lock:
            if page not in self._growing:
                return False
            self._finish(page, None)
            self._revision += 1
        self._notify()
        return True

    def _finish(self, page: str | None, up_ms: float | None) -> None:
        growing = self._growing.pop(page, None)
        if growing is not None and growing.length:
            self._append(growing.finish(up_ms))

    def _append(self, stroke: Stroke) -> None:
        self._strokes += (stroke,)
        self._done.append(("add", stroke))
        self._undone.clear()

    def undo(self) -> bool:
        """Take back the newest stroke or clear; False where nothing is left. Leaves a scrubbed step."""
        return self._walk(undo=True)

    def redo(self) -> bool:
        """Bring back what undo took; False where nothing is left. Leaves a scrubbed step."""
        return self._walk(undo=False)

    def _walk(self, undo: bool) -> bool:
        with self._lock:
            source, target = (self._done, self._undone) if undo else (self._undone, self._done)
            if not source:
                return False
            kind, payload = operation = source.pop()
            target.append(operation)
            if kind == "clear":
                self._strokes = payload if undo else ()
            else:
                self._strokes = self._strokes[:-1] if undo else (*self._strokes, payload)
            self._step = None
            self._revision += 1
        self._notify()
        return True

    def clear(self) -> bool:
        """Remove all finished strokes (undo brings them back); a stroke under way goes on."""
        return self.replace([])

    def replace(self, strokes: Iterable[np.ndarray], timed: bool = True) -> bool:
        """Put other strokes, each (n, 4) float32, in place of all; undo removes them again, last first.

        timed : whether their times are known.
        """
        arrays = [np.array(points, np.float32) for points in strokes]
        with self._lock:
            if not self._strokes and not arrays:
                return False
            if self._strokes:
                self._done.append(("clear", self._strokes))
                self._undone.clear()
                self._strokes = ()
            for points in arrays:
                points.flags.writeable = False
                # The kernel numbers its strokes odd and the page even: both may do so at the same moment.
                stroke_id = next(i for i in self._own_ids if i not in self._known)
                self._known.add(stroke_id)
                self._append(Stroke(stroke_id, points, timed=timed))
            self._step = None
            self._revision += 1
        self._notify()
        return True

    def scrub(self, step: int | None) -> None:
        """Look at the first `step` strokes only, 1..len; None, or the last step, is the live end."""
        with self._lock:
            if step is not None and not 1 <= step <= len(self._strokes):
                raise ValueError(f"step must be None or between 1 and {len(self._strokes)}, not {step}")
            step = None if step == len(self._strokes) else step
            if step == self._step:
                return
            self._step = step
            self._revision += 1
        self._notify()

    def _notify(self) -> None:
        for callback in tuple(self._listeners):
            callback()
