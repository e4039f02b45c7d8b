"""Brings the newest prediction to the pad and to the charts, as fast as the page paints and no faster."""

from collections.abc import Callable

from ..board.sketch_pad import SketchPad
from ._outlet import Outlet
from ._view import View
from .recognition import Recognition


class PredictionFeed(Outlet):
    """Shows the newest view only: one that waits for the page is replaced by a newer one."""

    def __init__(self, pad: SketchPad, recognition: Recognition | None, wake: Callable[[], None]) -> None:
        super().__init__(pad, wake)
        self._recognition = recognition
        self._view = View()
        self._painted = self._news  # what the pad was sent last
        self._charted = self._view

    @property
    def _news(self) -> tuple[View, int, int]:
        """What is to be shown, after how many hellos and lost frames: each of them is a reason to send it again."""
        return self._view, self.views, self.gate.lost

    def show(self, view: View) -> None:
        """Make this the view to show; `deliver` sends it."""
        self._view = view

    def deliver(self) -> None:
        """Send the newest view if it is news and the page is not behind."""
        if self.closed:
            return
        view, news = self._view, self._news
        if news != self._painted and self.widget.comm is not None:
            if self.gate.admit(
                lambda frame: self.widget.send_prediction(view.prediction, frame=frame, since=view.since)
            ):
                self._painted = news
            elif self.watched:
                return
        # The charts have no confirmation of their own, so they follow the pace of the pad. Where nobody looks
        # at a pad, the drawing changes at the pace of Python and there is nothing to hold back.
        if view is not self._charted:
            if self._recognition is not None and self._recognition.comm is not None:
                self._recognition.update(view.predictions, view.step, view.preview)
            self._charted = view

    def retry_in(self) -> float | None:
        """Seconds until a view that waits for the page, or was lost, should be tried again; None where none was."""
        if self.widget.comm is None or (self._news == self._painted and not self.gate.unconfirmed):
            return None
        return self.gate.retry_in()
