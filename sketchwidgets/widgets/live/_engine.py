"""The way of a stroke: from the board to a prediction and to the panels of every layer."""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import torch

from ...recognition import Recognizer, Session
from ...visualization import Network, Sparsified
from ..board._drawing import Snapshot
from ..board.sketch_pad import SketchPad
from ..parts._worker import Worker
from ._fewest_feed import FewestFeed
from ._memory import release_memory
from ._panel_feed import PanelFeed
from ._prediction_feed import PredictionFeed
from ._recorder import Recorder, Take
from ._view import View
from .layer_panels import LayerPanels
from .recognition import Recognition

Loadable = Recognizer | Callable[[], Recognizer] | str | os.PathLike | None

# Seconds between two provisional predictions while panels are being computed.
_PREVIEW_PAUSE = 0.04

# Strokes between two times that free memory goes back to the system.
_STROKES_A_RELEASE = 100


class LiveEngine:
    """Recognises what is drawn on a pad and shows it in pad, charts and panels, on a thread of its own.

    It follows the state of the drawing, not its events: on each wake-up it compares the finished strokes with
    those its session holds, takes back what is gone and adds what is new, one stroke at a time and in order,
    so that none is ever dropped. What is only shown (panels, a stroke in progress) is the newest or nothing.
    Predictions go first; panels follow in turns of milliseconds, and stop when the drawing has changed.

    An exception of the recogniser or of a projection is shown in the widget, and the engine goes on with the
    next change. Closing the pad closes the engine.

    Parameters
    ----------
    recognizer : a Recognizer; or what `Recognizer.load` takes, or a function without arguments that loads
        one, called on the thread; None for the bundled weights.
    pad : the SketchPad to follow.
    recognition, panels : the Recognition and the LayerPanels to feed, each optional.

    >>> pad, panels = SketchPad(), LayerPanels()
    >>> engine = LiveEngine(None, pad, panels=panels)
    """

    def __init__(
        self,
        recognizer: Loadable,
        pad: SketchPad,
        recognition: Recognition | None = None,
        panels: LayerPanels | None = None,
    ) -> None:
        self._wanted: Callable[[], Recognizer] | None = _loader(recognizer)
        self._recognizer: Recognizer | None = None
        self._session: Session | None = None
        self._held: list[int] = []  # ids of the strokes in the session
        self._seen: int | None = None  # revision of the drawing that was dealt with
        self._previewed = 0.0  # when the last provisional prediction was made
        self._unreleased = 0  # strokes recognised since memory was last given back
        self._recorder = Recorder()
        self._settled = threading.Condition()
        self._working = False
        self._closing = False
        self._worker = Worker(self._work, name="sketchwidgets live engine")
        self._pad = pad
        self._predictions = PredictionFeed(pad, recognition, self._worker.wake)
        self._panels = None if panels is None else PanelFeed(panels, self._worker.wake)
        self._feeds = [self._predictions] if self._panels is None else [self._predictions, self._panels]
        self._fewest = FewestFeed(pad, self._worker.wake)
        pad.on_drawing(self._worker.wake)
        pad.observe(self._pad_closed, names="comm")
        self._worker.start()
        self._worker.wake()

    def __repr__(self) -> str:
        state = "closed" if self._closing else "loading" if self._session is None else "live"
        return f"<LiveEngine {state}, {len(self._held)} strokes>"

    @property
    def recognizer(self) -> Recognizer | None:
        """The recogniser in use, None while it loads. Assigning another one recognises the drawing anew."""
        return self._recognizer

    @recognizer.setter
    def recognizer(self, recognizer: Loadable) -> None:
        load = _loader(recognizer)
        with self._settled:
            self._wanted = load
        self._worker.wake()

    @property
    def session(self) -> Session | None:
        """The session that follows the drawing, to be read and not to be changed; None while loading."""
        return self._session

    @property
    def sparsified(self) -> Sparsified | None:
        """The fewest strokes, once found, while the pad shows them; else None."""
        return self._fewest.result

    @property
    def latencies(self) -> dict[str, list[float]]:
        """Milliseconds from pointer-up to painted, oldest first: "prediction", and "panels" of all layers."""
        panels = [] if self._panels is None else list(self._panels.latencies)
        return {"prediction": list(self._predictions.latencies), "panels": panels}

    def settle(self, timeout: float = 60.0) -> bool:
        """Wait until all that is drawn is recognised, or has failed to be; False after `timeout` seconds."""
        with self._settled:
            return self._settled.wait_for(self._is_settled, timeout)

    def close(self) -> None:
        """End the thread and let go of the session and the widgets. Closing twice is harmless.

        The widgets are sent nothing more. What is at hand, a stroke or the loading of a recogniser, is brought to its
        end on the thread, which is not waited for if that takes long.
        """
        with self._settled:
            if self._closing:
                return
            self._closing = True
            idle = not self._working
            self._settled.notify_all()
        self._pad.on_drawing(self._worker.wake, remove=True)
        self._pad.unobserve(self._pad_closed, names="comm")
        for feed in self._feeds:
            feed.close()
        self._fewest.close()
        if idle:
            self._let_go()  # else the thread does it, which still works with them
        self._worker.close()

    def _let_go(self) -> None:
        self._wanted = self._recognizer = self._session = None
        self._recorder.take()
        self._fewest.let_go()
        if self._panels is not None:
            self._panels.let_go()

    def _pad_closed(self, change: dict[str, Any]) -> None:
        if change["new"] is None:
            self.close()

    def _is_settled(self) -> bool:
        if self._closing:
            return True
        if self._working or self._wanted is not None:
            return False
        if self._session is None:
            return True
        return self._seen == self._pad.drawing.snapshot().revision and self._fewest.settled

    # From here on: on the worker's thread only

    def _work(self) -> float | None:
        with self._settled:
            if self._closing:
                return None
            self._working = True
        try:
            while not self._closing and self._turn():
                pass
            if self._unreleased >= _STROKES_A_RELEASE:
                self._unreleased = 0
                release_memory()
        finally:
            with self._settled:
                self._working = False
                self._settled.notify_all()
                closing = self._closing
            if closing:
                self._let_go()
        return min((wait for feed in self._feeds if (wait := feed.retry_in()) is not None), default=None)

    def _turn(self) -> bool:
        """Do the most urgent thing; True if there is more to do at once."""
        if not self._ready() or self._closing:
            return False
        snapshot = self._pad.drawing.snapshot()
        behind = False
        try:
            if snapshot.revision != self._seen:
                behind = self._recognize(snapshot)
                self._predictions.recover()
            self._predictions.deliver()
        except Exception as error:
            if len(self._session) != len(self._held):
                self._start_session()  # the step was left half done
            self._seen = snapshot.revision  # tried again when the drawing changes
            self._predictions.report(error, "The drawing could not be recognised")
        if self._closing:
            return False
        return behind or self._turn_panels() or self._turn_fewest()

    def _turn_panels(self) -> bool:
        if self._panels is None:
            return False
        try:
            return self._panels.turn(self._record)
        except Exception as error:
            self._panels.give_up()
            self._panels.report(error, "The layers could not be projected")
            return True

    def _turn_fewest(self) -> bool:
        snapshot = self._pad.drawing.snapshot()
        if self._pad.fewest_wanted is not None and self._seen != snapshot.revision:
            return True  # changed since, and to be recognised first
        try:
            return self._fewest.turn(self._recognizer, self._session.predictions, snapshot)
        except Exception as error:
            self._fewest.give_up()
            self._predictions.report(error, "The fewest strokes could not be found")
            return False

    def _ready(self) -> bool:
        """Whether there is a recogniser; loads the one that is wanted."""
        with self._settled:
            load, self._wanted = self._wanted, None
        if load is None:
            return self._recognizer is not None
        self._pad.send_status("Loading the recogniser ...")
        try:
            self._recognizer = load()
            self._recorder.default = _few_layers(self._recognizer)
            self._start_session()
            self._predictions.recover()
            self._fewest.offer(isinstance(self._recognizer, Recognizer))
            with contextlib.suppress(Exception):  # it will be shown at the first stroke
                self._warm_up()
        except Exception as error:
            self._predictions.report(error, "The recogniser could not be loaded")
        finally:
            self._pad.send_status("")
        return self._recognizer is not None

    def _warm_up(self) -> None:
        """Pay for what the first pass sets up once, so that the first stroke is not the slow one."""
        size, device = self._recognizer.preprocessing.size, self._recognizer.device
        take = self._recorder.record(self._recognizer.cnn, torch.zeros(1, 1, size, size, device=device))
        self._recorder.take()
        take.recording.project(take.recording.layers[-1])

    def _start_session(self) -> None:
        self._session = self._recognizer.session(forward=self._recorder)
        self._held.clear()
        self._seen = None

    def _recognize(self, snapshot: Snapshot) -> bool:
        """Bring the session up to the drawing by one stroke at most; True if more are missing."""
        held, session = self._held, self._session
        common = 0
        for stroke, held_id in zip(snapshot.strokes, held, strict=False):
            if stroke.id != held_id:
                break
            common += 1
        if not common and held:
            session.clear()
            held.clear()
        while len(held) > common:
            session.undo()
            held.pop()
        missing = snapshot.strokes[common:]
        since = None
        if missing:
            since = missing[0].up_ms
            # Only the pass of the last stroke will be looked at, and only where nothing else is.
            last = len(missing) == 1 and snapshot.step is None and snapshot.current is None
            self._arm(last)
            session.add(missing[0].known)
            held.append(missing[0].id)
            self._unreleased += 1
        if len(missing) > 1:
            self._show(View(session.predictions, since=since))
            return True
        if snapshot.step is not None:
            self._show(View(session.predictions, snapshot.step))
        elif snapshot.current is not None and len(snapshot.current.points):
            if self._pausing() and not missing:
                return False  # and not seen: the points are looked at after a few more turns
            self._arm(True)
            preview = session.preview(snapshot.current.points)
            self._previewed = time.monotonic()
            self._show(View(session.predictions, preview=preview, stroke=snapshot.current.id))
        else:
            self._show(View(session.predictions, since=since))
        self._seen = snapshot.revision
        return False

    def _pausing(self) -> bool:
        """Whether panels under way should get some time before the next provisional prediction."""
        working = self._panels is not None and self._panels.working
        return working and time.monotonic() - self._previewed < _PREVIEW_PAUSE

    def _arm(self, wanted: bool) -> None:
        """Have the next pass of the session recorded, where somebody will see its panels."""
        self._recorder.take()
        self._recorder.armed = wanted and self._panels is not None and self._panels.watched
        if self._recorder.armed:
            self._recorder.layers = self._panels.layers

    def _show(self, view: View) -> None:
        self._predictions.show(view)
        if self._panels is not None:
            self._panels.show(view, self._recorder.take())

    def _record(self, view: View) -> Take | None:
        """One pass of a view that was recognised unrecorded: scrubbed or undone to, or unseen before."""
        if view.preview is not None:
            return None  # the next points bring one
        self._recorder.layers = self._panels.layers
        self._recorder.record(self._recognizer.cnn, self._session.image(view.step))
        return self._recorder.take()


def _few_layers(recognizer: Recognizer) -> tuple[str, ...] | None:
    """The layers to look at by default; None, for every activation, where the network itself cannot tell."""
    try:
        return Network.of(recognizer).layers()
    except Exception:  # what is wrong with it will be shown at the first stroke
        return None


def _loader(recognizer: Loadable) -> Callable[[], Recognizer]:
    if recognizer is None or isinstance(recognizer, str | os.PathLike):
        return lambda: Recognizer.load(recognizer)
    if hasattr(recognizer, "session"):
        return lambda: recognizer
    if callable(recognizer):
        return recognizer
    raise TypeError(
        "recognizer must be a Recognizer, the name or path of one, a function that loads one, or None, "
        f"not {type(recognizer).__name__}"
    )
