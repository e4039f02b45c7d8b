"""Where each drawing of a QuickDraw file begins: found once, then kept beside the files.

Files have 100,000 drawings and more, so they stay on disk and are read one drawing at a time.
"""

import mmap
import re
import struct
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sketchwidgets._files import written_whole
from sketchwidgets.sketch import SketchError
from sketchwidgets.sketch.formats.quickdraw import MAX_LINE_BYTES, read_record
from sketchwidgets.training.datasets._errors import DataSetError
from sketchwidgets.training.datasets._npz import read_npz

_FORMAT = 1
_BLOCK = 2**24
_KEY_ID = re.compile(rb'"key_id"\s*:\s*"?(\d{1,20})"?')
_RECOGNIZED = re.compile(rb'"recognized"\s*:\s*true')
_HEADER = struct.Struct("<Q2sbIH")  # as in sketch/formats/_quickdraw_bin.py
_COUNT = struct.Struct("<H")


@dataclass(frozen=True)
class FileIndex:
    """The drawings of one file, in its order.

    start : (n,) int64, first byte. end : (n,) int64, one behind the last. key_id : (n,) uint64; where a line has
    none, how many drawings come before it. recognized : (n,) bool, whether the game recognised it.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    key_id: NDArray[np.uint64]
    recognized: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.start)

    def chosen(self, which: NDArray[np.int64]) -> "FileIndex":
        """Only some of the drawings."""
        return FileIndex(self.start[which], self.end[which], self.key_id[which], self.recognized[which])


def index_file(path: Path) -> FileIndex:
    """The index of an .ndjson or .bin file, from the folder `.index` beside it where that is of this very file.

    Raises SketchError for a .bin file that counts more than it holds, an .ndjson file that begins with something else
    than a drawing, or an empty file.
    """
    if path.suffix != ".bin":
        _refuse_other(path)
    status = path.stat()
    stamp = np.array([_FORMAT, status.st_size, status.st_mtime_ns], np.int64)
    kept = path.parent / ".index" / f"{path.name}.npz"
    try:
        arrays = read_npz(kept)
        if np.array_equal(arrays["stamp"], stamp):
            return FileIndex(*(arrays[name] for name in ("start", "end", "key_id", "recognized")))
    except (FileNotFoundError, ValueError, KeyError, zipfile.BadZipFile):
        pass  # none yet, or a damaged one: it costs a second
    if not status.st_size:
        raise SketchError("the file is empty", str(path))
    found = _index_bin(path) if path.suffix == ".bin" else _index_ndjson(path)
    _keep(kept, stamp, found)
    return found


def check_drawings(path: Path, suffix: str) -> None:
    """DataSetError where a file of this suffix, whatever its name is now, begins with something else than a drawing."""
    try:
        if not path.stat().st_size:
            raise SketchError("the file is empty")
        if suffix == ".bin":
            _index_bin(path)
            return
        with open(path, "rb") as file:
            lines = iter(lambda: file.readline(MAX_LINE_BYTES + 1), b"")
            read_record(next((line for line in lines if not line.isspace()), b""))
    except SketchError as error:
        raise DataSetError(f"no drawings of QuickDraw ({error.problem})") from None


def _refuse_other(path: Path) -> None:
    """SketchError for a file that begins with something else than a drawing, as a web page does."""
    with open(path, "rb") as file:
        head = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head and not head.startswith(b"{"):
        said = head[:20].decode("utf-8", "replace")
        raise SketchError(
            f"begins with {said!r} and not with a drawing; delete it, and download=True fetches it anew",
            str(path),
        )


def _keep(path: Path, stamp: NDArray[np.int64], index: FileIndex) -> None:
    # A folder that cannot be written to is indexed again each time.
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        with written_whole(path) as temporary, open(temporary, "wb") as file:
            np.savez(
                file,
                stamp=stamp,
                start=index.start,
                end=index.end,
                key_id=index.key_id,
                recognized=index.recognized,
            )


def _index_ndjson(path: Path) -> FileIndex:
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        breaks = []
        for first in range(0, len(data), _BLOCK):
            block = np.frombuffer(data[first : first + _BLOCK], np.uint8)
            breaks.append(np.flatnonzero(block == ord("\n")) + first)
        newline = np.concatenate(breaks)
        start = np.r_[0, newline + 1]
        end = np.r_[newline, len(data)]
        start, end = start[end > start], end[end > start]
        key_id = np.empty(len(start), np.uint64)
        recognized = np.zeros(len(start), bool)
        keyed = np.zeros(len(start), bool)
        drawn = np.ones(len(start), bool)
        for number, (a, b) in enumerate(zip(start.tolist(), end.tolist(), strict=True)):
            # What is said of a drawing stands before it in Google's files; the points need not be looked through.
            head = data.find(b'"drawing"', a, b)
            text = data[a : b if head < 0 else head]
            found = _KEY_ID.search(text) or (_KEY_ID.search(data[head:b]) if head >= 0 else None)
            if found:
                keyed[number], key_id[number] = True, int(found[1]) % 2**64
            recognized[number] = _RECOGNIZED.search(text) is not None
            drawn[number] = head >= 0 or not text.isspace()
        key_id[~keyed] = (np.cumsum(drawn) - 1)[~keyed]
    return FileIndex(start, end, key_id, recognized).chosen(np.flatnonzero(drawn))


def _index_bin(path: Path) -> FileIndex:
    start, key_id, recognized = [], [], []
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at, size = 0, len(data)
        while at < size:
            begin = at
            try:
                key, _, known, _, strokes = _HEADER.unpack_from(data, at)
                at += _HEADER.size
                for _ in range(strokes):
                    at += _COUNT.size + 2 * _COUNT.unpack_from(data, at)[0]
            except struct.error:
                at = size + 1
            if at > size:
                raise SketchError(
                    "the file ends within it", str(path), f"record {len(start)} at byte {begin}"
                )
            start.append(begin)
            key_id.append(key)
            recognized.append(known == 1)
    begins = np.array(start, np.int64)
    return FileIndex(begins, np.r_[begins[1:], size], np.array(key_id, np.uint64), np.array(recognized))
