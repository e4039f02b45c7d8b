"""One widget that the engine feeds: whether somebody looks, whether a frame may go, which error it shows."""

from collections import deque
from collections.abc import Callable

from ..parts._base import BundledWidget
from ..parts._gate import Gate


class Outlet:
    """A widget behind a gate. `wake` is called whenever the page has mounted a view or confirmed a frame.

    latencies : milliseconds from pointer-up to painted, of the newest thousand frames that had a pointer-up.
    """

    def __init__(self, widget: BundledWidget, wake: Callable[[], None]) -> None:
        self.widget = widget
        self.gate = Gate()
        self.latencies: deque[float] = deque(maxlen=1000)
        self.views = 0  # how many views have mounted so far
        self.closed = False
        self._wake = wake
        self._error: str | None = None
        widget.on_hello(self._greet)
        widget.on_ack(self._confirm)
        widget.on_heard(self._hear)
        if widget.greeted:  # shown before it was linked; should that view be gone, the first frames expire
            self._greet()

    @property
    def watched(self) -> bool:
        """Whether the widget is open and somebody looks at it, and this feeds it."""
        return not self.closed and self.widget.comm is not None and self.gate.present

    @property
    def probing(self) -> bool:
        """Whether nobody seems to look, and one frame may find out whether that is so."""
        return not self.closed and self.widget.comm is not None and self.gate.probing

    def report(self, error: Exception, title: str) -> None:
        """Show an error in the widget. One that is shown already is not sent again."""
        key = f"{title}: {type(error).__name__}: {error}"
        if key != self._error and self.widget.comm is not None and not self.closed:
            self._error = key
            self.widget.send_error(error, title)

    def recover(self) -> None:
        """Take back the error that `report` has shown."""
        if self._error is not None and self.widget.comm is not None and not self.closed:
            self._error = None
            self.widget.send_error(None)

    def close(self) -> None:
        """Stop listening to the widget, and send it nothing more. Any thread, also while there is work at hand."""
        self.closed = True
        self.widget.on_hello(self._greet, remove=True)
        self.widget.on_ack(self._confirm, remove=True)
        self.widget.on_heard(self._hear, remove=True)

    # On comm threads: note it down and leave.

    def _greet(self) -> None:
        self.gate.hello()
        self.views += 1
        self._wake()

    def _hear(self) -> None:
        if not self.gate.present:  # a frame or its confirmation was lost, and not the view
            self.gate.hear()
            self._wake()

    def _confirm(self, frame: int, latency_ms: float | None) -> None:
        self.gate.confirm(frame)
        if latency_ms is not None:
            self.latencies.append(latency_ms)
        self._wake()
