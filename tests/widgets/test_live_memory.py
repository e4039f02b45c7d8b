"""Free memory goes back to the system: where glibc is, what is freed leaves the process."""

import platform

import pytest

from sketchwidgets.widgets.live._memory import release_memory

psutil = pytest.importorskip("psutil")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what is freed")
def test_holes_in_the_heap_are_given_back():
    process = psutil.Process()
    # 100 MiB in pieces of 64 KiB, below the size that is mapped alone; every 16th piece pins the heap.
    pieces = [bytearray(1 << 16) for _ in range(1600)]
    for piece in pieces:
        piece[::4096] = bytes(16)
    kept = pieces[::16]
    del pieces
    before = process.memory_info().rss
    assert release_memory()
    assert before - process.memory_info().rss > 50 * 2**20
    assert len(kept) == 100


def test_without_glibc_nothing_happens(monkeypatch):
    monkeypatch.setattr("sketchwidgets.widgets.live._memory._malloc_trim", lambda: None)
    assert not release_memory()
