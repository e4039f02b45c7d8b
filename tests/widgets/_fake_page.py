"""Plays the page of one widget: mounts a view, draws, receives what is sent, and confirms it as told."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np


class Page:
    """`confirms` says when frames are: "at once", "never" (a view that died), or "later", by `confirm`.

    It checks what must hold of every widget: no frame comes while two are unconfirmed.
    """

    def __init__(self, widget: Any, confirms: str = "at once", mounted: bool = True) -> None:
        self.widget = widget
        self.confirms = confirms
        self.messages: list[dict[str, Any]] = []
        self.buffers: list[Any] = []
        self.unconfirmed: list[tuple[int, float | None]] = []
        self.most_unconfirmed = 0
        self._changed = threading.Condition()
        self._strokes = 0
        widget.send = self._receive
        if mounted:
            self.mount()

    def mount(self) -> None:
        """A view appears, as after opening or reloading the page; what it waited for is forgotten."""
        self.unconfirmed.clear()
        self.say({"type": "hello"})

    def say(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        self.widget._receive(self.widget, content, buffers)

    def draw(self, points: Any, end: bool = True, stroke: int | None = None, first: int = 0) -> int:
        """Send points of a stroke, a new one unless its number is given; with `end` the pen is lifted."""
        if stroke is None:
            self._strokes += 2
            stroke = self._strokes
        points = np.asarray(points, np.float32)
        rows = np.zeros((len(points), 4), np.float32)
        rows[:, : points.shape[1]] = points
        rows[:, 3] = 1
        content = {"type": "points", "stroke": stroke, "first": first, "end": end}
        if end:
            content["up_ms"] = 1000.0 + stroke
        self.say(content, [rows.tobytes()])
        return stroke

    def confirm(self) -> None:
        """Confirm all frames that have come."""
        frames, self.unconfirmed = list(self.unconfirmed), []
        for frame, since in frames:
            self.say({"type": "ack", "frame": frame, "latency_ms": None if since is None else 5.0})

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The messages of one type so far."""
        with self._changed:
            return [message for message in self.messages if message["type"] == kind]

    def last(self, kind: str) -> dict[str, Any] | None:
        return next(iter(reversed(self.of(kind))), None)

    def wait(self, condition: Callable[["Page"], Any], seconds: float = 20.0) -> None:
        """Wait until a condition on this page holds; AssertionError with the newest messages if not."""
        end = time.monotonic() + seconds
        while not condition(self):
            assert time.monotonic() < end, f"never came to pass; the newest messages: {self.messages[-3:]}"
            with self._changed:
                self._changed.wait(0.02)

    def _receive(self, content: dict[str, Any], buffers: list[Any] | None = None) -> None:
        frame = content.get("frame")
        with self._changed:
            self.messages.append(content)
            self.buffers.append(buffers)
            if frame is not None:
                self.unconfirmed.append((frame, content["since"]))
                self.most_unconfirmed = max(self.most_unconfirmed, len(self.unconfirmed))
            self._changed.notify_all()
        if frame is not None and self.confirms == "at once":
            self.confirm()
