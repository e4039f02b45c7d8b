"""The decision "send now or wait", without a browser and with a clock that stands still until it is moved."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sketchwidgets.widgets.parts._gate import PROBES, Gate


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def gate(clock):
    gate = Gate(limit=2, expiry=2.0, clock=clock)
    gate.hello()
    return gate


def test_nothing_is_sent_before_a_view_has_mounted(clock):
    gate = Gate(clock=clock)
    assert not gate.present
    assert not gate.open
    assert gate.issue() is None
    gate.hello()
    assert gate.open


def test_two_frames_may_be_unconfirmed_and_a_confirmation_frees_a_place(gate):
    assert [gate.issue(), gate.issue()] == [1, 2]
    assert not gate.open
    assert gate.issue() is None
    assert gate.confirm(1)
    assert gate.open
    assert gate.issue() == 3
    assert not gate.open


def test_a_confirmation_covers_earlier_frames(gate):
    gate.issue(), gate.issue()
    assert gate.confirm(2)
    assert gate.unconfirmed == 0
    assert not gate.confirm(1), "frame 1 is no longer waited for"


def test_an_unconfirmed_frame_is_given_up_after_two_seconds_and_nobody_looks_any_more(gate, clock):
    gate.issue()
    clock.now += 1.0
    gate.issue()
    assert gate.retry_in() == pytest.approx(1.0)
    clock.now += 0.999
    assert not gate.open
    clock.now += 0.002
    assert gate.unconfirmed == 1
    assert not gate.present
    assert not gate.open, "a dead view gets nothing"
    gate.hello()
    assert gate.open, "the next view is not blocked by the dead one"


def test_frames_that_a_page_took_with_it_when_it_was_reloaded_do_not_count_against_the_new_one(gate, clock):
    gate.issue(), gate.issue()
    clock.now += 1
    gate.hello()
    assert not gate.open, "two are on their way, for all that is known"
    clock.now += 1
    assert gate.open
    gate.issue()
    clock.now += 2
    assert not gate.present


def test_a_late_confirmation_brings_a_view_back(gate, clock):
    frame = gate.issue()
    clock.now += 60.0
    assert not gate.present
    assert not gate.confirm(frame)
    assert gate.open


def test_any_word_of_its_page_brings_a_view_back_but_makes_none(gate, clock):
    gate.issue()
    clock.now += 3.0
    assert not gate.present
    gate.hear()
    assert gate.present
    unseen = Gate(clock=clock)
    unseen.hear()
    assert not unseen.present


def test_a_few_probes_find_out_whether_somebody_looks_and_then_nothing_is_sent(gate, clock):
    assert gate.admit(lambda frame: None)
    clock.now += 2.0
    assert gate.lost == 1
    sent = []
    for number, pause in enumerate(PROBES, start=1):
        assert gate.retry_in() == pytest.approx(pause)
        clock.now += pause - 0.01
        assert not gate.probing
        assert not gate.admit(sent.append)
        clock.now += 0.02
        assert gate.probing
        assert gate.admit(sent.append)
        assert not gate.probing
        assert not gate.admit(sent.append), "one at a time"
        assert gate.retry_in() == pytest.approx(2.0)
        assert not gate.present
        clock.now += 2.0
        assert gate.lost == 1 + number
    assert gate.retry_in() is None
    clock.now += 100_000
    assert not gate.admit(sent.append)
    assert len(sent) == len(PROBES)
    gate.hear()
    assert gate.admit(sent.append)


def test_a_probe_that_is_confirmed_brings_the_view_back(gate, clock):
    gate.issue()
    clock.now += 2.0 + PROBES[0]
    assert not gate.admit(lambda frame: None), "the frame is given up only now"
    clock.now += PROBES[0]
    assert gate.admit(gate.confirm)
    assert gate.present
    assert gate.open


def test_time_that_passes_after_a_look_at_the_gate_shuts_it_and_raises_nothing(gate, clock):
    gate.issue()
    clock.now += 1.9
    assert gate.open
    clock.now += 0.2  # the frame is given up now, and with it the view
    assert gate.issue() is None
    assert not gate.admit(lambda frame: pytest.fail("nobody is looking"))


def test_a_frame_that_could_not_be_sent_takes_no_place(gate, clock):
    def fail(frame):
        raise OSError("no such wire")

    for _ in range(5):
        with pytest.raises(OSError, match="no such wire"):
            gate.admit(fail)
    clock.now += 10
    assert gate.present, "what was never sent is not missing"
    sent = []
    assert [gate.admit(sent.append) for _ in range(3)] == [True, True, False]
    assert sent == [6, 7]


def test_retry_is_none_when_nothing_is_on_its_way(gate):
    assert gate.retry_in() is None
    frame = gate.issue()
    assert gate.retry_in() == pytest.approx(2.0)
    gate.confirm(frame)
    assert gate.retry_in() is None


@given(
    st.lists(
        st.one_of(
            st.just(("issue",)),
            st.just(("hello",)),
            st.tuples(st.just("confirm"), st.integers(0, 12)),
            st.tuples(st.just("pass"), st.floats(0, 3)),
        ),
        max_size=60,
    )
)
def test_never_more_than_the_limit_whatever_happens(events):
    clock = Clock()
    gate = Gate(limit=2, expiry=2.0, clock=clock)
    on_their_way = {}  # the same rule, written down naively
    for event in events:
        if event[0] == "issue":
            may = gate.open
            frame = gate.issue()
            assert (frame is not None) == may
            if may:
                on_their_way[frame] = clock.now
        elif event[0] == "hello":
            gate.hello()
        elif event[0] == "confirm":
            gate.confirm(event[1])
            on_their_way = {frame: sent for frame, sent in on_their_way.items() if frame > event[1]}
        else:
            clock.now += event[1]
        on_their_way = {frame: sent for frame, sent in on_their_way.items() if clock.now - sent < 2.0}
        assert gate.unconfirmed == len(on_their_way) <= 2
        assert gate.open == (gate.present and len(on_their_way) < 2)


def test_places_are_never_given_twice_under_threads():
    gate = Gate(limit=2, expiry=1000.0)
    gate.hello()
    frames, refused = [], []

    def take():
        for _ in range(200):
            frame = gate.issue()
            (refused if frame is None else frames).append(frame)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(frames) == [1, 2]
    assert len(refused) == 798
