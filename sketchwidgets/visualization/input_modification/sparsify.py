"""Sparsified drawings: the fewest strokes by which a recogniser still knows what is drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sketchwidgets.recognition import Recognizer
from sketchwidgets.recognition._fewest_strokes import FewestStrokes
from sketchwidgets.sketch import Sketch

from .._progress import progress_bar, says_stop
from ..figures import Figure
from ..network._classes import class_index
from ._stroke_frame import checked_sketch, some_strokes


@dataclass(frozen=True, eq=False, repr=False)
class Sparsified:
    """The fewest strokes of a drawing that keep its label; made by `sparsify`. S strokes.

    drawing : the whole of it. label, name : the class that is to be kept on top, its index and its name.
    kept : the strokes that are enough, rising; empty where no choice that was tried has the label on top.
    probability : of the label for those strokes alone; NaN for none.
    proven : whether it is certain that fewer are not enough. at_least : fewer than that many are not.
    order : (S,) the strokes as they can go, first to last, those kept as the last to go.
    curve : (S,) float64, the probability where 1, 2, ... S strokes are left in that order; NaN where the work was
        ended before. on_top : (S,) bool, whether the label then is the top one.
    steps : (S,) the probability after each stroke as it was drawn. prefix : strokes of the shortest beginning that
        has the label on top and keeps it to the end (Sarvadevabhatla et al. 2016 sparsify so); 0 for none.
    recognized : images that went through the network.
    """

    drawing: Sketch
    label: int
    name: str
    kept: tuple[int, ...]
    probability: float
    proven: bool
    at_least: int
    order: tuple[int, ...]
    curve: np.ndarray
    on_top: np.ndarray
    steps: np.ndarray
    prefix: int
    recognized: int

    @cached_property
    def sketch(self) -> Sketch:
        """Only the strokes that are kept."""
        return some_strokes(self.drawing, self.kept)

    @property
    def removed(self) -> tuple[int, ...]:
        """The strokes that are not needed, rising."""
        return tuple(sorted(set(range(len(self.drawing))) - set(self.kept)))

    def left(self, count: int) -> tuple[int, ...]:
        """The strokes that are left when all but `count` have gone in `order`, rising; ValueError out of 1 to S."""
        if not 1 <= count <= len(self.drawing):
            raise ValueError(f"count must be between 1 and {len(self.drawing)}, not {count}")
        return tuple(sorted(set(range(len(self.drawing))) - set(self.order[: len(self.drawing) - count])))

    def sentence(self) -> str:
        """What was found, for a reader."""
        from ._sparsified_figure import sentence

        return sentence(self)

    def figure(self, side: int = 224) -> Figure:
        """The drawing with the needed strokes strong and the others pale, for every number of strokes left."""
        from ._sparsified_figure import sparsified_figure

        return sparsified_figure(self, side)

    def __repr__(self) -> str:
        return f"Sparsified({self.name!r}, {len(self.kept)} of {len(self.drawing)} strokes)"

    def _repr_html_(self) -> str:
        return self.figure().to_html()


@dataclass(frozen=True)
class SparsifyState:
    """How far the search is: images `done` of at most `total`. result : what would be returned now."""

    done: int
    total: int
    result: Sparsified


def sparsify(
    recognizer: Recognizer | None,
    sketch: Sketch,
    label: int | str | None = None,
    *,
    limit: int = 4095,
    beam: int = 32,
    batch_size: int = 32,
    progress: bool = True,
    callback: Callable[[SparsifyState], bool | None] | None = None,
) -> Sparsified:
    """Find the fewest strokes of a drawing that are still recognised as what the whole is.

    The second application of Sarvadevabhatla et al., Enabling My Robot To Play Pictionary (MM 2016): sparsified, yet
    recognisable sketches. They cut a drawing short where its label is settled (`prefix` of the result); here any
    strokes may go. Those that stay are recognised in their drawing order as a drawing of their own, every prefix of
    them in its own box: exactly `recognizer.recognize(result.sketch)`. The smallest such choice is sought by size,
    all choices of one stroke, of two, ...; of several, the most probable is taken. Drawings of up to 12 strokes are
    always solved exactly by the default limit, longer ones where few strokes are enough; `proven` says so.

    Parameters
    ----------
    recognizer : a `Recognizer`; None for the bundled one.
    sketch : the drawing, of at least one stroke.
    label : name or index of the class to keep; None: that of the whole drawing. Another one may be on top for some
        choice of strokes, or for none.
    limit : images that may go through the network to try all choices, each of which costs one; half as many more
        may follow the most promising ones, and the order in which strokes can go comes on top.
    beam : choices of each size that are followed where not all can be tried.
    batch_size : images that go through the network at once; bounds the memory.
    progress : show a progress bar.
    callback : called after each batch with a `SparsifyState`; returning False ends the work, and the best that is
        known by then is returned.

    Raises ValueError or TypeError, naming the argument.

    >>> sketch = sw.Sketch([[(0, 0), (30, 0), (30, 30), (0, 30), (0, 0)], [(10, 40), (20, 40)], [(5, 5), (9, 9)]])
    >>> result = sw.sparsify(None, sketch, progress=False)
    >>> result.proven, 1 <= len(result.kept) <= 3
    (True, True)
    >>> recognizer = sw.Recognizer.load()
    >>> recognizer.recognize(result.sketch)[-1].label == recognizer.recognize(sketch)[-1].label
    True
    """
    if recognizer is not None and not isinstance(recognizer, Recognizer):
        raise TypeError(f"recognizer must be a Recognizer or None, not {type(recognizer).__name__}")
    for name, value in (("limit", limit), ("beam", beam), ("batch_size", batch_size)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    sketch = checked_sketch(sketch)
    recognizer = Recognizer.load() if recognizer is None else recognizer
    count = len(recognizer.classes)
    index = None if label is None else class_index(label, recognizer.classes, count, 0, "label")
    search = FewestStrokes(recognizer, list(sketch), index, limit, beam, batch_size)
    with progress_bar(0, "fewest strokes", "image", progress) as bar:
        for work in (search.search, search.let_go):
            for _ in work():
                done, bar.total = search.progress
                bar.update(done - bar.n)
                if callback is None:
                    continue
                if says_stop(callback(SparsifyState(done, bar.total, sparsified(sketch, search)))):
                    return sparsified(sketch, search)
    return sparsified(sketch, search)


def sparsified(sketch: Sketch, search: FewestStrokes) -> Sparsified:
    """What a search has found so far."""
    count, choices = len(sketch), search.choices
    left = tuple(range(count))
    curve, on_top = np.full(count, np.nan), np.zeros(count, bool)
    curve[-1], on_top[-1] = search.steps[-1], search.steps_on_top[-1]
    for gone in search.order[: count - 1]:
        left = tuple(i for i in left if i != gone)
        curve[len(left) - 1], on_top[len(left) - 1] = choices.probability[left], choices.on_top[left]
    # Where the order is not known yet, those that are not needed go first.
    unordered = [i for kept in (False, True) for i in left if (i in search.kept) == kept]
    known = [] if len(search.order) == count else unordered
    return Sparsified(
        drawing=sketch,
        label=search.label,
        name=choices.recognizer.classes[search.label],
        kept=search.kept,
        probability=search.probability,
        proven=search.proven,
        at_least=search.at_least,
        order=(*search.order, *known),
        curve=curve,
        on_top=on_top,
        steps=search.steps,
        prefix=search.prefix,
        recognized=choices.recognized,
    )
