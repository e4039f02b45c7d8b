"""How many threads of torch the work of widgets takes: by what others leave idle, on its own thread, and given back."""

import os
import threading

import pytest
import torch

from sketchwidgets.widgets.parts import _threads
from sketchwidgets.widgets.parts._threads import fair_threads, free_processors
from sketchwidgets.widgets.parts._worker import Worker


@pytest.fixture
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("processors", "allowed", "busy", "free"),
    [
        (8, 8, 0.0, 8),
        (8, 8, 2.4, 6),
        (8, 8, 7.9, 1),
        (8, 8, 30.0, 1),  # a class: more work than processors
        (64, 2, 20.0, 2),  # a container with a quota, on a machine that others load
        (64, 2, 63.5, 1),
        (1, 1, 0.0, 1),
    ],
)
def test_what_is_free(monkeypatch, processors, allowed, busy, free):
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    monkeypatch.setattr(os, "getloadavg", lambda: (busy, 99.0, 99.0), raising=False)
    monkeypatch.setattr(_threads, "_allowed", lambda: allowed)
    assert free_processors() == free


def test_where_the_system_does_not_say(monkeypatch):
    monkeypatch.delattr(os, "getloadavg", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(_threads, "_allowed", lambda: 3)
    assert free_processors() == 3


@pytest.mark.parametrize(("free", "taken"), [(1, 1), (3, 3), (4, 4), (16, 4)])
def test_never_more_than_torch_would_take_and_given_back(monkeypatch, four_threads, free, taken):
    monkeypatch.setattr(_threads, "free_processors", lambda: free)
    with fair_threads() as fair:
        assert (fair, torch.get_num_threads()) == (taken, taken)
    assert torch.get_num_threads() == 4
    with pytest.raises(KeyError), fair_threads():
        raise KeyError
    assert torch.get_num_threads() == 4


def test_the_work_of_a_widget(monkeypatch, four_threads):
    monkeypatch.setattr(_threads, "free_processors", lambda: 2)
    seen, done = [], threading.Event()

    class Widget:
        def work(self):
            seen.append(torch.get_num_threads())
            done.set()

    widget = Widget()
    worker = Worker(widget.work, "test")
    worker.start()
    worker.wake()
    assert done.wait(20)
    worker.close()
    assert seen == [2]
    assert torch.get_num_threads() == 4  # of the thread that cells run on
    begun = []
    thread = threading.Thread(target=lambda: begun.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert begun == [4]  # of threads that begin later
