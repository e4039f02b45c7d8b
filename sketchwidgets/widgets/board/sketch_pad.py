"""The canvas: pen, touch and mouse in, strokes out."""

import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from traitlets import Int, TraitError, Unicode, validate

from ...sketch import Sketch
from ..parts._base import BundledWidget, MessageError, _register
from ..parts._pages import GONE, Pages
from ._drawing import Drawing, sketch_of
from ._inbox import Inbox


@dataclass(eq=False)
class FewestWanted:
    """That the fewest strokes of the drawing at a revision are wanted; `stopped`: those that are known by now."""

    revision: int
    stopped: bool = False


class SketchPad(BundledWidget):
    """A square board to draw on with pen, touch or mouse, with undo, redo, clear and a stroke scrubber.

    Coordinates are board units: x to the right and y downwards, 0..`board` (default 400), whatever the
    size on screen; t in milliseconds; pressure 0..1. `sketch` may be given to start from.

    Raises TypeError for an unknown keyword, TraitError for a board smaller than 50.

    >>> pad = SketchPad()
    >>> pad.sketch = Sketch([[[100, 100], [300, 300]]])
    >>> pad
    SketchPad(1 stroke)
    >>> pad.undo(), len(pad.sketch)
    (True, 0)
    """

    _kind = Unicode("sketch_pad").tag(sync=True)
    board = Int(400, help="side of the board in its own units").tag(sync=True)

    def __init__(self, sketch: Sketch | None = None, **kwargs: Any) -> None:
        self.drawing = Drawing()
        self._inbox = Inbox()
        self._inbox_lock = threading.RLock()
        self._pages = Pages()
        self._left: threading.Timer | None = None  # looks for strokes whose page has gone
        self._prediction: dict[str, Any] = {"type": "prediction", "frame": None, "step": 0, "top": []}
        self._fewest: dict[str, Any] = {"type": "fewest", "offered": False, "on": False}
        self._fewest_callbacks: list[Callable[[], None]] = []
        self.fewest_wanted: FewestWanted | None = None
        super().__init__(**kwargs)
        if sketch is not None:
            self.sketch = sketch

    def __repr__(self) -> str:
        n = len(self.drawing)
        return f"SketchPad({n} stroke{'' if n == 1 else 's'})"

    @validate("board")
    def _board_is_large_enough(self, proposal: dict[str, Any]) -> int:
        if proposal["value"] < 50:
            raise TraitError(f"board must be at least 50 units, not {proposal['value']}")
        return proposal["value"]

    # The drawing

    @property
    def sketch(self) -> Sketch:
        """The finished strokes as a Sketch, whatever step is scrubbed to. Assigning replaces them (undoable).

        It is timed where all of them came with times, as those that are drawn in the page do. A sketch that leaves
        the board, or fills less than half of its side, is scaled to fit.
        """
        return sketch_of(self.drawing.snapshot().strokes)

    @sketch.setter
    def sketch(self, sketch: Sketch) -> None:
        if not isinstance(sketch, Sketch):
            raise TypeError(f"sketch must be a sketchwidgets.Sketch, not {type(sketch).__name__}")
        self.drawing.replace(_fitted(sketch, self.board), sketch.timed)
        self._send_state()

    def undo(self) -> bool:
        """Take back the newest stroke or clear; False where there is nothing to take back."""
        return self._tell(self.drawing.undo())

    def redo(self) -> bool:
        """Bring back what undo took; False where there is nothing."""
        return self._tell(self.drawing.redo())

    def clear(self) -> bool:
        """Remove all strokes; undo brings them back. False where the board was empty."""
        return self._tell(self.drawing.clear())

    def scrub(self, step: int | None) -> None:
        """Look at the first `step` strokes (1..number of strokes); None returns to the live end.

        Raises ValueError for a step out of range.
        """
        self.drawing.scrub(step)
        self._send_state()

    def on_drawing(self, callback: Callable[[], None], remove: bool = False) -> None:
        """Call `callback()` after each change of `drawing`. Any thread: only set an event in it."""
        self.drawing.listen(callback, remove)

    def _tell(self, changed: bool) -> bool:
        if changed:
            self._send_state()
        return changed

    # To the front end

    def send_prediction(
        self, prediction: Any, *, frame: int | None, since: float | None = None, top: int = 5
    ) -> None:
        """Show a prediction under the drawing; None takes the label away.

        `prediction` is a Prediction; where it is not `known`, its guesses stand small beside "I don't know yet".
        The page confirms `frame` once it is painted; `since` is the `up_ms` of the stroke, from which the page
        measures the latency.
        """
        content: dict[str, Any] = {"type": "prediction", "frame": frame, "step": 0, "top": []}
        if prediction is not None:
            content |= {
                "step": int(prediction.step),
                "provisional": bool(prediction.provisional),
                "known": bool(prediction.known),
                "top": [[str(name), _share(p)] for name, p in prediction.top(top)],
            }
        self._prediction = content
        self.send({**content, "since": since})

    def show_fewest(self, wanted: bool = True) -> None:
        """Find the strokes that are enough for the label of what is seen, and show the others pale; or not any more.

        That is what the button "Fewest strokes" does. It needs a recogniser, as of `sw.link` or in a SketchLab.
        """
        self.fewest_wanted = FewestWanted(self.drawing.snapshot().revision) if wanted else None
        if not wanted and self._fewest["on"]:
            self._fewest = {"type": "fewest", "offered": self._fewest["offered"], "on": False}
            self.send(self._fewest)
        for callback in tuple(self._fewest_callbacks):
            callback()

    def on_fewest(self, callback: Callable[[], None], remove: bool = False) -> None:
        """Call `callback()` when `fewest_wanted` has changed. Any thread: only set an event.

        Where nobody listens any more, the button goes.
        """
        _register(self._fewest_callbacks, callback, remove)
        if not self._fewest_callbacks and self.comm is not None:
            self.offer_fewest(False)

    def offer_fewest(self, offered: bool) -> None:
        """Show the button "Fewest strokes", or not: whether there is somebody to find them."""
        self._fewest = {"type": "fewest", "offered": offered, "on": False}
        self.send(self._fewest)

    def send_fewest(self, *, busy: bool, kept: list[int], text: str, note: str, share: float) -> None:
        """Show which strokes are enough, by their ids, so far as is known; empty where none are known to be.

        text, note : what is said of them. busy : whether the search goes on, with `share` of it done.
        """
        self._fewest = {
            "type": "fewest",
            "offered": True,
            "on": True,
            "busy": busy,
            "kept": kept or None,
            "text": text,
            "note": note,
            "share": share,
        }
        self.send(self._fewest)

    def _send_state(self) -> None:
        with self._inbox_lock:
            snapshot = self.drawing.snapshot()
            undo, redo = self.drawing.history
            content = {
                "type": "state",
                "strokes": [{"id": s.id, "n": len(s.points)} for s in snapshot.strokes],
                "undo": undo,
                "redo": redo,
                "step": snapshot.step,
                # A page drops a state that does not know of its latest strokes, and asks again.
                "seen": self._inbox.seen,
            }
            points = [stroke.points for stroke in snapshot.strokes]
            self.send(content, [np.concatenate(points).tobytes()] if points else None)

    def _send_all(self, content: dict[str, Any]) -> None:
        super()._send_all(content)
        self._send_state()
        # No frame: what is shown again is not a frame that anybody waits for.
        self.send({**self._prediction, "frame": None, "since": None})
        self.send(self._fewest)

    # From the front end

    def _hear(self, client: str) -> None:
        self._pages.hear(client)
        self._finish_left()
        super()._hear(client)

    def _on_hello(self, content: dict[str, Any], buffers: list[Any]) -> None:
        client = _name(content)
        if any(page != client for page in self.drawing.drawing_pages):
            # By a page that was reloaded, which is silent for a moment only as yet, or by another that is open too.
            self._look_later()
        super()._on_hello(content, buffers)

    def _finish_left(self) -> None:
        """Finish the strokes of pages that are gone: no end will come."""
        finished = [
            self.drawing.finish(page) for page in self.drawing.drawing_pages if self._pages.gone(page)
        ]
        if any(finished) and self.comm is not None:
            self._send_state()

    def _look_later(self) -> None:
        if self._left is not None:
            self._left.cancel()
        self._left = threading.Timer(GONE + 0.5, self._finish_left)
        self._left.daemon = True
        self._left.start()

    def close(self) -> None:
        """Close the comm and forget the callbacks, so that nothing keeps the widget alive."""
        if self._left is not None:
            self._left.cancel()
        super().close()

    def _on_points(self, content: dict[str, Any], buffers: list[Any]) -> None:
        self._in_order(content, buffers, self._add_points)

    def _on_undo(self, content: dict[str, Any], buffers: list[Any]) -> None:
        self._in_order(content, buffers, lambda content, buffers: self.drawing.undo())

    def _on_redo(self, content: dict[str, Any], buffers: list[Any]) -> None:
        self._in_order(content, buffers, lambda content, buffers: self.drawing.redo())

    def _on_clear(self, content: dict[str, Any], buffers: list[Any]) -> None:
        self._in_order(content, buffers, lambda content, buffers: self.drawing.clear())

    def _on_scrub(self, content: dict[str, Any], buffers: list[Any]) -> None:
        self._in_order(content, buffers, self._scrub_to)

    def _on_fewest(self, content: dict[str, Any], buffers: list[Any]) -> None:
        self._in_order(content, buffers, lambda content, buffers: self.show_fewest())

    def _on_fewest_off(self, content: dict[str, Any], buffers: list[Any]) -> None:
        self._in_order(content, buffers, lambda content, buffers: self.show_fewest(False))

    def _on_fewest_stop(self, content: dict[str, Any], buffers: list[Any]) -> None:
        self._in_order(content, buffers, lambda content, buffers: self._stop_fewest())

    def _stop_fewest(self) -> None:
        if self.fewest_wanted is not None:
            self.fewest_wanted.stopped = True
        for callback in tuple(self._fewest_callbacks):
            callback()

    def _in_order(self, content: dict[str, Any], buffers: list[Any], apply: Callable[..., Any]) -> None:
        client, number = _name(content), content.get("seq")
        if not isinstance(number, int):
            number = None
        with self._inbox_lock:
            before = self._shared()
            try:
                _apply_all(self._inbox.push(client, number, (content, buffers, apply)))
            finally:
                # The other pages ask for the drawing when they have time for it. Those that are gone cost nothing.
                if self._shared() != before and self._pages.others(client):
                    self.send({"type": "changed", "by": client})

    def _shared(self) -> tuple[Any, ...]:
        """What all pages should show the same of."""
        snapshot = self.drawing.snapshot()
        return snapshot.strokes, snapshot.step, self.drawing.history

    def _on_check(self, content: dict[str, Any], buffers: list[Any]) -> None:
        """The page asks what has arrived, and sends again what has not. `confirmed` is what it was told before."""
        client, confirmed = content.get("client"), content.get("confirmed")
        if not isinstance(client, str) or not isinstance(confirmed, int) or confirmed < 0:
            raise MessageError(f"check needs a page and a number, not {client!r} and {confirmed!r}")
        with self._inbox_lock:
            try:
                _apply_all(self._inbox.confirmed(client, confirmed))
            finally:
                seen = self._inbox.seen[client]
                self.send({"type": "seen", "client": client, "check": content.get("check"), "seen": seen})

    def _scrub_to(self, content: dict[str, Any], buffers: list[Any]) -> None:
        step = content.get("step")
        if step is not None and (not isinstance(step, int) or isinstance(step, bool)):
            raise MessageError(f"scrub needs a stroke number or null, not {step!r}")
        self.drawing.scrub(step)

    def _add_points(self, content: dict[str, Any], buffers: list[Any]) -> None:
        stroke, first = content.get("stroke"), content.get("first", 0)
        if not isinstance(stroke, int) or not isinstance(first, int) or stroke < 0 or first < 0:
            raise MessageError(f"points need a stroke and a first point, not {stroke!r} and {first!r}")
        up_ms = content.get("up_ms")
        if not isinstance(up_ms, int | float) or not math.isfinite(up_ms):
            up_ms = None
        points = _decode_points(buffers, stroke)
        self.drawing.extend(stroke, first, points, bool(content.get("end")), up_ms, _name(content))


def _name(content: dict[str, Any]) -> str | None:
    """The page that a message is from, where it says so."""
    client = content.get("client")
    return client if isinstance(client, str) else None


def _share(probability: float) -> float | None:
    """A probability for JSON, which has no NaN."""
    return round(float(probability), 5) if math.isfinite(probability) else None


def _apply_all(due: Iterable[tuple[dict[str, Any], list[Any], Callable[..., Any]]]) -> None:
    """Apply messages whose turn has come. One that makes no sense keeps none behind it waiting."""
    problem: Exception | None = None
    for content, buffers, apply in due:
        try:
            apply(content, buffers)
        except Exception as error:
            problem = problem or error
    if problem is None:
        return
    if isinstance(problem, ValueError):
        raise MessageError(str(problem)) from problem
    raise problem


def _decode_points(buffers: list[Any], stroke: int) -> np.ndarray:
    """The points of one message, (n, 4) float32; no buffer at all means no points (a bare end of stroke)."""
    if not buffers:
        return np.empty((0, 4), np.float32)
    data = bytes(buffers[0])
    if len(buffers) > 1 or len(data) % 16:
        raise MessageError(
            f"stroke {stroke}: expected one buffer of 16 bytes a point, got {[memoryview(b).nbytes for b in buffers]}"
        )
    points = np.frombuffer(data, "<f4").reshape(-1, 4).astype(np.float32)
    if not np.isfinite(points).all():
        raise MessageError(f"stroke {stroke}: a coordinate is not a finite number")
    np.clip(points[:, 3], 0, 1, out=points[:, 3])
    return points


def _fitted(sketch: Sketch, board: int) -> list[np.ndarray]:
    """The strokes of a sketch in board units: as they are where they fit the board, else scaled to 90 % of it."""
    strokes = [np.array(points, np.float32) for points in sketch.strokes]
    if not strokes:
        return strokes
    x_min, y_min, x_max, y_max = sketch.bounds
    side = max(x_max - x_min, y_max - y_min)
    inside = x_min >= 0 and y_min >= 0 and x_max <= board and y_max <= board
    if inside and (side >= board / 2 or side == 0):
        return strokes
    scale = 0.9 * board / side if side else 1.0
    centre = np.array([x_min + x_max, y_min + y_max], np.float32) / 2
    for points in strokes:
        points[:, :2] = (points[:, :2] - centre) * scale + board / 2
    return strokes
