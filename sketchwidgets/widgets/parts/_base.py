"""What every widget of the bundle shares: the bundle itself, hello and ack, errors shown to the user."""

import os
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
from traitlets import Unicode

STATIC = Path(__file__).parents[2] / "static"


class MessageError(ValueError):
    """A message of the front end that makes no sense. It is ignored and the widget says why."""


def bundled(name: str) -> str | Path:
    """Text of a built file; its path when ANYWIDGET_HMR=1, so that anywidget reloads it on change.

    The text is the rule because a path starts a watcher thread that keeps closed widgets alive.
    """
    path = STATIC / name
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: this copy of sketchwidgets was never bundled. "
            "Run `make bundle` in the checkout (it needs node), or install a release."
        )
    return path if os.environ.get("ANYWIDGET_HMR") == "1" else path.read_text(encoding="utf-8")


class BundledWidget(anywidget.AnyWidget):
    """Base of the widgets: dispatches messages to `_on_<type>` methods and never loses an exception."""

    _esm = bundled("sketchwidgets.js")
    _css = bundled("sketchwidgets.css")
    _kind = Unicode().tag(sync=True)

    def __init__(self, **kwargs: Any) -> None:
        # First, because close() needs them, also for a widget that was never completed.
        self.greeted = False  # whether a view has ever appeared
        self._hello_callbacks: list[Callable[[], None]] = []
        self._ack_callbacks: list[Callable[[int, float | None], None]] = []
        self._heard_callbacks: list[Callable[[], None]] = []
        self._error: dict[str, Any] = {"type": "error", "title": None}
        self._status: dict[str, Any] = {"type": "status", "text": ""}
        unknown = sorted(set(kwargs) - set(self.class_trait_names()))
        if unknown:
            name = type(self).__name__
            own = sorted(n for n in type(self).class_own_traits() if not n.startswith("_"))
            raise TypeError(
                f"{name}() got unexpected keyword arguments {', '.join(map(repr, unknown))}. "
                f"Check the spelling; {name} knows {', '.join(own)} and the traits of every ipywidget "
                "(layout, tooltip, ...)."
            )
        super().__init__(**kwargs)
        self.on_msg(self._receive)

    # To the front end

    def send_error(self, error: BaseException | None, title: str | None = None) -> None:
        """Show an exception in the widget, its traceback folded; None takes it away again."""
        if error is None:
            if self._error["title"] is None:
                return
            self._error = {"type": "error", "title": None}
        else:
            folded = "" if isinstance(error, MessageError) else "".join(traceback.format_exception(error))
            self._error = {
                "type": "error",
                "title": title or type(error).__name__,
                "message": str(error) or type(error).__name__,
                "traceback": folded,
            }
        self.send(self._error)

    def send_status(self, text: str) -> None:
        """Show one short line, such as "loading the recogniser ..."; an empty text takes it away."""
        self._status = {"type": "status", "text": text}
        self.send(self._status)

    # From the front end

    def on_hello(self, callback: Callable[[], None], remove: bool = False) -> None:
        """Call `callback()` when a view appears. It may run on any thread: only set an event in it."""
        _register(self._hello_callbacks, callback, remove)

    def on_ack(self, callback: Callable[[int, float | None], None], remove: bool = False) -> None:
        """Call `callback(frame, latency_ms)` once a frame is painted; the latency counts from pointer-up."""
        _register(self._ack_callbacks, callback, remove)

    def on_heard(self, callback: Callable[[], None], remove: bool = False) -> None:
        """Call `callback()` before any message of a page that says its name. Any thread: only set an event."""
        _register(self._heard_callbacks, callback, remove)

    def _hear(self, _client: str) -> None:
        for callback in tuple(self._heard_callbacks):
            callback()

    def _receive(self, _widget: Any, content: Any, buffers: Sequence[Any] | None) -> None:
        """Dispatch one message. Runs on whatever thread the comm used, so the handlers must be quick."""
        kind = content.get("type") if isinstance(content, dict) else None
        if kind is None:
            return  # not ours: other code may talk over the same comm
        try:
            handler = getattr(self, f"_on_{kind}", None) if isinstance(kind, str) else None
            if handler is None:
                raise MessageError(f"unknown message type {kind!r}")
            if isinstance(client := content.get("client"), str):
                self._hear(client)
            handler(content, list(buffers or []))
        except MessageError as error:
            self.send_error(error, "A message from the page was ignored")
        except Exception as error:  # a traceback raised here would be invisible in JupyterLab
            self.send_error(error, f"Could not handle the message {kind!r}")

    def _on_hello(self, content: dict[str, Any], buffers: list[Any]) -> None:
        self.greeted = True
        self._send_all(content)
        for callback in tuple(self._hello_callbacks):
            callback()

    def _on_ack(self, content: dict[str, Any], buffers: list[Any]) -> None:
        frame, latency = content.get("frame"), content.get("latency_ms")
        if not isinstance(frame, int) or isinstance(frame, bool):
            raise MessageError(f"ack needs an integer frame, not {frame!r}")
        if not isinstance(latency, int | float) or isinstance(latency, bool):
            latency = None
        for callback in tuple(self._ack_callbacks):
            callback(frame, latency)

    def _send_all(self, content: dict[str, Any]) -> None:
        """Answer a hello: everything a view needs that was just made. Subclasses add their own state."""
        self.send(self._status)
        self.send(self._error)

    def close(self) -> None:
        """Close the comm and forget the callbacks, so that nothing keeps the widget alive."""
        self._hello_callbacks.clear()
        self._ack_callbacks.clear()
        self._heard_callbacks.clear()
        super().close()


def _register(callbacks: list[Any], callback: Any, remove: bool) -> None:
    if not remove:
        callbacks.append(callback)
    elif callback in callbacks:
        callbacks.remove(callback)
