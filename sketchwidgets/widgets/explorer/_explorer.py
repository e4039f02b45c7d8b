"""Base of the widgets that compute something about a network and a drawing or a picture."""

import os
import threading
import time
from collections.abc import Sequence
from typing import Any

import ipywidgets
from torch import Tensor

from sketchwidgets.models._pictures import as_picture

from ...sketch import Sketch
from ...visualization import Network
from ...visualization.figures import Figure
from ..board._drawing import sketch_of
from ..board.sketch_pad import SketchPad
from ..parts._status_line import StatusLine
from ..parts._worker import Worker
from ..parts.tile_grid import TileGrid
from ._given import network_of
from ._job import Cancelled, Job

_SOON = 0.3  # seconds without a result after which it is said that something is being computed
_EVERY = 0.1  # seconds between two changes of the progress bar


class Explorer(ipywidgets.VBox):
    """Computes on a thread of its own, for the newest drawing and the newest settings, and shows the result.

    A subclass says what to compute (`_compute`) and what to show of it (`_present`), makes its controls, and calls
    `refresh` when one is changed:

        class Norms(Explorer):
            def __init__(self, network=None, source=None):
                self._order = ipywidgets.IntSlider(2, 1, 4, description="order")
                self._order.observe(self.refresh, names="value")
                super().__init__(network, source, controls=[self._order])

            def _compute(self, job):
                return job.image.norm(self._order.value).item()

            def _present(self, result):
                return Figure(f"norm {result:.3g}")

    What `_compute` reads must be there before `super().__init__` is called, which starts the first computation.

    network : a Network, a Recognizer or a torch.nn.Module; None for the bundled recogniser, which is loaded in the
        background.
    source : a SketchPad, which is followed while it is drawn on, a Sketch, a picture as Network.prepare takes
        it, or None.
    controls : widgets above the view. view : where figures are shown, a TileGrid unless one is given; one with
        `show(figure)`, or any widget where `_present` returns None.

    Beside a board, `ipywidgets.HBox([pad, explorer])`, it is below it where there is no room.

    Raises TypeError or ValueError for what is no network and no source.
    """

    # Whether there is nothing to compute without a drawing or a picture.
    _needs_source = True
    # Whether a job is given the network, and its image.
    _needs_network = True
    # Whether a stroke counts while it is being drawn. If not, only its end does.
    _follows_pen = True
    # True also for one whose constructor has failed: there is nothing to close.
    _ended = True
    _invitation = "Draw a stroke, or give a picture as the source."

    def __init__(
        self,
        network: Any = None,
        source: Any = None,
        *,
        controls: Sequence[ipywidgets.Widget] = (),
        view: ipywidgets.DOMWidget | None = None,
    ) -> None:
        # Reentrant, because a result that is shown may change a control, and that asks for the next.
        self._state = threading.Condition(threading.RLock())
        self._loading = threading.Lock()
        self._network = None if network is None else network_of(network, type(self))
        self._source: Any = None
        self._wanted = self._served = 0
        self._job: Job | None = None
        self._ended = False
        self._result: Any = None
        self._figure: Figure | None = None
        self._drawn: tuple[Any, ...] | None = None
        self._status = StatusLine(self._press)
        self.view = TileGrid() if view is None else view
        self.controls = ipywidgets.HBox(
            list(controls),
            layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center", overflow="visible"),
        )
        self.controls.add_class("skw-explorer-controls")
        children = [self._status.line, self._status.notice, self.view]
        super().__init__([self.controls, *children] if controls else children)
        self.add_class("skw-explorer")
        self._worker = Worker(self._work, f"sketchwidgets {type(self).__name__}")
        self._ticker = Worker(self._tick, f"sketchwidgets {type(self).__name__} status")
        self._worker.start()
        self._ticker.start()
        try:
            self.source = source
        except (TypeError, ValueError):
            self.close()
            raise

    def __repr__(self) -> str:
        network = "the bundled recogniser" if self._network is None else self._network.name
        return f"{type(self).__name__}({network}, {type(self._source).__name__})"

    # What a subclass says

    def _compute(self, job: Job) -> Any:
        """The result for `job.image`. On the worker thread: ask `job.cancelled` and tell `job.progress`."""
        raise NotImplementedError

    def _present(self, result: Any) -> Figure | None:
        """The figure to show of a result, also of one given to `job.preview`; None if it is shown already."""
        return result.figure()

    def _default_network(self) -> Network:
        """The network where none is given; loaded when it is needed first."""
        return Network.of(None)

    # What it works on

    @property
    def network(self) -> Network:
        """The network. Assigning takes everything that the constructor takes, and computes again."""
        with self._loading:
            if self._network is None:
                self._network = self._default_network()
            return self._network

    @network.setter
    def network(self, network: Any) -> None:
        made = None if network is None else network_of(network, type(self))
        with self.hold_trait_notifications():
            self._forget(network)
        with self._loading:
            self._network = made
        self.refresh()

    def _forget(self, network: Any) -> None:
        """Drop what was chosen for the network until now; the new one is given as it was assigned."""

    @property
    def source(self) -> Any:
        """The pad, the sketch or the picture. Assigning another one computes again."""
        return self._source

    @source.setter
    def source(self, source: Any) -> None:
        source = getattr(source, "pad", source)  # a SketchLab is followed by its pad
        picture = not (source is None or isinstance(source, SketchPad | Sketch))
        if picture and not (isinstance(source, Tensor) and source.ndim == 4):
            as_picture(source)  # raises for what is no picture, here and not only in the widget
        if isinstance(self._source, SketchPad):
            self._source.on_drawing(self._on_drawing, remove=True)
        self._source = source
        if isinstance(source, SketchPad):
            source.on_drawing(self._on_drawing)
        self.refresh()

    @property
    def result(self) -> Any:
        """The newest complete result, None before the first."""
        return self._result

    @property
    def figure(self) -> Figure | None:
        """The newest figure that was shown, None before the first."""
        return self.view.figure if isinstance(self.view, TileGrid) and self._figure else self._figure

    def save_picture(self, path: str | os.PathLike, scale: float = 2.0) -> None:
        """Write what is shown to a file, PNG, SVG or PDF by its suffix; ValueError where there is nothing yet."""
        if self.figure is None:
            raise ValueError("there is nothing to save yet; settle() waits for the first result")
        self.figure.save(path, scale)

    # What happens

    def refresh(self, _change: Any = None) -> None:
        """Compute again, because a setting has changed; a computation under way is cancelled. Any thread."""
        self._want(supersede=True)

    def _show_again(self, _change: Any = None) -> None:
        """Show the newest result once more, because what `_present` makes of it has changed. Any thread."""
        shown = None
        while self._result is not None and shown is not self._result:  # a newer one may come meanwhile
            shown = self._result
            self._show(shown)

    def cancel(self) -> None:
        """End the computation under way; what it returns nevertheless is shown."""
        with self._state:
            if self._job is not None:
                self._job.stop()

    def settle(self, timeout: float = 60.0) -> bool:
        """Wait until everything asked for is shown, or has failed or been cancelled; False after `timeout` s."""
        with self._state:
            return self._state.wait_for(lambda: self._ended or self._served == self._wanted, timeout)

    def close(self) -> None:
        """Cancel what is under way, end the threads and close the widgets."""
        if self._ended:
            return
        with self._state:
            self._ended = True
            if self._job is not None:
                self._job.stop(superseded=True)
            self._state.notify_all()
        if isinstance(self._source, SketchPad):
            self._source.on_drawing(self._on_drawing, remove=True)
        self._worker.close()
        self._ticker.close()
        self._status.close()
        for widget in (*self.controls.children, self.controls, self.view):
            widget.close()
        super().close()

    def _on_drawing(self) -> None:
        """The pad has changed. Points of a stroke under way give up nothing: for each of them, all would be."""
        snapshot = self._source.drawing.snapshot()
        finished = (snapshot.strokes, snapshot.step)
        with self._state:
            anew, self._drawn = finished != self._drawn, finished
        if anew or self._follows_pen:
            self._want(supersede=anew)

    def _want(self, supersede: bool) -> None:
        with self._state:
            self._wanted += 1
            if supersede and self._job is not None:
                self._job.stop(superseded=True)
        self._worker.wake()

    def _press(self) -> None:
        """The button of the status line: to cancel, or to compute again what was cancelled."""
        with self._state:
            busy = self._job is not None
        if busy:
            self.cancel()
        else:
            self.refresh()

    # On the worker thread

    def _work(self) -> None:
        with self._state:
            serving = self._wanted
            if self._ended or self._served == serving:
                return
            job = self._job = Job(preview=self._show)
        self._ticker.wake()
        said, offer = "", ""
        try:
            if self._prepare(job):
                result = self._compute(job)
                if result is None:
                    job.check()  # it came no further
                if not job.superseded:
                    if job.cancelled:
                        said, offer = "Cancelled: this is how far it came.", "Go again"
                    self._show(result)
                    self._result = result
            else:
                said = self._invitation
                self._show_nothing()
            if not job.superseded:
                self._report(None)
        except Cancelled:
            said, offer = "Cancelled.", "Go again"
        except Exception as error:
            if not job.superseded:
                self._report(error)
        finally:
            with self._state:
                self._job = None
                if not job.superseded:
                    self._told(said, offer)
                self._served = serving
                again = self._served != self._wanted
                self._state.notify_all()
            if again:
                self._worker.wake()

    def _prepare(self, job: Job) -> bool:
        """Give the job its network and its image; False if there is nothing to compute."""
        source = self._source
        if isinstance(source, SketchPad):
            source, job.unfinished = _drawing(source, self._follows_pen)
        job.source = source
        job.sketch = source if isinstance(source, Sketch) else None
        empty = source is None or (job.sketch is not None and not len(job.sketch))
        if empty and self._needs_source:
            return False
        if not self._needs_network:
            return True
        if self._network is None:
            job.progress(0, 0, "loading the recogniser …")
        job.network = self.network
        if not empty:
            job.image = job.network.prepare(source)
        return True

    def _show(self, result: Any) -> None:
        figure = self._present(result)
        if figure is not None:
            self._figure = figure
            self.view.show(figure)

    def _show_nothing(self) -> None:
        """There is no drawing: what was shown of the last one goes."""
        self._result = None
        if self._figure is not None:
            self._figure = None
            self.view.show(Figure())

    def _report(self, error: Exception | None) -> None:
        if not self._ended:
            self._status.show_error(
                error, "" if error is None else f"{type(self).__name__} could not be computed"
            )

    def _told(self, text: str, offer: str) -> None:
        if self._ended:
            return
        if text:
            self._status.show_text(text, offer)
        else:
            self._status.hide()

    # On the thread of the status line

    def _tick(self) -> float | None:
        """Show how far the job is, once it takes long; the seconds until that is to be done again."""
        with self._state:
            job = self._job
            if job is None or self._ended:
                return None
            left = job.started + _SOON - time.monotonic()
            if left > 0:
                return left
            done, total, text = job.state
            if job.cancelled:
                text = "stopping …"
            shown = self._result is not None or self._figure is not None
            self._status.show_progress(done, total, text, over=shown)
        return _EVERY


def _drawing(pad: SketchPad, with_current: bool) -> tuple[Sketch, bool]:
    """What is seen on a pad, up to the stroke that it is scrubbed to; and whether a stroke is under way."""
    snapshot = pad.drawing.snapshot()
    strokes = list(snapshot.visible)
    unfinished = with_current and snapshot.step is None and snapshot.current is not None
    unfinished = unfinished and len(snapshot.current.points) > 0
    if unfinished:
        strokes.append(snapshot.current)
    return sketch_of(strokes), unfinished
