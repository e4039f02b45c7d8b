"""Finds the fewest strokes that keep the label of what is drawn, a few images at a time, when the pad asks for them."""

import time
from collections.abc import Callable, Iterator, Sequence

from ...recognition import Prediction, Recognizer
from ...recognition._fewest_strokes import FewestStrokes
from ...sketch import Sketch
from ...visualization.input_modification._sparsified_figure import certainty, sentence
from ...visualization.input_modification.sparsify import Sparsified, sparsified
from ..board._drawing import Snapshot, Stroke, sketch_of
from ..board.sketch_pad import FewestWanted, SketchPad

_IMAGES = 4  # of a turn: a stroke that comes meanwhile waits for no more
_EVERY = 0.1  # seconds between two messages of the progress


class FewestFeed:
    """Brings the fewest strokes to the pad that has asked, and gives up when its drawing changes."""

    def __init__(self, pad: SketchPad, wake: Callable[[], None]) -> None:
        self._pad = pad
        self._wake = wake
        self._asked: tuple[FewestWanted, Recognizer] | None = None  # what the search is of
        self._search: FewestStrokes | None = None
        self._turns: Iterator[None] | None = None
        self._strokes: tuple[Stroke, ...] = ()
        self._sketch: Sketch | None = None
        self._told = (0.0, ())  # when and of which strokes the pad was last told
        self._closed = False
        self.result: Sparsified | None = None
        pad.on_fewest(wake)

    @property
    def settled(self) -> bool:
        """Whether all that the pad wants is found, and what it wants no more is forgotten."""
        wanted = self._pad.fewest_wanted
        if wanted is None:
            return self._asked is None
        return self._asked is not None and self._asked[0] is wanted and not self._turns

    def offer(self, offered: bool) -> None:
        """Whether the pad has somebody to ask."""
        if self._pad.comm is not None and not self._closed:
            self._pad.offer_fewest(offered)

    def turn(self, recognizer: Recognizer, predictions: Sequence[Prediction], snapshot: Snapshot) -> bool:
        """Do a little of the search that the pad wants, if it does. True if there is more to do at once."""
        wanted = self._pad.fewest_wanted
        if self._closed:
            return False
        if wanted is None:
            self.let_go()
            return False
        if wanted.revision != snapshot.revision or not snapshot.visible:
            self.let_go()
            self._pad.show_fewest(False)
            return False
        if self._asked != (wanted, recognizer):
            self._asked = (wanted, recognizer)
            self._begin(recognizer, predictions, snapshot)
        if self._turns is None:
            return False
        going_on = not wanted.stopped and next(self._turns, self) is None
        if self._closed:
            return False
        self._tell(going_on)
        if not going_on:
            self.result = sparsified(self._sketch, self._search)
            self._search = self._turns = None
        return going_on

    def give_up(self) -> None:
        """Look no further: it has failed."""
        self.let_go()
        if not self._closed:
            self._pad.show_fewest(False)

    def close(self) -> None:
        """Stop listening to the pad, and tell it nothing more. Any thread, also while a search is at hand."""
        self._closed = True
        self._pad.on_fewest(self._wake, remove=True)

    def let_go(self) -> None:
        """Drop the search and what it has found, once nobody works on it."""
        self._asked = self._search = self._turns = self._sketch = self.result = None
        self._strokes = ()

    def _begin(self, recognizer: Recognizer, predictions: Sequence[Prediction], snapshot: Snapshot) -> None:
        self._strokes, self.result = snapshot.visible, None
        self._sketch = sketch_of(self._strokes)
        self._search = FewestStrokes(
            recognizer,
            list(self._sketch),
            batch_size=_IMAGES,
            # What could not be recognised is tried once more, and says why.
            whole=predictions[: len(self._strokes)] if len(predictions) >= len(self._strokes) else None,
        )
        self._turns = self._search.search()
        self._told = (0.0, ())

    def _tell(self, busy: bool) -> None:
        """Tell the pad what is known, not too often while it goes on, unless it is news."""
        search, now = self._search, time.monotonic()
        if busy and now - self._told[0] < _EVERY and search.kept == self._told[1]:
            return
        self._told = (now, search.kept)
        done, total = search.progress
        found = sparsified(self._sketch, search)
        self._pad.send_fewest(
            busy=busy,
            kept=[self._strokes[i].id for i in search.kept],
            text=sentence(found),
            note="Looking for fewer …" if busy and not search.proven else certainty(found),
            share=done / max(1, total) if busy else 1.0,
        )
