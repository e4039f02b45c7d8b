import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tiny_recognizer import make_tiny

from sketchwidgets.recognition import Calibration
from sketchwidgets.training import DrawingSet, evaluate
from sketchwidgets.training.evaluation.intervals import mean_interval, wilson
from sketchwidgets.training.evaluation.onset import first_right, onset, stays_right
from sketchwidgets.training.evaluation.shares import SHARES, steps_at


class Oracle:
    """Right from the given step on, else wrong; knows the drawings by their first stroke."""

    def __init__(self, drawings, right_from, calibration=None):
        self.classes = drawings.classes[::-1]  # another order than the data's
        self._answers = {
            drawings.strokes(i)[0].tobytes(): self.classes.index(drawings.classes[drawings.label[i]])
            for i in range(len(drawings))
        }
        self._right_from = right_from
        self.calibration = calibration

    def scores(self, sketches):
        for strokes in sketches:
            answer = self._answers[strokes[0].tobytes()]
            steps = np.arange(1, len(strokes) + 1)
            picked = np.where(steps >= self._right_from, answer, (answer + 1) % len(self.classes))
            scores = np.zeros((len(steps), len(self.classes)), np.float32)
            # A probability of 0.9, and the others equal.
            scores[np.arange(len(steps)), picked] = np.log(0.9 / (0.1 / (len(self.classes) - 1)))
            yield scores


def test_always_right(drawings):
    found = evaluate(Oracle(drawings, 1), drawings, progress=False)
    assert (found.top1, found.top5, found.mean_over_shares) == (1, 1, 1)
    assert found.drawings == len(drawings)
    assert (found.never_right, found.lost, found.changes) == (0, 0, 0)
    assert found.first_right == found.stays_right
    assert found.stays_right.strokes_mean == 1
    assert found.stays_right.by_share == dict.fromkeys(SHARES, 1.0)
    assert found.calibration.whole.error == pytest.approx(0.1, abs=1e-6)
    assert found.calibration.knows[100].coverage == 1
    assert found.calibration.promised is None


def test_right_from_the_third_stroke(drawings):
    found = evaluate(Oracle(drawings, 3), drawings, progress=False)
    strokes = drawings.n_strokes.astype(float)
    for share in SHARES:
        steps = np.ceil(share / 100 * strokes - 1e-9)
        assert found.by_share[share] == pytest.approx((steps >= 3).mean())
        low, high = found.by_share_interval[share]
        assert low <= found.by_share[share] <= high
    assert found.mean_over_shares == pytest.approx(np.mean(list(found.by_share.values())))
    long = strokes >= 3
    assert found.never_right == (~long).sum()
    assert found.lost == 0
    assert found.changes == pytest.approx(long.mean())
    assert (found.first_right.strokes_mean, found.first_right.strokes_median) == (3, 3)
    assert found.first_right.share_mean == pytest.approx((3 / strokes[long]).mean())
    assert found.stays_right.by_share[100] == pytest.approx(found.top1)


def test_calibration_decides_what_it_knows(drawings):
    # 0.9 is known from the second stroke on, and right from the third on.
    calibration = Calibration(thresholds=(0.95, 0.85), precision=0.75)
    found = evaluate(Oracle(drawings, 3, calibration), drawings, progress=False).calibration
    assert found.promised == 0.75
    strokes = drawings.n_strokes.astype(int)
    for column, share in enumerate(SHARES):
        at = np.array([steps_at(n)[column] for n in strokes])
        knows = found.knows[share]
        assert knows.coverage == pytest.approx((at >= 2).mean())
        assert knows.precision == (
            pytest.approx((at >= 3).sum() / (at >= 2).sum()) if (at >= 2).any() else None
        )
    steps = np.concatenate([np.arange(1, n + 1) for n in strokes])
    assert found.knows_at_steps.coverage == pytest.approx((steps >= 2).mean())
    assert found.knows_at_steps.precision == pytest.approx((steps >= 3).sum() / (steps >= 2).sum())
    before = np.concatenate([np.arange(1, n) for n in strokes])
    assert found.knows_unfinished.coverage == pytest.approx((before >= 2).mean())
    assert found.knows_unfinished.precision == pytest.approx((before >= 3).sum() / (before >= 2).sum())


def test_nothing_is_unfinished_where_all_have_one_stroke(drawings):
    short = np.flatnonzero(drawings.n_strokes == 1)
    assert len(short)
    assert evaluate(Oracle(drawings, 3), drawings, short, progress=False).calibration.knows_unfinished is None


def test_drawings_that_the_calibration_was_fitted_on_do_not_count_for_it(drawings):
    found = evaluate(
        Oracle(drawings, 3), drawings, np.arange(60), progress=False, calibrated_on=np.arange(20)
    )
    alone = evaluate(Oracle(drawings, 3), drawings, np.arange(20, 60), progress=False)
    assert found.drawings == 60
    assert found.calibration == alone.calibration
    assert evaluate(
        Oracle(drawings, 3), drawings, np.arange(9), progress=False, calibrated_on=np.arange(60)
    ).calibration is None  # fmt: skip


def test_it_is_json_and_a_figure(drawings):
    calibration = Calibration(thresholds=(0.95, 0.85), precision=0.75)
    found = evaluate(Oracle(drawings, 3, calibration), drawings, progress=False)
    again = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert again["stays_right"]["strokes_median"] == 3
    assert again["calibration"]["knows"]["100"]["coverage"] == found.calibration.knows[100].coverage
    svg = found.figure().to_svg()
    for text in ("right to the end", "% confidence", "says it knows", "promised: right in 75%"):
        assert text in svg
    assert repr(found).startswith("Evaluation(80 drawings, top-1 ")


@pytest.mark.parametrize("calibration", [None, Calibration((2.0, 0.7), (0.4, 0.3), 0.75)])
def test_what_is_counted_is_what_a_session_shows(calibration):
    recognizer = make_tiny()
    recognizer.calibration = calibration
    rng = np.random.default_rng(3)
    n_strokes = rng.integers(1, 7, 30)
    lengths = rng.integers(1, 6, n_strokes.sum())
    drawings = DrawingSet(
        rng.uniform(0, 99, (lengths.sum(), 2)).astype(np.float32), None, lengths, n_strokes,
        np.arange(30) % 4, np.arange(30), recognizer.classes,
    )  # fmt: skip
    found = evaluate(recognizer, drawings, progress=False)
    changes = never = known = known_right = 0
    confidence, right = [], []
    for i in range(30):
        session = recognizer.session()
        predictions = [session.add(stroke) for stroke in drawings.strokes(i)]
        target = recognizer.classes[drawings.label[i]]
        labels = [p.label for p in predictions]
        changes += sum(a != b for a, b in pairwise(labels))
        never += target not in labels
        known += predictions[-1].known
        known_right += predictions[-1].known and labels[-1] == target
        confidence.append(predictions[-1].confidence)
        right.append(labels[-1] == target)
    assert found.changes == pytest.approx(changes / 30)
    assert found.never_right == never
    assert found.top1 == pytest.approx(np.mean(right))
    whole = found.calibration.knows[100]
    assert whole.coverage == pytest.approx(known / 30)
    assert whole.precision == (pytest.approx(known_right / known) if known else None)
    table = found.calibration.whole
    total = sum(n * c for n, c in zip(table.count, table.confidence, strict=True) if n)
    assert total == pytest.approx(sum(confidence), rel=1e-5)


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_first_and_stays_right_by_looking(right):
    steps = range(1, len(right) + 1)
    found = np.array(right)
    assert first_right(found) == next((k for k in steps if right[k - 1]), None)
    assert stays_right(found) == next((k for k in steps if all(right[k - 1 :])), None)


def test_known_answers_of_first_and_stays_right():
    cases = {"0101": (2, 4), "0111": (2, 2), "1111": (1, 1), "0000": (None, None), "1010": (1, None)}
    for text, (first, stays) in cases.items():
        right = np.array([each == "1" for each in text])
        assert (first_right(right), stays_right(right)) == (first, stays)


def test_onset_counts_drawings_that_never_begin():
    found = onset([2, None, 1], [4, 4, 2], np.array([True, False, True]))
    assert (found.strokes_mean, found.strokes_median) == (1.5, 1.5)
    assert (found.share_mean, found.share_median) == (0.5, 0.5)
    # 2 of 4 strokes are there at 50 %, ceil(0.3 * 4) = 2 at 30 % already; the third drawing begins at once.
    assert [round(value * 3) for value in found.by_share.values()] == [1, 1, *[2] * 8]
    nothing = onset([None], [3], np.array([False]))
    assert (nothing.strokes_mean, nothing.share_median) == (None, None)
    assert nothing.by_share == dict.fromkeys(SHARES, 0.0)


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


def test_interval_of_a_mean():
    assert mean_interval(np.array([3.0])) is None
    low, high = mean_interval(np.array([1.0, 2.0, 3.0, 4.0]))
    assert (low + high) / 2 == pytest.approx(2.5)
    oracle = stats.ttest_1samp([1.0, 2.0, 3.0, 4.0], 0).confidence_interval()
    assert (low, high) == pytest.approx((oracle.low, oracle.high))
    assert (high - low) / 2 == pytest.approx(3.182446 * np.sqrt(5 / 3) / 2)  # t of three degrees of freedom
