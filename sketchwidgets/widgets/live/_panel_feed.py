"""Brings the projections of what is shown to the panels, layer by layer."""

from collections.abc import Callable
from typing import Any

from ._outlet import Outlet
from ._recorder import Take
from ._refinement import Refinement
from ._view import View
from .layer_panels import LayerPanels

_SETTINGS = ("rule", "top", "layers")


class PanelFeed(Outlet):
    """Refines the panels of the newest view; what belongs to an older drawing is given up.

    While a stroke is being drawn, panels that are under way are finished before those of its newer points
    begin: given up for every point, they would never be seen.
    """

    def __init__(self, panels: LayerPanels, wake: Callable[[], None]) -> None:
        super().__init__(panels, wake)
        self._view = View()
        self._take: Take | None = None
        self._job: Refinement | None = None
        self._job_of: tuple[View, Any] | None = None
        self._finished: tuple[View, Any] | None = (self._view, self._settings)
        # Whether the page shows no rows, so that none can be in sight; and the first frame that will show some.
        self._blank, self._filling = True, None
        self._rows: tuple[str, ...] = ()
        panels.on_visible(self._look)
        panels.observe(self._adjust, names=_SETTINGS)

    @property
    def layers(self) -> tuple[str, ...] | None:
        """Names of the layers that the user wants to see; None for the default."""
        return None if self.widget.layers is None else tuple(self.widget.layers)

    @property
    def working(self) -> bool:
        """Whether there will be something to project in the next turn."""
        return self._job is not None and not self._job.computed

    def show(self, view: View, take: Take | None) -> None:
        """Make this the view to show. `take` is its recorded pass, if there is one already."""
        if not view.continues(self._view):
            self._job = None
        self._view, self._take = view, take

    def turn(self, record: Callable[[View], Take | None]) -> bool:
        """Do a little: milliseconds of projecting and at most one message. True if there is more to do at once.

        `record` makes the recorded pass of a view that has none; None where it cannot be had.
        """
        if not self.watched and not self.probing:
            if not self.gate.unconfirmed:  # else it waits for the answer to a probe
                self._job = None
            return False
        if self._job is not None and self._job_of[1] != self._settings:
            self._job = None
        if self._job is None and not self._begin(record):
            return False
        job = self._job
        if not job.computed:
            if self._sight is not None:
                job.prefer(self._sight)
            job.advance()
        if job.due and not self.closed:
            self.gate.admit(lambda frame: self._send(job, frame))
        if job.done:
            self._finished, self._job = self._job_of, None
            return True
        return not job.computed

    def give_up(self) -> None:
        """Do nothing more for the view that is shown: it cannot be projected."""
        self._job, self._finished = None, (self._view, self._settings)

    def retry_in(self) -> float | None:
        """Seconds until panels that wait for the page, or were lost, should be tried again; None where none were."""
        if self._view.preview is not None and (self._take is None or self._take.asked != self.layers):
            return None  # the next points bring one
        if self.widget.comm is None:
            return None
        waits = self._job is not None or self._finished != (self._view, self._settings)
        return self.gate.retry_in() if waits or self.gate.unconfirmed else None

    def close(self) -> None:
        """Stop listening to the widget, and send it nothing more."""
        super().close()
        self.widget.on_visible(self._look, remove=True)
        self.widget.unobserve(self._adjust, names=_SETTINGS)

    def let_go(self) -> None:
        """Drop the recorded pass, once nobody works on it."""
        self._job = self._take = None

    @property
    def _settings(self) -> tuple[str, int, tuple[str, ...] | None, int]:
        # What was lost on its way is projected again.
        return self.widget.rule, self.widget.top, self.layers, self.gate.lost

    @property
    def _sight(self) -> tuple[str, ...] | None:
        """The layers in sight; None where nobody knows, as of rows that are still to come."""
        names = self.widget.visible
        return None if self._blank and not names else names

    def _begin(self, record: Callable[[View], Take | None]) -> bool:
        view, settings = self._view, self._settings
        if self._finished == (view, settings) or not (self.gate.open or self.probing):
            return False
        if not view.strokes:
            self.recover()
            self.widget.send_empty()
            self._blank, self._filling = True, None
            self.give_up()
            return False
        if self._take is None or self._take.asked != self.layers:
            self._take = record(view)
        if self._take is None or self.closed:
            return False
        # A stroke in progress will change in a moment, so only what is seen is worth the time.
        job = Refinement(self._take, self.widget.rule, self.widget.top, self._sight, view.preview is None)
        if job.done:
            self.give_up()
            return False
        self._job, self._job_of = job, (view, settings)
        if self._rows != self._take.recording.layers:
            self._rows = self._take.recording.layers
            self.widget.send_rows([(name, _title(self._take, name)) for name in self._rows])
        self.widget.send_paper(view.strokes, self._take.image)
        return True

    def _send(self, job: Refinement, frame: int) -> None:
        self.recover()
        view, _ = self._job_of
        first = not job.started
        if self._filling is None:
            self._filling = frame
        layers = [(name, _title(job.take, name), projection) for name, projection in job.hand_out()]
        self.widget.send_panels(
            view.strokes,
            layers,
            frame=frame,
            rule=job.rule,
            replace=first,
            done=job.done,
            since=view.since if job.done else None,  # the time to the whole of the panels
            size=job.take.image.shape[-1],
        )

    # On comm threads: note it down and leave.

    def _confirm(self, frame: int, latency_ms: float | None) -> None:
        if self._filling is not None and frame >= self._filling:
            self._blank = False
        super()._confirm(frame, latency_ms)

    def _look(self, _names: tuple[str, ...]) -> None:
        self._wake()

    def _adjust(self, _change: Any) -> None:
        self._wake()


def _title(take: Take, layer: str) -> str:
    """The name of a layer with what it is made of: "relu1: 64 maps of 71 x 71"."""
    maps = take.recording.maps(layer).shape[1:]
    return f"{layer}: {maps[0]} maps" + (f" of {maps[1]} × {maps[2]}" if len(maps) == 3 else "")
