"""QuickDraw files that are damaged, or made to do damage: one error each, which says where."""

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sketch_strategies import attempt

from sketchwidgets.sketch import (
    QuickDrawRecord,
    Sketch,
    SketchError,
    read_bin,
    read_ndjson,
    write_bin,
    write_ndjson,
)
from sketchwidgets.sketch.formats import quickdraw

GOOD = '{"word":"cat","drawing":[[[1,2],[3,4]]]}'
MANY = ",".join(["1"] * 1_100_000)

BAD_LINES = {
    "truncated": (GOOD[:-6], "not JSON: Expecting ',' delimiter at character 34"),
    "cut within a key": ('{"dra', "not JSON: Unterminated string at character 1"),
    "no json": ("cat,1,2,3", "not JSON: Expecting value at character 0"),
    "two records on a line": (GOOD + GOOD, "not JSON: Extra data"),
    "not utf-8": (b'{"word":"\xff\xfe","drawing":[]}', "not JSON: 'utf-8' codec"),
    "null": ("null", "a record is an object, not NoneType"),
    "a list": ("[[[1],[2]]]", "a record is an object, not list"),
    "no drawing": ('{"word":"cat"}', "no field 'drawing', only ['word']"),
    "no strokes": ('{"drawing":[]}', "no strokes"),
    "drawing is text": ('{"drawing":"M0 0"}', "'drawing' is 'M0 0', not a list of strokes"),
    "drawing is an object": ('{"drawing":{"0":1}}', "'drawing' is {'0': 1}, not a list of strokes"),
    "stroke is a number": ('{"drawing":[7]}', "stroke 0: is 7, not [xs, ys] or [xs, ys, ts]"),
    "one list": ('{"drawing":[[[1,2]]]}', "stroke 0: has 1 lists"),
    "four lists": ('{"drawing":[[[1],[2],[3],[4]]]}', "stroke 0: has 4 lists"),
    "points instead of columns": ('{"drawing":[[1,2],[3,4]]}', "stroke 0: x is 1, not a list of numbers"),
    "empty stroke": ('{"drawing":[[[1],[2]],[[],[]]]}', "stroke 1: has no points"),
    "mismatched": (
        '{"drawing":[[[1],[2]],[[1,2],[3]]]}',
        "stroke 1: has lists of different lengths: x 2, y 1",
    ),
    "mismatched time": (
        '{"drawing":[[[1],[2],[]]]}',
        "stroke 0: has lists of different lengths: x 1, y 1, t 0",
    ),
    "time in some strokes": (
        '{"drawing":[[[1],[2],[3]],[[1],[2]]]}',
        "stroke 1: has 2 lists, and the first stroke 3",
    ),
    "null coordinate": ('{"drawing":[[[1,null],[2,3]]]}', "stroke 0: point 1: x is None, not a number"),
    "text coordinate": ('{"drawing":[[[1],["2"]]]}', "stroke 0: point 0: y is '2', not a number"),
    "boolean coordinate": ('{"drawing":[[[1],[true]]]}', "stroke 0: point 0: y is True, not a number"),
    "list coordinate": ('{"drawing":[[[1],[[2]]]]}', "stroke 0: point 0: y is [2], not a number"),
    "nan": ('{"drawing":[[[1,2],[3,NaN]]]}', "stroke 0: point 1: y is nan, not a number within ±1e9"),
    "infinity": ('{"drawing":[[[1],[3],[-Infinity]]]}', "stroke 0: point 0: t is -inf"),
    "overflow to infinity": ('{"drawing":[[[1e999],[3]]]}', "stroke 0: point 0: x is inf"),
    "beyond float32": ('{"drawing":[[[1e300],[3]]]}', "stroke 0: point 0: x is 1e+300"),
    "huge integer": (f'{{"drawing":[[[1{"0" * 400}],[3]]]}}', "stroke 0: point 0: x is too large"),
    "integer of 5000 digits": (f'{{"drawing":[[[{"9" * 5000}],[3]]]}}', "not JSON: Exceeds the limit"),
    "nested too deep": ('{"drawing":' + "[" * 100_000, "not a drawing: JSON nested too deeply"),
    "too many strokes": ('{"drawing":[' + "[]," * 450_000 + "[]]}", "more than 100,000 strokes"),
    "too many points": (f'{{"drawing":[[[{MANY}],[{MANY}]]]}}', "more than 1,000,000 points"),
    "too many commas": (f'{{"drawing":[[[{",".join([MANY] * 3)}]]]}}', "more than 1,000,000 points"),
    "word is a number": ('{"word":3,"drawing":[[[1],[2]]]}', "field 'word': is 3, not str"),
    "recognized is text": (
        '{"recognized":"yes","drawing":[[[1],[2]]]}',
        "field 'recognized': is 'yes', not bool",
    ),
    "timestamp is no time": (
        '{"timestamp":"now","drawing":[[[1],[2]]]}',
        "field 'timestamp': is 'now', not like",
    ),
    "timestamp is a number": ('{"timestamp":12,"drawing":[[[1],[2]]]}', "field 'timestamp': is 12, not like"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_named_with_its_file(tmp_path, name):
    line, message = BAD_LINES[name]
    path = tmp_path / "cats.ndjson"
    path.write_bytes(f"{GOOD}\n\n".encode() + (line.encode() if isinstance(line, str) else line) + b"\n")
    reader = read_ndjson(path)
    assert next(reader).word == "cat"
    with pytest.raises(SketchError, match=f"^{re.escape(f'{path}: line 3: {message}')}") as caught:
        next(reader)
    assert len(str(caught.value)) < len(str(path)) + 250
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name, (line, _) in BAD_LINES.items() if line[:1] == "{"])
def test_a_bad_text_or_record_is_named(name):
    line, message = BAD_LINES[name]
    with pytest.raises(SketchError, match=f"^{re.escape(f'JSON text: {message}')}"):
        Sketch.from_quickdraw(line)


def test_ten_million_points_are_refused_by_the_length_of_the_line(tmp_path):
    path = tmp_path / "long.ndjson"
    xs = b"1," * 9_999_999 + b"1"
    path.write_bytes(b'{"drawing":[[[' + xs + b"],[" + xs + b"]]]}\n")
    with pytest.raises(SketchError, match=r"long.ndjson: line 1: longer than 33,554,432 bytes$"):
        list(read_ndjson(path))


def test_a_file_without_lines_or_without_the_record(tmp_path):
    empty = tmp_path / "empty.ndjson"
    empty.write_bytes(b"")
    with pytest.raises(SketchError, match=r"empty.ndjson: the file is empty$"):
        list(read_ndjson(empty))
    one = tmp_path / "one.ndjson"
    one.write_text(GOOD, encoding="utf-8")
    with pytest.raises(SketchError, match=r"one.ndjson: has no record 1$"):
        Sketch.from_quickdraw(one, 1)
    with pytest.raises(SketchError, match=r"one.ndjson: index -1 is negative$"):
        Sketch.from_quickdraw(one, -1)
    with pytest.raises(FileNotFoundError):
        Sketch.from_quickdraw(tmp_path / "nowhere.ndjson")


def test_an_index_is_for_files():
    record = json.loads(GOOD)
    for source in (record, record["drawing"], GOOD, GOOD.encode()):
        assert Sketch.from_quickdraw(source, 0) == Sketch.from_quickdraw(source)
        for index in (4, -1):
            with pytest.raises(SketchError, match=rf"^index {index} is for the records of a file"):
                Sketch.from_quickdraw(source, index)


@pytest.mark.parametrize("source", [None, 3, {1, 2}, iter([])])
def test_what_is_no_source_is_named(source):
    with pytest.raises(SketchError, match=rf"^a record is a dict, a list .* not {type(source).__name__}$"):
        Sketch.from_quickdraw(source)


@pytest.mark.parametrize(
    ("drawing", "message"),
    [
        ([], "^no strokes$"),
        ([[(0, 0), (5, 5), (9, 9), (1, 1)]], r"^stroke 0: has 4 lists, not \[xs, ys\]"),
        ([json.loads(GOOD)], r"^stroke 0: is .*, not \[xs, ys\]"),
    ],
)
def test_a_bare_list_that_is_no_drawing(drawing, message):
    with pytest.raises(SketchError, match=message):
        Sketch.from_quickdraw(drawing)


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_no_text_makes_another_error(text):
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    with pytest.raises(SketchError):
        Sketch.from_quickdraw(raw)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_a_drawing_or_a_sketch_error(value):
    sketch, error = attempt(Sketch.from_quickdraw, json.dumps({"drawing": value}))
    if sketch is None:
        assert error.startswith("JSON text: ")
    else:
        assert len(sketch) == len(value)


# .bin

RECORD = QuickDrawRecord(
    Sketch([[(1, 2), (3, 4)], [(5, 6)]]),
    key_id="7",
    countrycode="DE",
    timestamp=datetime(2017, 1, 1, tzinfo=UTC),
)


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "cat.bin"
    write_bin(path, [RECORD])
    return path.read_bytes()


def _read(tmp_path, content):
    path = tmp_path / "cat.bin"
    path.write_bytes(content)
    return list(read_bin(path))


def test_a_bin_file_cut_anywhere_says_so(tmp_path, good):
    for length in range(1, len(good)):
        with pytest.raises(SketchError, match=rf"cat.bin: record 1 at byte {len(good)}: .*the file ends"):
            _read(tmp_path, good + good[:length])
    with pytest.raises(SketchError, match=r"cat.bin: the file is empty"):
        _read(tmp_path, b"")


# Offsets: key_id 0, country 8, recognized 10, time 11, strokes 15, first stroke 17, second stroke 23.
BAD_BYTES = {
    "counts beyond the file": (
        17,
        b"\xff\xff",
        "stroke 0: counts 65535 points, and the file ends after 8 of",
    ),
    "more strokes than there are": (15, b"\xff\xff", "the file ends at byte 27, before stroke 2 of 65535"),
    "no strokes": (15, b"\x00\x00", "no strokes"),
    "an empty stroke": (23, b"\x00\x00", "stroke 1: has no points"),
    "recognized is neither": (10, b"\x05", "recognized is 5, not 0 or 1"),
    "country is no text": (8, b"\xff\xfe", r"country is b'\xff\xfe', not two letters"),
}


@pytest.mark.parametrize("name", BAD_BYTES)
def test_bad_bytes_are_named(tmp_path, good, name):
    offset, replacement, message = BAD_BYTES[name]
    broken = good[:offset] + replacement + good[offset + len(replacement) :]
    with pytest.raises(SketchError, match=re.escape(f"cat.bin: record 0 at byte 0: {message}")):
        _read(tmp_path, broken)


def test_a_bin_record_of_too_many_points(tmp_path):
    stroke = b"\xff\xff" + bytes(2 * 0xFFFF)
    head = bytes(8) + b"DE" + bytes(5) + b"\x14\x00"
    with pytest.raises(SketchError, match=r"record 0 at byte 0: stroke 15: more than 1,000,000 points"):
        _read(tmp_path, head + 20 * stroke)


@given(st.binary(min_size=1, max_size=80))
def test_any_bytes_are_drawings_or_a_sketch_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bin") / "any.bin"
    path.write_bytes(content)
    records, error = attempt(lambda: list(read_bin(path)))
    if records is None:
        assert error.startswith(f"{path}: record ")
    else:
        assert all(len(record.sketch) for record in records)


# Writers


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (QuickDrawRecord(Sketch([])), "no strokes"),
        (QuickDrawRecord(Sketch([[(0.5, 0)]])), "stroke 0: coordinates are not whole numbers from 0 to 255"),
        (QuickDrawRecord(Sketch([[(0, 0)], [(0, 256)]])), "stroke 1: coordinates are not whole"),
        (QuickDrawRecord(Sketch([[(-1, 0)]])), "stroke 0: coordinates are not whole"),
        (QuickDrawRecord(Sketch([[(0, 0)] * 65536])), "stroke 0: 65,536 points"),
        (QuickDrawRecord(Sketch([[(0, 0)]] * 65536)), "65,536 strokes"),
        (QuickDrawRecord(Sketch([[(0, 0)]]), key_id="abc"), "key_id 'abc' is not a number"),
        (QuickDrawRecord(Sketch([[(0, 0)]]), key_id="9" * 5000), "key_id '999"),
        (QuickDrawRecord(Sketch([[(0, 0)]]), countrycode="DEU"), "country 'DEU' is not two ASCII letters"),
        (
            QuickDrawRecord(Sketch([[(0, 0)]]), timestamp=datetime(1960, 1, 1, tzinfo=UTC)),
            "timestamp -315619200 s is not within 1970 and 2106",
        ),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_what_has_no_place_in_bin_is_refused(tmp_path, record, message):
    with pytest.raises(SketchError, match=re.escape(f"cat.bin: record 1: {message}")):
        write_bin(tmp_path / "cat.bin", [RECORD, record])


def test_a_drawing_without_strokes_is_not_written(tmp_path):
    with pytest.raises(SketchError, match=r"a.ndjson: line 2: no strokes"):
        write_ndjson(tmp_path / "a.ndjson", [RECORD, QuickDrawRecord(Sketch([]))])
    with pytest.raises(SketchError, match="no strokes"):
        Sketch([]).to_quickdraw()


def test_the_limit_of_a_line_holds_a_full_drawing():
    """A million raw points in full precision are about 27 bytes each."""
    assert quickdraw.MAX_LINE_BYTES > 1_000_000 * 27
