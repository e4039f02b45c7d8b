"""The fewest strokes of a drawing that keep a label on top: a search among the choices of its strokes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, groupby, islice
from math import comb

import numpy as np
import torch
from torch import Tensor

from sketchwidgets.recognition._prediction import Prediction
from sketchwidgets.recognition._recognizer import Recognizer

Choice = tuple[int, ...]  # strokes, rising: they are seen in their drawing order

_STATES = 1 << 26  # bytes of recurrent states that are held


def in_batches(choices: Sequence[Choice], size: int) -> Iterator[Sequence[Choice]]:
    """Successive parts of at most `size`."""
    for start in range(0, len(choices), size):
        yield choices[start : start + size]


class Choices:
    """What a recogniser says of choices of the strokes of one drawing.

    A choice is recognised as a drawing of its own, each of its prefixes in its own box, but all choices that begin
    with the same strokes share the steps of those: a choice costs one image and one step, whatever its length. The
    images are drawn anew each, in a small part of the time that the CNN takes for them.

    probability, on_top : of the choices recognised so far the probability of the label, and whether it is the label.
    """

    def __init__(
        self, recognizer: Recognizer, strokes: Sequence[np.ndarray], label: int, batch_size: int = 32
    ) -> None:
        self.recognizer, self.strokes, self.label = recognizer, list(strokes), label
        self.batch_size = batch_size
        self.recognized = 0  # images that went through the network
        self._sizes: Counter[int] = Counter()  # choices of each size that are known
        self.probability: dict[Choice, float] = {}
        self.on_top: dict[Choice, bool] = {}
        first = torch.stack(recognizer.recurrent.initial_state(1), 1)[0]
        self._states: dict[Choice, Tensor] = {(): first}  # (parts, hidden_size) each
        self._most = max(1, _STATES // first.nbytes)

    def __len__(self) -> int:
        return len(self.strokes)

    def unknown(self, size: int) -> int:
        """How many choices of so many strokes are not recognised yet."""
        return comb(len(self.strokes), size) - self._sizes[size]

    def ask(self, choices: Iterable[Choice]) -> Iterator[None]:
        """Recognise those that are not known yet; yields after each batch."""
        wanted: dict[Choice, None] = {}
        for choice in choices:
            if choice in self.probability:
                continue
            while choice not in self._states and choice not in wanted:
                wanted[choice] = None
                choice = choice[:-1]
        for _, alike in groupby(sorted(wanted, key=len), key=len):
            for batch in in_batches(list(alike), self.batch_size):
                self._step(batch)
                yield
        # The oldest are forgotten, but for that of the empty drawing, from which all others can be had again.
        too_many = len(self._states) - 1 - self._most
        for old in list(islice(self._states, 1, 1 + too_many)) if too_many > 0 else ():
            del self._states[old]

    def _step(self, batch: Sequence[Choice]) -> None:
        """Recognise choices of one length whose beginnings are known."""
        before = torch.stack([self._states[choice[:-1]] for choice in batch], 1)
        drawings = [[self.strokes[i] for i in choice] for choice in batch]
        probabilities, state = self.recognizer._step(drawings, tuple(before))
        of_label = probabilities[:, self.label].tolist()
        tops = probabilities.cpu().numpy().argmax(1)  # the first of equals, as in `Prediction.label`
        self._sizes[len(batch[0])] += sum(choice not in self.probability for choice in batch)
        for choice, share, top, row in zip(batch, of_label, tops, torch.stack(state, 1), strict=True):
            self.probability[choice], self.on_top[choice] = share, bool(top == self.label)
            self._states[choice] = row
        self.recognized += len(batch)


class FewestStrokes:
    """Searches for the smallest choice of strokes whose recognition has the label on top.

    First a choice that no single stroke can leave (strokes let go one by one, from the last to the first), which is a
    bound; then all choices of one stroke, of two, and so on, as long as the limit allows, and after that only the
    most promising ones. Where all choices of fewer strokes are known to fail, what was found is proven the smallest;
    of several, the most probable is taken.

    Parameters
    ----------
    recognizer : whom to ask. strokes : (points, >=2) each, at least one.
    label : index of the class; None for the one that the whole drawing is taken for.
    limit : images that may go through the network to try all choices; 4095 are all of 12 strokes. Half as many
        more may follow the most promising ones.
    beam : choices of each size that are followed where not all can be.
    batch_size : images that go through the network at once.
    whole : what `recognizer.recognize(strokes)` gives, where it is known already.

    kept : the best choice so far; empty where the label was never on top.
    at_least : all choices of fewer strokes than that have failed.
    order : strokes in the order in which they can go, with what is kept as the last to go; filled by `let_go`.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        strokes: Sequence[np.ndarray],
        label: int | None = None,
        limit: int = 4095,
        beam: int = 32,
        batch_size: int = 32,
        whole: Sequence[Prediction] | None = None,
    ) -> None:
        whole = recognizer.recognize(strokes) if whole is None else whole
        final = whole[-1].probabilities
        self.label = int(final.argmax()) if label is None else label
        self.choices = Choices(recognizer, strokes, self.label, batch_size)
        self.limit, self.beam = limit, beam
        self.steps = np.array([step.probabilities[self.label] for step in whole], np.float64)
        self.steps_on_top = np.array([step.probabilities.argmax() == self.label for step in whole])
        self.at_least = 1
        self.order: list[int] = []
        self.kept: Choice = tuple(range(self.prefix))
        self._expected = 0

    @property
    def prefix(self) -> int:
        """Strokes of the shortest beginning that has the label on top and keeps it there to the end; 0 for none."""
        lost = np.flatnonzero(~self.steps_on_top)
        return 0 if not self.steps_on_top[-1] else int(lost[-1]) + 2 if len(lost) else 1

    @property
    def probability(self) -> float:
        """Of the label, for what is kept; NaN for nothing."""
        if not self.kept:
            return np.nan
        known = self.choices.probability.get(self.kept)
        return float(self.steps[len(self.kept) - 1]) if known is None else known

    @property
    def proven(self) -> bool:
        """Whether there is no smaller choice; where nothing is kept, none at all."""
        return self.at_least >= (len(self.kept) or len(self.choices) + 1)

    @property
    def progress(self) -> tuple[int, int]:
        """Images that went through the network, and how many that will be, at most."""
        return self.choices.recognized, max(self.choices.recognized, self._expected)

    def search(self) -> Iterator[None]:
        """Find the fewest; yields after each batch, and may be left at any of them."""
        everything = tuple(range(len(self.choices)))
        self._expect(1)
        if self.kept:
            yield from self._thin_out(self.kept)
            if self.prefix < len(everything):
                yield from self._thin_out(everything)
        yield from self._by_size()

    def let_go(self) -> Iterator[None]:
        """An order in which the strokes can go: those not needed first, then what is kept. Yields as `search`.

        Next goes the stroke without which the label is the most probable. Where to try all would cost more than the
        limit it is the last one.
        """
        left = tuple(range(len(self.choices)))
        for removable in (set(left) - set(self.kept), set(self.kept)):
            cost = len(removable) ** 2 * len(left) / 6
            while removable and len(left) > 1:
                tried = removable if cost <= self.limit else {max(removable)}
                fewer = {tuple(i for i in left if i != gone): gone for gone in sorted(tried)}
                yield from self.choices.ask(fewer)
                left = max(fewer, key=lambda choice: self.choices.probability[choice])
                self.order.append(fewer[left])
                removable.discard(fewer[left])
        self.order.extend(left)

    def _better(self, choice: Choice) -> bool:
        """Whether a choice has the label on top and is smaller, or as small and more probable, than what is kept."""
        if not self.choices.on_top[choice]:
            return False
        return (
            not self.kept
            or len(choice) < len(self.kept)
            or (len(choice) == len(self.kept) and self.choices.probability[choice] > self.probability)
        )

    def _keep(self, choices: Iterable[Choice]) -> None:
        for choice in choices:
            if self._better(choice):
                smaller = len(choice) < len(self.kept)
                self.kept = choice
                if smaller:
                    self._expect(self.at_least)

    def _thin_out(self, choice: Choice) -> Iterator[None]:
        """Let strokes go, from the last to the first, until none can or half of the limit is used up.

        So a stroke is tried when few are left behind it, whose steps are those that change.
        """
        before = None
        while choice != before:
            before = choice
            for i in reversed(range(len(choice))):
                fewer = choice[:i] + choice[i + 1 :]
                if not fewer or self.choices.recognized > self.limit / 2:
                    return
                yield from self.choices.ask([fewer])
                if self.choices.on_top[fewer]:
                    choice = fewer
                    self._keep([choice])

    def _by_size(self) -> Iterator[None]:
        count, known = len(self.choices), self.choices
        begun: Sequence[Choice] = [()]
        complete = True  # whether `begun` are all choices of their size
        for size in range(1, count + 1):
            if self.kept and size > len(self.kept):
                return
            complete = complete and known.recognized + known.unknown(size) <= self.limit
            if complete:
                self._expect(size)
                candidates: Sequence[Choice] = list(combinations(range(count), size))
            elif self.kept and size == len(self.kept):
                return
            else:
                candidates = self._promising(begun)
                if not candidates:
                    return
                self._expected = known.recognized + len(candidates)
            for some in in_batches(candidates, known.batch_size):
                yield from known.ask(some)
                self._keep(some)
            if complete and len(self.kept) != size:
                self.at_least = size + 1
            begun = candidates

    def _promising(self, begun: Sequence[Choice]) -> list[Choice]:
        """The most probable choices of a size, as far as the limit allows, with one stroke more in every way."""
        count, known = len(self.choices), self.choices.probability
        grown: list[Choice] = []
        # One that ends with the last stroke has nowhere to grow.
        growing = (choice for choice in begun if not choice or choice[-1] < count - 1)
        for choice in sorted(growing, key=lambda choice: -known.get(choice, 0.0))[: self.beam]:
            more = range(choice[-1] + 1 if choice else 0, count)
            if self.choices.recognized + len(grown) + len(more) > 1.5 * self.limit:
                break
            grown.extend((*choice, i) for i in more)
        return grown

    def _expect(self, size: int) -> None:
        """What is still to be recognised if nothing smaller is found."""
        count, total = len(self.choices), self.choices.recognized
        for larger in range(size, (len(self.kept) or count) + 1):
            unknown = self.choices.unknown(larger)
            if total + unknown > self.limit:
                break
            total += unknown
        self._expected = total
