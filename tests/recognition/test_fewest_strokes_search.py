"""The search for the fewest strokes, against all choices tried one by one."""

from itertools import combinations

import numpy as np
import pytest
from tiny_recognizer import make_tiny

from sketchwidgets.recognition import Recognizer
from sketchwidgets.recognition import _fewest_strokes as module
from sketchwidgets.recognition._fewest_strokes import Choices, FewestStrokes


def drawing(count, seed):
    rng = np.random.default_rng(seed)
    return [rng.uniform(0, 100, (int(rng.integers(1, 6)), 2)) for _ in range(count)]


def recognised(recognizer, strokes, choice):
    """The probabilities of a choice, from a drawing of its own."""
    return recognizer.recognize([strokes[i] for i in choice])[-1].probabilities


def smallest(recognizer, strokes, label):
    """The smallest choice with the label on top, the most probable of several; and how large it is."""
    for size in range(1, len(strokes) + 1):
        found = []
        for choice in combinations(range(len(strokes)), size):
            probabilities = recognised(recognizer, strokes, choice)
            if probabilities.argmax() == label:
                found.append((float(probabilities[label]), choice))
        if found:
            return max(found)
    return None


def run(work):
    for _ in work:
        pass


@pytest.mark.parametrize("seed", [0, 2, 4])
def test_it_is_what_trying_everything_finds(tiny, seed):
    strokes = drawing(1 + seed, seed)
    for label in (None, 0, 1, 2, 3):
        search = FewestStrokes(tiny, strokes, label)
        run(search.search())
        expected = smallest(tiny, strokes, search.label)
        assert search.proven
        if expected is None:
            assert search.kept == ()
            assert np.isnan(search.probability)
            assert search.at_least == len(strokes) + 1
        else:
            probability, choice = expected
            assert search.kept == choice
            assert search.probability == pytest.approx(probability, abs=1e-6)
            assert search.at_least == len(choice)


def test_shared_beginnings_change_nothing(tiny):
    """Every choice has the probability that it has as a drawing of its own, though its steps are shared."""
    strokes = drawing(6, seed=3)
    choices = Choices(tiny, strokes, label=2, batch_size=5)
    everything = [choice for size in range(1, 7) for choice in combinations(range(6), size)]
    run(choices.ask(everything[::-1]))
    assert choices.recognized == len(everything) == 63
    for choice in everything:
        probabilities = recognised(tiny, strokes, choice)
        assert choices.probability[choice] == pytest.approx(probabilities[2], abs=1e-6)
        assert choices.on_top[choice] == (probabilities.argmax() == 2)


def test_forgotten_states_are_made_again(tiny, monkeypatch):
    monkeypatch.setattr(module, "_STATES", 1)
    strokes = drawing(5, seed=4)
    search = FewestStrokes(tiny, strokes)
    assert search.choices._most == 1
    run(search.search())
    run(search.let_go())
    assert len(search.choices._states) == 2  # one, and that of the empty drawing
    monkeypatch.undo()
    other = FewestStrokes(tiny, strokes)
    run(other.search())
    run(other.let_go())
    assert (search.kept, search.order) == (other.kept, other.order)
    assert search.probability == pytest.approx(other.probability, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_a_short_search_is_never_better_and_says_what_it_knows(seed):
    recognizer = make_tiny()
    strokes = drawing(9, seed)
    exact = FewestStrokes(recognizer, strokes)
    run(exact.search())
    for limit in (1, 12, 60, 200):
        short = FewestStrokes(recognizer, strokes, limit=limit, beam=3)
        run(short.search())
        assert len(exact.kept) <= len(short.kept) <= short.prefix
        assert short.at_least <= len(exact.kept)
        assert not short.proven or len(short.kept) == len(exact.kept)
        assert recognised(recognizer, strokes, short.kept).argmax() == short.label
        # Half of the limit to thin out, all of it to try everything, half of it again for the promising.
        assert short.choices.recognized <= 1.5 * limit + len(strokes)


@pytest.mark.parametrize("label", range(4))
def test_a_limit_of_all_choices_is_enough_for_all(label):
    """Whatever was tried before counts as tried: 255 images for the 255 choices of eight strokes."""
    search = FewestStrokes(make_tiny(), drawing(8, seed=2), label, limit=255, batch_size=64)
    run(search.search())
    assert search.proven
    assert search.choices.recognized <= 255


def test_left_at_any_moment_the_label_is_kept():
    recognizer = make_tiny("lstm")
    strokes = drawing(8, seed=11)
    search = FewestStrokes(recognizer, strokes, batch_size=4)
    before = len(strokes)
    for _ in search.search():
        assert recognised(recognizer, strokes, search.kept).argmax() == search.label
        assert len(search.kept) <= before
        before = len(search.kept)
        assert search.at_least <= before
        done, total = search.progress
        assert 0 < done <= total


def test_the_order_ends_with_what_is_kept(tiny):
    strokes = drawing(7, seed=5)
    search = FewestStrokes(tiny, strokes)
    run(search.search())
    run(search.let_go())
    assert sorted(search.order) == list(range(7))
    assert set(search.order[7 - len(search.kept) :]) == set(search.kept)
    # Each goes because the label is the most probable without it.
    left = tuple(range(7))
    for gone in search.order[: 7 - len(search.kept)]:
        without = {i: tuple(j for j in left if j != i) for i in left if i not in search.kept}
        best = max(recognised(tiny, strokes, choice)[search.label] for choice in without.values())
        left = without[gone]
        assert recognised(tiny, strokes, left)[search.label] == pytest.approx(best, abs=1e-6)


def test_of_a_long_drawing_the_last_go_first():
    strokes = drawing(40, seed=6)
    search = FewestStrokes(make_tiny(), strokes, limit=50)
    run(search.search())
    run(search.let_go())
    spared = [i for i in reversed(range(40)) if i not in search.kept]
    assert search.order[: len(spared)] == spared


def test_the_shortest_beginning_keeps_the_label_to_the_end(tiny):
    for seed in range(8):
        strokes = drawing(6, seed)
        search = FewestStrokes(tiny, strokes)
        labels = [prediction.probabilities.argmax() for prediction in tiny.recognize(strokes)]
        settled = next(k for k in range(6) if all(label == labels[-1] for label in labels[k:]))
        assert search.prefix == settled + 1


def test_nothing_of_the_strokes_that_are_left_out_is_seen(tiny):
    """A far-off stroke that is spared cannot change the box of those that are kept."""
    strokes = [*drawing(3, seed=8), np.array([[1e4, 1e4], [1.1e4, 1e4]])]
    choices = Choices(tiny, strokes, label=0)
    run(choices.ask([(0, 1, 2)]))
    near = Choices(tiny, strokes[:3], label=0)
    run(near.ask([(0, 1, 2)]))
    assert choices.probability[0, 1, 2] == near.probability[0, 1, 2]


def test_one_image_for_each_choice(tiny, monkeypatch):
    images = []
    step = Recognizer._step
    monkeypatch.setattr(
        Recognizer,
        "_step",
        lambda self, drawings, state: images.append(len(drawings)) or step(self, drawings, state),
    )
    search = FewestStrokes(tiny, drawing(5, seed=1), batch_size=4)
    run(search.search())
    assert sum(images) == search.choices.recognized <= 31
    assert max(images) <= 4
