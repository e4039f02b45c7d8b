"""A training as it goes on: curves of loss and accuracy, how fast it is, and buttons that stop and resume it."""

import os
import threading
import time
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets
from traitlets import Enum

from ..parts._curve_chart import STYLE
from ..parts._key_guard import KeyGuard
from ..parts._status_line import StatusLine
from ._training_chart import TrainingChart

if TYPE_CHECKING:
    from lightning.pytorch.callbacks import Callback

    from ...training import History, TrainingProgress

_EVERY = 0.3  # seconds between two changes of what is shown
STATES = ("waiting", "training", "stopping", "stopped", "finished", "failed")
_START = {"waiting": "Start", "failed": "Try again"}


class TrainingMonitor(ipywidgets.VBox):
    """Loss and accuracy of a training while it runs, its rate and the time that is left, a Stop and a Resume button.

    Give it a function that trains, which runs on a thread of its own, so that the kernel stays free:

        monitor = sw.TrainingMonitor(lambda tell: sw.training.fit(network, data, recipe, folder, callback=tell))

    Stop ends it after the step under way; Resume calls the function again, and `fit` goes on where it stopped. Or give
    `monitor.update` as the callback of a `fit` that runs in a cell: the curves grow while the kernel is busy, which may
    hear of the Stop button only afterwards; interrupting it does the same. `monitor.callback()` is for other trainers of
    Lightning.

    Parameters
    ----------
    train : function of one argument, the callback, which `train` must hand on; None to be fed from elsewhere.
    folder : of an earlier `fit`, whose curves are shown at once.
    start : whether `train` starts now. Otherwise the button says Start.

    `state` is a trait: "waiting", "training", "stopping", "stopped", "finished" or "failed". `result` is what `train`
    returned. The curves live in the kernel, so that they are there again when the page is loaded anew.

    Raises TypeError for a `train` that cannot be called, FileNotFoundError for no folder.

    >>> images, labels = np.zeros((8, 12, 12), np.uint8), np.arange(8) % 2
    >>> images[1::2, :8] = 255
    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(144, 2))
    >>> network.input_size = 12
    >>> recipe = sw.training.Recipe(epochs=2, batch_size=4, views=sw.training.Views(size=12))
    >>> def train(tell):
    ...     return sw.training.fit(network, (images, labels), recipe, "runs/seen", callback=tell, progress=False)
    >>> monitor = sw.TrainingMonitor(train)
    >>> monitor.wait(60), monitor.state, monitor.result.step
    (True, 'finished', 4)
    >>> monitor.close()
    """

    state = Enum(STATES, "waiting")
    _closed = True  # also one whose constructor has failed: there is nothing to close

    def __init__(
        self,
        train: Callable[[Callable[["TrainingProgress"], bool]], Any] | None = None,
        folder: str | os.PathLike | None = None,
        *,
        start: bool = True,
    ) -> None:
        if train is not None and not callable(train):
            raise TypeError(f"train must be a function of a callback, not {type(train).__name__}")
        history = None if folder is None else _history(folder)
        self._train = train
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._shown_at = 0.0
        self._progress: TrainingProgress | None = None
        self._validated = -1
        self._closed = False
        self.result: Any = None
        self._make()
        super().__init__([self._style, self._guard, self._controls, self._status.notice, self._row])
        self.add_class("skw-explorer")
        if history is not None:
            self._draw(history, os.path.basename(os.fspath(folder)))
        self.observe(self._offer, "state")
        self._offer()
        if train is not None and start:
            self.start()

    def __repr__(self) -> str:
        progress = self._progress
        done = "" if progress is None else f", step {progress.step} of {progress.steps}"
        return f"TrainingMonitor({self.state}{done})"

    # What feeds it

    def update(self, progress: "TrainingProgress") -> bool:
        """Take in one step; False once Stop was pressed. The `callback` of a training, on any thread."""
        with self._lock:
            if self._closed:
                return not self._stop.is_set()
            self._progress = progress
            if self._thread is None and progress.values and self.state not in ("training", "stopping"):
                self._stop.clear()  # a training of somebody else's has begun
                self.state = "training"
            loss, accuracy = self._charts
            for chart, name in ((loss, "loss"), (accuracy, "accuracy")):
                if name in progress.values:
                    chart.training.add(progress.step, progress.values[name])
            if progress.validation and progress.validated != self._validated:
                self._validated = progress.validated
                for chart, name in ((loss, "loss"), (accuracy, "accuracy")):
                    if name in progress.validation:
                        chart.validation.add(progress.validated, progress.validation[name])
            ends = progress.finished or progress.ended or self._stop.is_set()
            if ends or time.monotonic() - self._shown_at >= _EVERY:
                self._show()
            if self._thread is None and ends:
                self.state = "finished" if progress.finished else "stopped"
            return not self._stop.is_set()

    def callback(self) -> "Callback":
        """A Lightning callback that feeds the monitor, for trainers other than `fit`'s."""
        from ...training import ReportProgress

        return ReportProgress(self.update)

    # What runs it

    def start(self) -> None:
        """Call `train` on a thread of its own, again if it was stopped; nothing where it runs already."""
        with self._lock:
            if self._train is None:
                raise ValueError("there is nothing to start: the monitor was made without train")
            if self._thread is not None or self._closed:
                return
            self._stop.clear()
            self._status.show_error(None)
            self.state = "training"
            self._text.value = _line("preparing …")
            self._thread = threading.Thread(target=self._run, name="sketchwidgets training", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the training after the step under way; `start` goes on with it."""
        with self._lock:
            if self.state == "training":
                self.state = "stopping"
            self._stop.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the thread of the training has ended; False after `timeout` seconds."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def close(self) -> None:
        """Stop the training and close the widgets."""
        if self._closed:
            return
        self.stop()
        with self._lock:
            self._closed = True
        for chart in self._charts:
            chart.close()
        self._status.close()
        own = (self._bar, self._text, self._button, self._controls, self._row, self._style, self._guard)
        for widget in own:
            widget.close()
        super().close()

    def _run(self) -> None:
        state = "failed"
        try:
            self.result = self._train(self.update)
            done = self._progress is not None and self._progress.finished
            # A run that had nothing left to do tells no step.
            done = done or getattr(self.result, "finished", False)
            state = "finished" if done or not self._stop.is_set() else "stopped"
        except Exception as error:
            if not self._closed:
                self._status.show_error(error, "The training has failed")
        finally:
            with self._lock:
                self._thread = None
                if not self._closed:
                    self._show()
                    self.state = state

    # What is shown

    def _draw(self, history: "History", name: str) -> None:
        last = 0.0
        for chart, kind in zip(self._charts, ("loss", "accuracy"), strict=True):
            # Logs count steps from 0, before each; what is told is how many are done.
            for curve, key in ((chart.training, kind), (chart.validation, f"validation_{kind}")):
                if key in history:
                    for step, value in zip(*history[key], strict=True):
                        curve.add(step + 1, value)
                        last = max(last, step + 1)
        for chart in self._charts:
            chart.show(last)
        if last:
            self._text.value = _line(f"step {last:,.0f}, from {escape(name)}")

    def _show(self) -> None:
        progress = self._progress
        self._shown_at = time.monotonic()
        if progress is None:
            self._text.value = _line("")
            return
        for chart in self._charts:
            chart.show(float(progress.steps) if progress.step > 0.5 * progress.steps else 2.0 * progress.step)
        self._bar.value = progress.step / max(1, progress.steps)
        self._text.value = _line(said(progress))

    def _offer(self, _change: Any = None) -> None:
        """The button that fits the state."""
        state, button = self.state, self._button
        button.description = {"training": "Stop", "stopping": "Stopping …"}.get(
            state, _START.get(state, "Resume")
        )
        button.icon = "stop" if state in ("training", "stopping") else "play"
        button.disabled = state == "stopping" or (
            state != "training" and (self._train is None or state == "finished")
        )
        self._bar.bar_style = {"finished": "success", "failed": "danger"}.get(state, "")

    def _press(self, _button: Any) -> None:
        if self.state == "training":
            self.stop()
        elif self._train is not None:
            self.start()

    def _make(self) -> None:
        self._charts = (TrainingChart("Loss"), TrainingChart("Accuracy", (0.0, 1.02), percents=True))
        self._style = ipywidgets.HTML(STYLE, layout=ipywidgets.Layout(display="none"))
        self._guard = KeyGuard()
        self._button = ipywidgets.Button(layout=ipywidgets.Layout(width="112px", flex="0 0 auto"))
        self._button.on_click(self._press)
        self._bar = ipywidgets.FloatProgress(
            min=0, max=1, layout=ipywidgets.Layout(width="160px", min_width="60px", margin="0 10px")
        )
        self._text = ipywidgets.HTML(_line(""), layout=ipywidgets.Layout(min_width="0", flex="1 1 260px"))
        self._status = StatusLine(lambda: None)
        self._controls = ipywidgets.HBox(
            [self._button, self._bar, self._text],
            layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center", overflow="visible"),
        )
        self._controls.add_class("skw-explorer-controls")
        self._row = ipywidgets.HBox(
            [chart.widget for chart in self._charts],
            layout=ipywidgets.Layout(flex_flow="row wrap", overflow="visible"),
        )
        self._row.add_class("skw-curves")


def _history(folder: str | os.PathLike) -> "History":
    from ...training import read_history

    return read_history(os.fspath(folder))


def said(progress: "TrainingProgress") -> str:
    """How far it is, in one line."""
    parts = [f"step {progress.step:,} of {progress.steps:,}"]
    if progress.epoch is not None:
        parts.append(f"epoch {progress.epoch:.1f}")
    if "accuracy" in progress.validation:
        parts.append(f"validation {100 * progress.validation['accuracy']:.1f}\N{NO-BREAK SPACE}%")
    if "rate" in progress.values:
        parts.append(f"learning rate {progress.values['rate']:.2g}")
    if progress.pictures_per_second:
        rate = progress.pictures_per_second
        parts.append(f"{rate:,.0f} pictures/s" if rate >= 10 else f"{rate:.1f} pictures/s")
    if progress.seconds_left and not progress.finished:
        parts.append(f"{clock(progress.seconds_left)} left")
    return " · ".join(parts)


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss, or m:ss.

    >>> clock(75), clock(3725)
    ('1:15', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _line(text: str) -> str:
    return f"<span class='skw-explorer-text'>{text}</span>"
