"""The one thread of a live engine: woken, never queued, ended with its owner."""

import gc
import logging
import subprocess
import sys
import threading
import time
import weakref

import pytest

from sketchwidgets.widgets.parts._worker import Worker


class Owner:
    """Counts its runs; each one waits until it is let go."""

    def __init__(self):
        self.runs = 0
        self.started = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.seconds = None
        self.error = None

    def work(self):
        self.runs += 1
        self.started.release()
        self.go.acquire(timeout=5)
        if self.error:
            error, self.error = self.error, None
            raise error
        return self.seconds


@pytest.fixture
def owner():
    return Owner()


@pytest.fixture
def worker(owner):
    worker = Worker(owner.work, "test worker")
    worker.start()
    yield worker
    owner.go.release()
    worker.close()


def ran(owner):
    return owner.started.acquire(timeout=5)


def test_sleeps_until_it_is_woken(owner, worker):
    assert not owner.started.acquire(timeout=0.05)
    worker.wake()
    assert ran(owner)
    owner.go.release()
    assert not owner.started.acquire(timeout=0.05)


def test_many_wake_ups_during_a_run_lead_to_one_more_run(owner, worker):
    worker.wake()
    assert ran(owner)
    for _ in range(100):
        worker.wake()
    owner.go.release()
    assert ran(owner)
    owner.go.release()
    assert not owner.started.acquire(timeout=0.05)
    assert owner.runs == 2


def test_runs_again_after_the_seconds_that_the_work_asked_for(owner, worker):
    owner.seconds = 0.01
    owner.go.release(2)
    worker.wake()
    assert ran(owner)
    assert ran(owner)


def test_runs_on_one_daemon_thread_of_its_own(owner, worker):
    assert worker._thread.daemon
    assert worker._thread is not threading.current_thread()


def test_a_wake_up_before_the_start_is_not_lost():
    owner = Owner()
    owner.go.release()
    worker = Worker(owner.work, "late")
    worker.wake()
    worker.start()
    assert ran(owner)
    worker.close()


def test_a_worker_that_never_started_can_be_closed():
    Worker(Owner().work, "never").close()


def test_survives_an_exception_and_logs_it(owner, worker, caplog):
    owner.error = RuntimeError("boom")
    owner.go.release(2)
    with caplog.at_level(logging.ERROR):
        worker.wake()
        assert ran(owner)
        worker.wake()
        assert ran(owner)
    assert worker.alive
    assert "boom" in caplog.text


def test_close_ends_the_thread_and_may_be_called_twice(owner, worker):
    worker.close()
    assert not worker.alive
    worker.close()
    worker.wake()
    assert owner.runs == 0


def test_close_waits_only_briefly_and_the_thread_ends_after_its_work(owner, worker):
    worker.wake()
    assert ran(owner)
    start = time.monotonic()
    worker.close()
    assert time.monotonic() - start < 2
    assert worker.alive
    owner.go.release()
    worker._thread.join(5)
    assert not worker.alive
    assert owner.runs == 1


def test_close_from_the_work_itself_does_not_wait_for_itself():
    class Closing:
        def work(self):
            self.worker.close()

    closing = Closing()
    closing.worker = Worker(closing.work, "closes itself")
    closing.worker.start()
    closing.worker.wake()
    closing.worker._thread.join(5)
    assert not closing.worker.alive


def test_the_thread_ends_when_its_owner_is_dropped():
    owner = Owner()
    gone = weakref.ref(owner)
    worker = Worker(owner.work, "orphan")
    worker.start()
    del owner
    gc.collect()
    assert gone() is None
    worker._thread.join(5)
    assert not worker.alive


def test_the_interpreter_exits_while_a_worker_is_busy():
    source = """
import time
from sketchwidgets.widgets.parts._worker import Worker
class Owner:
    def work(self):
        time.sleep(0.01)
        return 0.0
owner = Owner()
worker = Worker(owner.work, "busy")
worker.start()
worker.wake()
time.sleep(0.1)
print("leaving")
"""
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0
    assert ended.stdout == "leaving\n"
    assert ended.stderr == ""


def test_the_interpreter_waits_for_the_work_of_a_worker_that_was_closed():
    source = """
import time
from sketchwidgets.widgets.parts._worker import Worker
class Owner:
    def work(self):
        started.append(1)
        time.sleep(1)
        print("worked", flush=True)
started = []
owner = Owner()
worker = Worker(owner.work, "busy")
worker.start()
worker.wake()
while not started:
    time.sleep(0.01)
worker.close()
print("leaving", flush=True)
"""
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0
    assert ended.stdout == "leaving\nworked\n"
    assert ended.stderr == ""
