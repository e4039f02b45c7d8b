import numpy as np
import pytest

from sketchwidgets.training import evaluate
from sketchwidgets.training.evaluate import SHARES, steps_at, wilson


class Oracle:
    """Right from the given step on, else wrong; knows the drawings by their first stroke."""

    def __init__(self, drawings, right_from):
        self.classes = drawings.classes[::-1]  # another order than the data's
        self._answers = {
            drawings.strokes(i)[0].tobytes(): self.classes.index(drawings.classes[drawings.label[i]])
            for i in range(len(drawings))
        }
        self._right_from = right_from

    def recognize(self, strokes):
        answer = self._answers[strokes[0].tobytes()]
        steps = np.arange(1, len(strokes) + 1)
        picked = np.where(steps >= self._right_from, answer, (answer + 1) % len(self.classes))
        scores = np.full((len(steps), len(self.classes)), 0.01)
        scores[np.arange(len(steps)), picked] = 0.9
        return [type("P", (), {"probabilities": row}) for row in scores]


def test_always_right(drawings):
    found = evaluate(Oracle(drawings, 1), drawings, progress=False)
    assert (found.top1, found.top5, found.mean_over_shares) == (1, 1, 1)
    assert found.drawings == len(drawings)


def test_right_from_the_third_stroke(drawings):
    found = evaluate(Oracle(drawings, 3), drawings, progress=False)
    for share in SHARES:
        steps = np.ceil(share / 100 * drawings.n_strokes.astype(float) - 1e-9)
        assert found.by_share[share] == pytest.approx((steps >= 3).mean())
    assert found.mean_over_shares == pytest.approx(np.mean(list(found.by_share.values())))


def test_steps_at_counts_strokes_by_hand():
    assert steps_at(1).tolist() == [1] * 10
    assert steps_at(10).tolist() == list(range(1, 11))
    assert steps_at(3).tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3, 3]


def test_an_unknown_class_is_named(drawings):
    oracle = Oracle(drawings, 1)
    oracle.classes = tuple(name for name in oracle.classes if name != "bee")
    with pytest.raises(ValueError, match="'bee'"):
        evaluate(oracle, drawings, progress=False)


def test_wilson_against_a_published_example():
    # Newcombe (Statistics in Medicine 1998, table I): 81 of 263, 15 of 148.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
