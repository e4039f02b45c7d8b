"""QuickDraw ndjson and .bin: what is written comes back, and real drawings keep their form."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sketch_strategies import REAL, distance_to_line, sketches, whole_sketches

from sketchwidgets.sketch import (
    QuickDrawRecord,
    Sketch,
    SketchError,
    read_bin,
    read_ndjson,
    simplify,
    write_bin,
    write_ndjson,
)

# The layout of the README of googlecreativelab/quickdraw-dataset, with a drawing made up for this test.
LINE = (
    '{"word":"cat","countrycode":"VE","timestamp":"2017-03-02 23:25:10.07453 UTC","recognized":true,'
    '"key_id":"5201136883597312","drawing":[[[130,113,99],[72,40,27]],[[76,28],[136,128]]]}'
)
RAW = '{"word":"cat","drawing":[[[130.5,113.25],[72,40.125],[0,17]],[[76],[136],[230]]]}'

seconds = st.integers(0, 2**32 - 1)
records = st.builds(
    QuickDrawRecord,
    sketch=whole_sketches(),
    word=st.text(max_size=8),
    key_id=st.integers(0, 2**64 - 1).map(str),
    countrycode=st.text("ABCXYZ", min_size=2, max_size=2),
    recognized=st.booleans(),
    timestamp=seconds.map(lambda s: datetime.fromtimestamp(s, UTC)),
)


def test_reads_a_simplified_line():
    sketch = Sketch.from_quickdraw(LINE)
    assert not sketch.timed
    assert sketch.lengths.tolist() == [3, 2]
    assert sketch.points[:, :2].tolist() == [[130, 72], [113, 40], [99, 27], [76, 136], [28, 128]]


def test_reads_a_raw_line_with_its_times():
    sketch = Sketch.from_quickdraw(RAW)
    assert sketch.timed
    assert sketch[0].tolist() == [[130.5, 72, 0, 1], [113.25, 40.125, 17, 1]]
    assert sketch[1].tolist() == [[76, 136, 230, 1]]


def test_reads_records_with_their_labels(tmp_path):
    path = tmp_path / "cats.ndjson"
    path.write_text(f"{LINE}\r\n\n{RAW}", encoding="utf-8")
    first, second = read_ndjson(path)
    assert first.word == second.word == "cat"
    assert first.key_id == "5201136883597312"
    assert first.countrycode == "VE"
    assert first.recognized is True
    assert first.timestamp == datetime(2017, 3, 2, 23, 25, 10, 74530, tzinfo=UTC)
    assert second.key_id is second.countrycode is second.recognized is second.timestamp is None
    assert Sketch.from_quickdraw(path, 1) == Sketch.from_quickdraw(str(path), 1) == second.sketch
    assert Sketch.from_quickdraw(json.loads(LINE)) == Sketch.from_quickdraw(LINE.encode()) == first.sketch


def test_reads_a_bare_drawing():
    for line in (LINE, RAW):
        drawing = json.loads(line)["drawing"]
        assert (
            Sketch.from_quickdraw(drawing)
            == Sketch.from_quickdraw(tuple(drawing))
            == Sketch.from_quickdraw(line)
        )


def test_a_numeric_key_is_as_good_as_a_text():
    record = json.loads(LINE) | {"key_id": 5201136883597312}
    assert Sketch.from_quickdraw(record) == Sketch.from_quickdraw(LINE)


def test_writes_plain_numbers_and_only_known_fields():
    sketch = Sketch([[(0, 0.1), (3, 4)]])
    assert sketch.to_quickdraw(word="line") == {"word": "line", "drawing": [[[0, 3], [0.1, 4]]]}
    assert json.dumps(sketch.to_quickdraw()) == '{"drawing": [[[0, 3], [0.1, 4]]]}'
    timed = Sketch([[(0, 1, 2)]]).to_quickdraw(recognized=False, key_id="7", countrycode="DE")
    assert timed == {"key_id": "7", "countrycode": "DE", "recognized": False, "drawing": [[[0], [1], [2]]]}


@given(st.one_of(sketches(), sketches(columns=3)))
def test_any_sketch_comes_back_from_json(sketch):
    assert Sketch.from_quickdraw(json.dumps(sketch.to_quickdraw())) == sketch


@given(st.lists(records, min_size=1, max_size=4))
def test_records_come_back_from_ndjson(tmp_path_factory, expected):
    path = tmp_path_factory.mktemp("ndjson") / "some.ndjson"
    write_ndjson(path, expected)
    assert list(read_ndjson(path)) == expected


@given(st.lists(records, min_size=1, max_size=4))
def test_records_come_back_from_bin(tmp_path_factory, expected):
    path = tmp_path_factory.mktemp("bin") / "cat.bin"
    write_bin(path, expected)
    found = list(read_bin(path))
    assert {record.word for record in found} == {"cat"}
    for one, other in zip(found, expected, strict=True):
        assert one.sketch == other.sketch
        assert (one.key_id, one.countrycode, one.recognized, one.timestamp) == (
            other.key_id,
            other.countrycode,
            other.recognized,
            other.timestamp,
        )


def test_bin_has_the_published_layout(tmp_path):
    path = tmp_path / "line.bin"
    sketch = Sketch([[(1, 2), (3, 4)], [(5, 6)]])
    when = datetime.fromtimestamp(0x01020304, UTC)
    write_bin(
        path, [QuickDrawRecord(sketch, key_id="255", countrycode="DE", recognized=True, timestamp=when)]
    )
    expected = b"\xff" + bytes(7) + b"DE\x01\x04\x03\x02\x01" + b"\x02\x00"
    expected += b"\x02\x00\x01\x03\x02\x04" + b"\x01\x00\x05\x06"
    assert path.read_bytes() == expected
    assert Sketch.from_quickdraw(path) == sketch
    assert next(read_bin(path, word="a line")).word == "a line"


def test_bin_knows_nothing_of_a_sketch_without_labels(tmp_path):
    write_bin(tmp_path / "a.bin", [QuickDrawRecord(Sketch([[(1, 2)]]))])
    record = next(read_bin(tmp_path / "a.bin"))
    assert (record.key_id, record.countrycode, record.recognized) == ("0", "  ", False)


# QuickDraw's simplified form


@given(sketches(numbers=REAL))
def test_simplified_drawings_fill_their_frame(sketch):
    simple = simplify(sketch)
    assert not simple.timed
    assert len(simple) == len(sketch)
    left, top, right, bottom = simple.bounds
    # Resampling at a distance of one may pass a sharp corner by half a unit, and rounding adds another half.
    assert 0 <= left <= 1
    assert 0 <= top <= 1
    was = sketch.bounds
    if was[0] == was[2] and was[1] == was[3]:
        assert max(right, bottom) == 0
    else:
        assert 254 <= max(right, bottom) <= 255
    assert np.array_equal(simple.points, np.rint(simple.points))
    assert Sketch.from_quickdraw(sketch.to_quickdraw(simplify=True)) == simple


@given(sketches(numbers=REAL))
def test_simplified_lines_stay_near_the_drawn_points(sketch):
    simple = simplify(sketch)
    left, top, right, bottom = sketch.bounds
    extent = float(max(right - left, bottom - top))
    scale = 255 / extent if extent else 0.0
    for drawn, line in zip(sketch.strokes, simple.strokes, strict=True):
        scaled = (drawn[:, :2].astype(float) - (left, top)) * scale
        # 2 of Ramer-Douglas-Peucker, half a unit of resampling past a corner, half a diagonal of rounding.
        assert distance_to_line(scaled, line[:, :2].astype(float)).max() <= 2 + 0.5 + 0.5 * np.sqrt(2) + 1e-6


def test_simplify_drops_what_lies_on_a_line_and_keeps_corners():
    sketch = Sketch([[(0, 0), (50, 0), (100, 0), (100, 40), (100, 80)]])
    assert simplify(sketch).points[:, :2].tolist() == [[0, 0], [255, 0], [255, 204]]


def test_simplify_needs_a_drawing():
    with pytest.raises(SketchError, match="no strokes"):
        simplify(Sketch([]))


# Real drawings


def test_real_simplified_drawings_survive_every_format(shared, tmp_path):
    z = np.load(shared / "data" / "quickdraw345.npz")
    drawings = [QuickDrawRecord(sketch, word) for sketch, word in _drawings(z, [z["xy"]], 200)]
    write_ndjson(tmp_path / "a.ndjson", drawings)
    write_bin(tmp_path / "a.bin", drawings)
    assert list(read_ndjson(tmp_path / "a.ndjson")) == drawings
    assert [record.sketch for record in read_bin(tmp_path / "a.bin")] == [r.sketch for r in drawings]
    for record in drawings:
        assert Sketch.from_stroke3(record.sketch.to_stroke3()) == record.sketch
        assert Sketch.from_stroke5(record.sketch.to_stroke5()) == record.sketch
        twin = Sketch.from_svg(record.sketch.to_svg())
        assert len(twin) == len(record.sketch)
        assert twin.bounds == record.sketch.bounds


def test_real_timed_drawings_survive_ndjson_and_simplify_like_google_does(shared, tmp_path):
    z = np.load(shared / "data" / "quickdraw345_timed.npz")
    columns = [np.column_stack([z["x"], z["y"], z["t_ms"]])]
    drawings = [QuickDrawRecord(sketch, word) for sketch, word in _drawings(z, columns, 200)]
    assert all(record.sketch.timed for record in drawings)
    write_ndjson(tmp_path / "raw.ndjson", drawings)
    assert list(read_ndjson(tmp_path / "raw.ndjson")) == drawings
    # Google's own simplified drawings of the same categories: about as many points a stroke.
    simple = [simplify(record.sketch) for record in drawings]
    per_stroke = sum(len(s.points) for s in simple) / sum(len(s) for s in simple)
    z = np.load(shared / "data" / "quickdraw345.npz")
    google = z["stroke_len"].mean()
    assert google * 0.85 < per_stroke < google * 1.15


def _drawings(z, columns, n):
    strokes = np.r_[0, np.cumsum(z["n_strokes"], dtype=np.int64)]
    points = np.r_[0, np.cumsum(z["stroke_len"], dtype=np.int64)]
    for i in range(n):
        parts = [columns[0][points[s] : points[s + 1]] for s in range(strokes[i], strokes[i + 1])]
        yield Sketch(parts), str(z["classes"][z["label"][i]])
