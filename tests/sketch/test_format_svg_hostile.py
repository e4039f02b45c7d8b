"""SVG files that are damaged, or made to do damage: one error each, which says where."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sketch_strategies import attempt

from sketchwidgets.sketch import Sketch, SketchError
from sketchwidgets.sketch.formats import _svg_walk
from sketchwidgets.sketch.formats import svg as module

HEAD = '<svg xmlns="http://www.w3.org/2000/svg">'
LAUGHS = (
    '<!DOCTYPE svg [<!ENTITY a "M0 0L9 9">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + ']>\n<svg><path d="&i;"/></svg>'
)

BAD_DOCUMENTS = {
    "billion laughs": (
        LAUGHS,
        "line 1: refused: XML with entities or external references (EntitiesForbidden)",
    ),
    "quadratic blowup": (
        f'<!DOCTYPE svg [<!ENTITY a "{"M0 0L9 9" * 1000}">]><svg><path d="{"&a;" * 1000}"/></svg>',
        "line 1: refused: XML with entities",
    ),
    "external entity": (
        '<!DOCTYPE svg [\n<!ENTITY a SYSTEM "file:///etc/passwd">]><svg><path d="&a;"/></svg>',
        "line 2: refused: XML with entities",
    ),
    "parameter entity": (
        '<!DOCTYPE svg [<!ENTITY % a SYSTEM "http://127.0.0.1:9/x">%a;]><svg><path d="M0 0L1 1"/></svg>',
        "line 1: refused: XML with entities",
    ),
    "undefined entity": ("<svg>\n&a;</svg>", "line 2: not well-formed XML: undefined entity"),
    "nested too deep": ("<svg>" + "<g>" * 100_000, "line 1: elements nested more than 256 deep"),
    "hidden but nested too deep": (
        "<svg>" + "<metadata>" * 100_000,
        "line 1: elements nested more than 256 deep",
    ),
    "empty text": ("<", "line 1: not well-formed XML"),
    "empty file": (b"", "line 1: not well-formed XML: no element found"),
    "truncated": (HEAD + '\n<path d="M0 0L1', "line 2: not well-formed XML: unclosed token"),
    "unclosed": (HEAD + '<path d="M0 0L1 1"/>', "line 1: not well-formed XML: no element found"),
    "not xml": (b"\x89PNG\r\n\x1a\n0000", "line 1: not well-formed XML"),
    "compressed": (b"\x1f\x8b\x08\x00 svgz", "line 1: not well-formed XML"),
    "unknown encoding": (
        b'<?xml version="1.0" encoding="klingon"?><svg/>',
        "line 1: not readable XML: unknown encoding: klingon",
    ),
    "wrong encoding": (b'<svg><path id="\xff\xfe"/></svg>', "line 1: not well-formed XML: not well-formed"),
    "html": ("<html><body/></html>", "line 1: the root element is <html>, not <svg>"),
    "another namespace": ('<svg xmlns="urn:x"/>', "line 1: the root element is <{urn:x}svg>, not <svg>"),
    "no strokes": (HEAD + "<g></g></svg>", "no strokes"),
    "only moves": (HEAD + '<path d="M1 1M2 2"/></svg>', "no strokes"),
}

BAD_ELEMENTS = {
    "not a path": (
        '<path id="7" d="hello"/>',
        "path '7': character 0: not path data: 'hello' where a moveto (M or m) must be",
    ),
    "another language": (
        '<path d="M0 0;DROP"/>',
        "<path>: character 4: not path data: ';DROP' where a path command must be",
    ),
    "line before move": ('<path d="L1 1"/>', "<path>: character 0: not path data: 'L1 1' where a moveto"),
    "odd numbers": (
        '<path d="M0 0L1"/>',
        "<path>: character 6: not path data: 'L' takes 2 numbers at a time, and 1 follow it",
    ),
    "no numbers": (
        '<path d="M0 0 C"/>',
        "<path>: character 6: not path data: 'C' takes 6 numbers at a time, and 0",
    ),
    "cut in a curve": (
        '<path d="M0 0C1 2 3 4 5"/>',
        "<path>: character 14: not path data: 'C' takes 6 numbers at a time",
    ),
    "numbers after close": (
        '<path d="M0 0z 5 5"/>',
        "<path>: character 6: not path data: '5 5' where a path command",
    ),
    "nan": (
        '<path d="M0 0L1 NaN"/>',
        "<path>: character 7: not path data: 'L' takes 2 numbers at a time, and 1",
    ),
    "inf": ('<path d="M0 0L1 inf"/>', "<path>: character 7: not path data: 'L' takes 2"),
    "overflow": ('<path d="M0 0L1 1e999"/>', "<path>: path data with a number beyond ±1e9"),
    "beyond float32": ('<path d="M0 0L1 1e300"/>', "<path>: path data with a number beyond ±1e9"),
    "sum beyond": ('<path d="M9e8 0l9e8 0"/>', "<path>: a coordinate is not a number within ±1e9"),
    "arc with a bad flag": (
        '<path d="M0 0A1 1 0 2 1 5 5"/>',
        "<path>: character 11: not path data: 'A' takes 7",
    ),
    "arc of no size": (
        '<path d="M0 0A1 1e-300 0 0 1 5 5"/>',
        "<path>: path data beyond arithmetic: float division by zero",
    ),
    "odd points": (
        '<polyline id="p" points="1 2 3"/>',
        "polyline 'p': attribute 'points': has 3 numbers, which are no pairs",
    ),
    "points of text": (
        '<polygon points="1 2 a b"/>',
        "<polygon>: attribute 'points': is not a list of numbers: 'a'",
    ),
    "points with nan": (
        '<polygon points="1 2 nan 3"/>',
        "<polygon>: attribute 'points': is not a list of numbers: 'nan'",
    ),
    "points that overflow": (
        '<polyline points="0 0 1e999 0"/>',
        "<polyline>: attribute 'points': a number beyond ±1e9",
    ),
    "length of text": ('<line x1="abc"/>', "<line>: attribute 'x1': is 'abc', not a length"),
    "length in em": ('<line x1="3em"/>', "<line>: attribute 'x1': is '3em', not a length"),
    "length that overflows": (
        '<rect width="1e999" height="1"/>',
        "<rect>: attribute 'width': is '1e999', beyond ±1e9",
    ),
    "unknown transform": (
        '<path transform="wobble(3)" d="M0 0L1 1"/>',
        "<path>: attribute 'transform': is not a list of transforms: 'wobble(3)'",
    ),
    "transform with junk": (
        '<g transform="scale(2) ;x"/>',
        "<g>: attribute 'transform': is not a list of transforms: ';x'",
    ),
    "transform with too few": (
        '<g transform="matrix(1 2 3)"/>',
        "<g>: attribute 'transform': is not a list of transforms: 'matrix(1 2 3)'",
    ),
    "transform with text": (
        '<g transform="scale(a)"/>',
        "<g>: attribute 'scale': is not a list of numbers: 'a'",
    ),
    "unclosed transform": (
        '<g transform="scale(2"/>',
        "<g>: attribute 'transform': is not a list of transforms: 'scale(2'",
    ),
    "transform that overflows": (
        '<g transform="scale(1e999)"/>',
        "<g>: attribute 'transform': is not finite",
    ),
    "transforms that overflow": (
        '<g transform="scale(1e200)"><g transform="scale(1e200)"><path d="M0 0L1 1"/></g></g>',
        "<path>: a coordinate is not a number within ±1e9 after the transforms",
    ),
    "skew into infinity": (
        '<path transform="skewX(90)" d="M0 0L1 1"/>',
        "<path>: a coordinate is not a number within",
    ),
    "reference": ('<use href="#a"/>', "<use>: a reference to another element is not followed"),
    "inner viewbox": (
        '<svg viewBox="0 0 0 0"/>',
        "<svg>: attribute 'viewBox': is '0 0 0 0', not four numbers",
    ),
    "viewbox of text": (
        '<svg viewBox="a b c d"/>',
        "<svg>: attribute 'viewBox': is not a list of numbers: 'a'",
    ),
    "viewbox of three": (
        '<svg viewBox="0 0 10"/>',
        "<svg>: attribute 'viewBox': is '0 0 10', not four numbers",
    ),
    "no viewport": ('<svg viewBox="0 0 9 9" width="0" height="5"/>', "<svg>: the viewport is 0 by 5"),
}


@pytest.mark.parametrize("name", BAD_DOCUMENTS)
def test_a_bad_document_is_named_with_its_file(tmp_path, name):
    content, message = BAD_DOCUMENTS[name]
    path = tmp_path / "cat.svg"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SketchError, match=f"^{re.escape(f'{path}: {message}')}") as caught:
        Sketch.from_svg(path)
    assert len(str(caught.value)) < len(str(path)) + 250
    with pytest.raises(SketchError, match=f"^{re.escape(f'SVG text: {message}')}"):
        Sketch.from_svg(content)


@pytest.mark.parametrize("name", BAD_ELEMENTS)
def test_a_bad_element_is_named_with_its_line(tmp_path, name):
    body, message = BAD_ELEMENTS[name]
    path = tmp_path / "cat.svg"
    path.write_text(f'{HEAD}\n<path d="M0 0L1 1"/>\n{body}</svg>', encoding="utf-8")
    with pytest.raises(SketchError, match=f"^{re.escape(f'{path}: line 3: {message}')}") as caught:
        Sketch.from_svg(path)
    assert len(str(caught.value)) < len(str(path)) + 250


def test_the_parser_of_svgelements_never_sees_the_document(monkeypatch):
    import svgelements

    def refuse(*_args, **_kwargs):
        raise AssertionError("svgelements was given XML")

    monkeypatch.setattr(svgelements.SVG, "parse", refuse)
    monkeypatch.setattr(svgelements.svgelements, "iterparse", refuse)
    assert len(Sketch.from_svg(f'{HEAD}<g transform="scale(2)"><path d="M0 0C1 1 2 2 3 3"/></g></svg>')) == 1


def test_nothing_outside_is_read(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("M0 0L5 5", encoding="utf-8")
    entity = f'<!DOCTYPE svg [<!ENTITY a SYSTEM "{secret.as_uri()}">]>'
    text = f'{entity}<svg><text>&a;</text><path d="M0 0L1 1"/></svg>'
    with pytest.raises(SketchError, match="refused"):
        Sketch.from_svg(text)
    # TU-Berlin's files name the DTD of SVG 1.1 on the web, which is not fetched.
    doctype = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://127.0.0.1:9/svg11.dtd">'
    assert len(Sketch.from_svg(f'{doctype}{HEAD}<path d="M0 0L1 1"/></svg>')) == 1


def test_a_large_file_is_refused_before_it_is_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "walk", lambda _content: pytest.fail("parsed"))
    path = tmp_path / "large.svg"
    with open(path, "wb") as file:
        file.seek(module.MAX_SVG_BYTES)
        file.write(b"x")
    with pytest.raises(SketchError, match=r"large.svg: larger than 67,108,864 bytes$"):
        Sketch.from_svg(path)


@pytest.mark.slow
def test_too_many_strokes_are_refused(monkeypatch):
    with pytest.raises(SketchError, match=r"^SVG text: line 1: <path>: more than 100,000 strokes$"):
        Sketch.from_svg(f'<svg><path d="{"M1 1L2 2" * 100_001}"/></svg>')
    monkeypatch.setattr(_svg_walk, "MAX_STROKES", 20)
    lines = '<line x2="1"/>' * 20
    assert len(Sketch.from_svg(f"<svg>{lines}</svg>")) == 20
    with pytest.raises(SketchError, match=r"^SVG text: line 2: <line>: more than 20 strokes$"):
        Sketch.from_svg(f"<svg>{lines}\n<line/></svg>")


@pytest.mark.slow
def test_ten_million_points_are_refused():
    with pytest.raises(SketchError, match=r"SVG text: line 1: <path>: more than 1,000,000 segments$"):
        Sketch.from_svg(f'<svg><path d="M0 0h{"1 " * 10_000_000}"/></svg>')
    with pytest.raises(SketchError, match=r"<polyline>: more than 1,000,000 points$"):
        Sketch.from_svg(f'<svg><polyline points="{"1 1 " * 1_000_002}"/></svg>')


def test_a_curve_at_too_fine_a_tolerance_is_refused():
    text = '<svg><path d="M0 0C0 1e6 1e6 1e6 1e6 0"/></svg>'
    with pytest.raises(SketchError, match=r"<path>: more than 1,000,000 points at a tolerance of 1e-12$"):
        Sketch.from_svg(text, tolerance=1e-12)
    for tolerance in (0, -1, float("nan")):
        with pytest.raises(SketchError, match="not a positive number"):
            Sketch.from_svg(text, tolerance=tolerance)


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Sketch.from_svg(tmp_path / "nowhere.svg")


@given(st.text("MmLlHhVvCcSsQqTtAaZz0123456789.,-+eE ", max_size=60))
def test_any_path_data_is_drawn_or_a_sketch_error(data):
    text = f'<svg><path d="{data}"/><path d="M0 0L1 1"/></svg>'
    sketch, error = attempt(Sketch.from_svg, text)
    if sketch is None:
        assert error.startswith("SVG text: line 1: <path>: ")
    else:
        assert sketch[-1][:, :2].tolist() == [[0, 0], [1, 1]]


_argument = st.sampled_from(["0", "1", "-3", "2.5", "1e3", "1e-300", "1e300", ".0", "-0"])
_command = st.tuples(st.sampled_from("MmLlHhVvCcSsQqTtAaZz"), st.lists(_argument, min_size=7, max_size=7))
_COUNTS = {"m": 2, "l": 2, "h": 1, "v": 1, "c": 6, "s": 4, "q": 4, "t": 2, "a": 7, "z": 0}


@given(st.lists(_command, max_size=5))
def test_well_formed_path_data_is_drawn_or_beyond_the_limits(commands):
    parts = []
    for letter, arguments in commands:
        if letter in "Aa":
            arguments[3:5] = "01"
        parts.append(f"{letter}{' '.join(arguments[: _COUNTS[letter.lower()]])}")
    text = f'<svg><path d="M0 0{"".join(parts)}"/><path d="M0 0L1 1"/></svg>'
    sketch, error = attempt(Sketch.from_svg, text)
    if sketch is None:
        assert "±1e9" in error or "beyond arithmetic" in error
    else:
        assert len(sketch) >= 1


_documents = st.text("<>/&;svgpath d='\"=M0L1!-[]?xml", max_size=80).map(lambda text: f"<{text}")


@given(st.binary(max_size=60) | _documents)
def test_any_document_is_an_error_or_a_sketch(content):
    sketch, error = attempt(Sketch.from_svg, content)
    if sketch is None:
        assert error.startswith("SVG text: ")
    else:
        assert len(sketch) >= 1
