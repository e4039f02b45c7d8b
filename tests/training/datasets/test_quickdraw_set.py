"""QuickDraw's own files: read where they lie, indexed, split, downloaded, packed for training."""

import base64
import hashlib
import json
import pickle
from contextlib import suppress

import numpy as np
import pytest

from sketchwidgets import Sketch, SketchError
from sketchwidgets.sketch import QuickDrawRecord, read_ndjson, write_bin, write_ndjson
from sketchwidgets.training import DataSetError, DrawingSet, QuickDraw
from sketchwidgets.training.datasets import _quickdraw_index


def records(word, n=60, timed=False, seed=0):
    rng = np.random.default_rng([seed, len(word)])
    made = []
    for number in range(n):
        strokes = []
        for _ in range(rng.integers(1, 4)):
            points = rng.integers(0, 256, (rng.integers(1, 9), 2)).astype(float)
            strokes.append(np.c_[points, np.arange(len(points)) * 10.0] if timed else points)
        # Every fifth key_id is divisible by 25.
        key_id = str(25 * number + (number % 5 > 0))
        made.append(QuickDrawRecord(Sketch(strokes), word, key_id, "AT", recognized=number % 3 > 0))
    return made


@pytest.fixture
def root(tmp_path):
    for word in ("cat", "the moon"):
        write_ndjson(tmp_path / f"{word}.ndjson", records(word))
        write_bin(tmp_path / f"{word}.bin", records(word))
        (tmp_path / "raw").mkdir(exist_ok=True)
        write_ndjson(tmp_path / "raw" / f"full_raw_{word}.ndjson", records(word, timed=True))
    return tmp_path


@pytest.mark.parametrize("kind", ["simplified", "binary"])
def test_every_drawing_of_the_files(root, kind):
    data = QuickDraw(root, kind=kind)
    assert data.classes == ("cat", "the moon")
    assert len(data) == 120
    for label, word in enumerate(data.classes):
        for number, record in enumerate(records(word)):
            assert data[60 * label + number] == (record.sketch, label)
    assert data[-1][1] == 1
    assert data.key_id[:3].tolist() == [0, 26, 51]
    with pytest.raises(IndexError, match="index 120 of 120"):
        data[120]


def test_raw_files_have_times(root):
    data = QuickDraw(root, kind="raw")
    assert data.classes == ("cat", "the moon")
    assert data[5] == (records("cat", timed=True)[5].sketch, 0)
    assert data[5][0].timed


@pytest.mark.parametrize("kind", ["simplified", "binary"])
def test_splits_by_key_id(root, kind):
    train, test = (QuickDraw(root, kind=kind, split=split) for split in ("train", "test"))
    assert (len(train), len(test)) == (96, 24)
    assert (test.key_id % 25 == 0).all()
    assert (train.key_id % 25 != 0).all()
    assert test[1][0] == records("cat")[5].sketch
    assert test[12][0] == records("the moon")[0].sketch


@pytest.mark.parametrize("kind", ["simplified", "binary"])
def test_some_of_them(root, kind):
    data = QuickDraw(root, ["the moon"], kind=kind, recognized=True, per_class=7, transform=len)
    wanted = [record for record in records("the moon") if record.recognized][:7]
    assert [data[i] for i in range(len(data))] == [(len(record.sketch), 0) for record in wanted]
    assert pickle.loads(pickle.dumps(data))[2] == data[2]
    assert "7 drawings of 1 classes" in repr(data)
    assert "CC BY 4.0, Google LLC" in repr(data)


def test_the_index_is_kept_and_made_anew_for_another_file(root, monkeypatch):
    first = QuickDraw(root)
    made = []
    original = _quickdraw_index._index_ndjson
    monkeypatch.setattr(_quickdraw_index, "_index_ndjson", lambda path: made.append(path) or original(path))
    again = QuickDraw(root)
    assert made == []
    np.testing.assert_array_equal(again.start, first.start)
    write_ndjson(root / "cat.ndjson", records("cat", n=3))
    assert len(QuickDraw(root, ["cat"])) == 3
    (root / ".index" / "cat.ndjson.npz").write_bytes(b"damaged")
    assert len(QuickDraw(root, ["cat"])) == 3
    assert made == [root / "cat.ndjson"] * 2


def test_a_folder_that_cannot_be_written_to(root, monkeypatch):
    def denied(*_args, **_kwargs):
        raise PermissionError("read-only file system")

    monkeypatch.setattr(_quickdraw_index.Path, "mkdir", denied)
    assert len(QuickDraw(root)) == 120


def test_lines_that_are_not_as_google_writes_them(tmp_path):
    """Blank lines, spaces, numbers as numbers, key_id behind the drawing or missing, no newline at the end."""
    lines = [
        '{"drawing": [[[0, 1], [2, 3]]], "key_id": "75"}',
        "",
        "   ",
        '{"key_id" : 26 , "recognized" : true , "drawing" : [[[5], [6]]]}\r',
        '{"drawing":[[[7],[8]]]}',
    ]
    (tmp_path / "dot.ndjson").write_bytes("\n".join(lines).encode())
    data = QuickDraw(tmp_path)
    assert data.key_id.tolist() == [75, 26, 2]
    assert [data[i][0].points[0, 0] for i in range(3)] == [0, 5, 7]
    assert len(QuickDraw(tmp_path, recognized=True)) == 1
    assert [record.sketch for record in read_ndjson(tmp_path / "dot.ndjson")] == [
        data[i][0] for i in range(3)
    ]


def test_long_files_are_indexed_in_pieces(root, monkeypatch):
    expected = QuickDraw(root).start
    (root / ".index" / "cat.ndjson.npz").unlink()
    (root / ".index" / "the moon.ndjson.npz").unlink()
    monkeypatch.setattr(_quickdraw_index, "_BLOCK", 777)
    np.testing.assert_array_equal(QuickDraw(root).start, expected)


def test_damaged_drawings_are_named(tmp_path):
    good = '{"key_id": "1", "drawing": [[[0], [1]]]}\n'
    (tmp_path / "cat.ndjson").write_text(good + '{"drawing": [[[0, 1], [1]]]}\n{"word": "cat"}\nnonsense\n')
    data = QuickDraw(tmp_path)
    assert len(data[0][0]) == 1
    for number, problem in ((1, "different lengths"), (2, "no field 'drawing'"), (3, "not JSON")):
        with pytest.raises(SketchError, match=rf"cat.ndjson: byte \d+: .*{problem}"):
            data[number]


def test_damaged_bin_files(tmp_path):
    path = tmp_path / "cat.bin"
    write_bin(path, records("cat", n=4))
    whole = path.read_bytes()
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        with suppress(SketchError):
            assert len(QuickDraw(tmp_path, kind="binary")) < 4
    path.write_bytes(b"")
    with pytest.raises(SketchError, match=r"cat.bin: the file is empty"):
        QuickDraw(tmp_path, kind="binary")
    path.write_bytes(b"\xff" * 17 + whole)
    with pytest.raises(SketchError, match="record 0 at byte 0: the file ends within it"):
        QuickDraw(tmp_path, kind="binary")


def test_classes_are_downloaded(site, tmp_path):
    texts = {}
    for word in ("cat", "The Eiffel Tower"):
        write_ndjson(tmp_path / "file", records(word, n=5))
        texts[word] = (tmp_path / "file").read_bytes()
    site.files = {
        "/full/simplified/cat.ndjson": texts["cat"],
        "/full/simplified/The%20Eiffel%20Tower.ndjson": texts["The Eiffel Tower"],
    }
    words = ["cat", "The Eiffel Tower"]
    where = {"download": True, "url": site.url, "progress": False}
    data = QuickDraw(tmp_path / "data", words, **where)
    assert (len(data), data.classes) == (10, tuple(words))
    assert (tmp_path / "data" / "simplified" / "cat.ndjson").read_bytes() == texts["cat"]
    QuickDraw(tmp_path / "data", words, **where)
    assert len(site.requests) == 2
    with pytest.raises(DataSetError, match=r"simplified/cow.ndjson: the server answers 404"):
        QuickDraw(tmp_path / "data", ["cat", "cow"], **where)
    with pytest.raises(ValueError, match="QuickDraw has no 'unicorn'"):
        QuickDraw(tmp_path / "data", ["unicorn"], **where)
    with pytest.raises(ValueError, match="classes must be named for a download"):
        QuickDraw(tmp_path / "data", **where)


def test_checksums_of_the_storage_and_of_the_user(site, tmp_path):
    write_ndjson(tmp_path / "file", records("cat", n=5))
    content = (tmp_path / "file").read_bytes()
    site.files["/full/simplified/cat.ndjson"] = content
    site.headers = {"x-goog-hash": "md5=" + base64.b64encode(hashlib.md5(b"other").digest()).decode()}
    where = {"download": True, "url": site.url, "progress": False}
    with pytest.raises(DataSetError, match="MD5 that the server states"):
        QuickDraw(tmp_path / "data", ["cat"], **where)
    site.headers = {}
    with pytest.raises(DataSetError, match="does not match"):
        QuickDraw(tmp_path / "data", ["cat"], known_hash={"cat": "md5:" + "0" * 32}, **where)
    known = {"cat": f"md5:{hashlib.md5(content).hexdigest()}"}
    assert len(QuickDraw(tmp_path / "data", ["cat"], known_hash=known, **where)) == 5


@pytest.mark.parametrize("kind", ["simplified", "binary"])
@pytest.mark.parametrize(
    "page", [b"<html>login</html>", b"", b"\n\n", b'{"error": "denied"}', b"<html>" * 99]
)
@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/html"}])
def test_a_page_to_log_in_is_no_drawings(site, tmp_path, kind, page, headers):
    suffix = "bin" if kind == "binary" else "ndjson"
    address = f"/full/{kind}/cat.{suffix}"
    site.files[address], site.headers = page, headers
    where = {"kind": kind, "download": True, "url": site.url, "progress": False}
    with pytest.raises(DataSetError, match=rf"{kind}/cat\.{suffix}: (no drawings of QuickDraw|.* web page)"):
        QuickDraw(tmp_path / "data", ["cat"], **where)
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    (write_bin if kind == "binary" else write_ndjson)(tmp_path / "file", records("cat", n=5))
    site.files[address], site.headers, site.etag = (tmp_path / "file").read_bytes(), {}, '"two"'
    assert len(QuickDraw(tmp_path / "data", ["cat"], **where)) == 5


def test_a_page_that_was_taken_for_drawings_is_refused(tmp_path):
    path = tmp_path / "cat.ndjson"
    path.write_text("<html>login</html>")
    _quickdraw_index._keep(
        tmp_path / ".index" / "cat.ndjson.npz",
        np.array([1, path.stat().st_size, path.stat().st_mtime_ns]),
        _quickdraw_index._index_ndjson(path),
    )
    with pytest.raises(
        SketchError, match=r"cat\.ndjson: begins with '<html>login</html>' and not with a drawing"
    ):
        QuickDraw(tmp_path, ["cat"], download=True)
    path.write_bytes(b"\xef\xbb\xbf" + b'{"key_id": "1", "drawing": [[[0], [1]]]}\n')
    assert len(QuickDraw(tmp_path)) == 1


def test_what_is_no_checksum_is_said_before_any_class_is_fetched(site, tmp_path):
    known = {"dog": "zzz"}
    with pytest.raises(DataSetError, match=r"dog: known_hash must be .*'zzz'"):
        QuickDraw(tmp_path, ["cat", "dog"], known_hash=known, download=True, url=site.url, progress=False)
    assert site.requests == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"kind": "numpy"}, "kind must be one of simplified, raw, binary"),
        ({"split": "validation"}, "split must be one of all, train, test"),
        ({"per_class": 0}, "per_class must be a whole number of at least 1"),
        ({"one_in": 1}, "one_in must be a whole number of at least 2"),
        ({"classes": ["a/b"]}, "'a/b' is no name of a class"),
        ({"classes": ["cat", "cat"]}, "has a name twice"),
    ],
)
def test_arguments(root, arguments, problem):
    with pytest.raises(ValueError, match=problem):
        QuickDraw(root, **arguments)


def test_what_is_not_there(root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"drawings of dog and 1 more are not in .*dog.ndjson"):
        QuickDraw(root, ["cat", "dog", "cow"])
    with pytest.raises(FileNotFoundError, match="drawings of any class are not in"):
        QuickDraw(tmp_path / "nothing")


def test_a_set_of_drawings_for_training(root):
    """The same numbers as in the files, and the same drawings held out as by `split`."""
    drawings = DrawingSet.load(root)
    data = QuickDraw(root)
    assert len(drawings) == 120
    assert drawings.classes == data.classes
    assert drawings.times is None
    for number in (0, 61, 119):
        ours, theirs = drawings.strokes(number), data[number][0].strokes
        assert all(np.array_equal(a, b[:, :2]) for a, b in zip(ours, theirs, strict=True))
        assert drawings.label[number] == data[number][1]
    _, held_out = drawings.split()
    assert drawings.key_id[held_out].tolist() == QuickDraw(root, split="test").key_id.tolist()
    raw = DrawingSet.from_quickdraw(QuickDraw(root, kind="raw", transform=len), progress=False)
    assert raw.strokes(3)[0].shape[1] == 3
    with pytest.raises(ValueError, match="no drawings to pack"):
        DrawingSet.from_quickdraw(
            QuickDraw(root, one_in=10**6, split="test", recognized=True), progress=False
        )


def test_all_345_classes(shared):
    with np.load(shared / "data" / "quickdraw345.npz") as file:
        assert tuple(file["classes"].tolist()) == QuickDraw.CLASSES


def test_the_real_drawings_through_ndjson(shared, tmp_path):
    """Drawings of the shared file written as Google does, read back as a training set: nothing changes."""
    real = DrawingSet.load(shared / "data" / "quickdraw345.npz")
    chosen = [np.flatnonzero(real.label == label)[:20] for label in (3, 7)]
    for label, indices in zip((3, 7), chosen, strict=True):
        with open(tmp_path / f"{real.classes[label]}.ndjson", "w") as file:
            for index in indices:
                drawing = [stroke.T.astype(int).tolist() for stroke in real.strokes(index)]
                file.write(json.dumps({"key_id": str(real.key_id[index]), "drawing": drawing}) + "\n")
    again = DrawingSet.load(tmp_path)
    assert again.key_id.tolist() == real.key_id[np.concatenate(chosen)].tolist()
    for number, index in enumerate(np.concatenate(chosen)):
        for ours, theirs in zip(again.strokes(number), real.strokes(index), strict=True):
            np.testing.assert_array_equal(ours, theirs)
