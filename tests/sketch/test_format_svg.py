"""SVG: real TU-Berlin files, every shape against its formula, and what is written comes back."""

import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sketch_strategies import distance_to_line, sketches

from sketchwidgets.sketch import Sketch, SketchError


def svg(body, attributes=""):
    return f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{body}</svg>'


def xy(text, **options):
    """The coordinates of every stroke, as nested lists."""
    return [stroke[:, :2].tolist() for stroke in Sketch.from_svg(text, **options).strokes]


# What is written comes back


@given(sketches())
def test_points_come_back_exactly(sketch):
    twin = Sketch.from_svg(sketch.to_svg())
    assert len(twin) == len(sketch)
    for one, other in zip(twin.strokes, sketch.strokes, strict=True):
        still = (other[:, :2] == other[0, :2]).all()  # a stroke that never moves is a dot
        assert np.array_equal(one, other[:1] if still else other)


def test_writes_one_path_a_stroke_to_text_and_file(tmp_path):
    sketch = Sketch([[(0, 0), (10, 5.5)], [(3, 3)]])
    text = sketch.to_svg(tmp_path / "a.svg", stroke_width=2)
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == text
    root = ET.fromstring(text)
    paths = root.findall(".//{http://www.w3.org/2000/svg}path")
    assert [(p.get("id"), p.get("d")) for p in paths] == [("0", "M0 0L10 5.5"), ("1", "M3 3L3 3")]
    group = root[0]
    assert (group.get("fill"), group.get("stroke-width")) == ("none", "2")
    left, top, width, height = map(float, root.get("viewBox").split())
    assert left < 0
    assert top < 0
    assert left + width > 10
    assert top + height > 5.5
    assert Sketch.from_svg(tmp_path / "a.svg") == Sketch.from_svg(str(tmp_path / "a.svg")) == sketch
    assert Sketch.from_svg(text.encode()) == sketch
    with pytest.raises(SketchError, match="no strokes"):
        Sketch([]).to_svg()


@pytest.mark.slow
def test_very_many_points_come_back():
    spiral = np.linspace(0, 500, 200_000)
    sketch = Sketch([np.column_stack([spiral * np.cos(spiral), spiral * np.sin(spiral)])])
    assert Sketch.from_svg(sketch.to_svg()) == sketch
    assert len(sketch._repr_html_()) < 500_000


def test_draws_itself_in_the_colour_of_the_text():
    html = Sketch([[(0, 0), (100, 50)], [(3, 3)]])._repr_html_()
    root = ET.fromstring(html)
    assert root.get("stroke") == "currentColor"
    assert (root.get("width"), root.get("height")) == ("172", "92")
    assert root.get("aria-label") == "Sketch(2 strokes, 3 points)"
    assert root[-1].get("d") == "M6.0 6.0L166.0 86.0M10.8 10.8L10.8 10.8".replace(".0", "")
    assert ET.fromstring(Sketch([])._repr_html_())[-1].get("d") == ""
    ET.fromstring(Sketch([[(7, 7)]])._repr_html_())


# Shapes


def test_lines_need_no_flattening():
    assert xy(svg('<path d="M0 0L10 0 10 5"/>')) == [[[0, 0], [10, 0], [10, 5]]]
    assert xy(svg('<path d="m1,1 2,0 0,2z"/>')) == [[[1, 1], [3, 1], [3, 3], [1, 1]]]
    assert xy(svg('<path d="M1 1H5V7h-1v-1"/>')) == [[[1, 1], [5, 1], [5, 7], [4, 7], [4, 6]]]
    assert xy(svg('<polyline points="0,0 10,0 10,5"/>')) == [[[0, 0], [10, 0], [10, 5]]]
    assert xy(svg('<polygon points="0 0 10-5 10 5"/>')) == [[[0, 0], [10, -5], [10, 5], [0, 0]]]
    assert xy(svg('<line x1="1" y1="2" x2="3px" y2="1in"/>')) == [[[1, 2], [3, 96]]]
    assert xy(svg('<rect x="1" y="2" width="3" height="4"/>')) == [[[1, 2], [4, 2], [4, 6], [1, 6], [1, 2]]]


def test_every_subpath_is_a_stroke():
    assert xy(svg('<path d="M0 0L1 0M5 5L6 5 6 6M9 9"/>')) == [[[0, 0], [1, 0]], [[5, 5], [6, 5], [6, 6]]]
    # After a closepath the next segment starts where the closed subpath did.
    assert xy(svg('<path d="M1 1h2v2z l-1-1 m5 0 l1 0"/>')) == [
        [[1, 1], [3, 1], [3, 3], [1, 1]],
        [[1, 1], [0, 0]],
        [[5, 0], [6, 0]],
    ]


def test_dots():
    assert xy(svg('<path d="M3 4L3 4"/><path d="M5 6z"/><polyline points="7 8"/>')) == [
        [[3, 4]],
        [[5, 6]],
        [[7, 8]],
    ]


def test_numbers_in_every_spelling():
    assert xy(svg('<path d="M-1.5.5L+1e1,-2E-1 .25.75"/>')) == [
        [[-1.5, 0.5], [10, pytest.approx(-0.2)], [0.25, 0.75]]
    ]
    assert xy(svg('<path d="M0 0a5 5 0 1110 0"/>'))[0][-1] == pytest.approx([10, 0], abs=1e-5)


point = st.tuples(st.integers(-100, 100), st.integers(-100, 100))


@given(st.lists(point, min_size=4, max_size=4), st.sampled_from([1e-3, 0.1, 5]))
def test_cubics_are_flattened_within_the_tolerance(corners, tolerance):
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners
    text = svg(f'<path d="M{ax} {ay}C{bx} {by} {cx} {cy} {dx} {dy}"/>')
    t = np.linspace(0, 1, 401)[:, None]
    a, b, c, d = np.array(corners, float)
    curve = (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
    (line,) = xy(text, tolerance=tolerance)
    assert distance_to_line(curve, np.array(line)).max() <= tolerance + 1e-4
    assert line[0] == [ax, ay]
    assert line[-1] == [dx, dy]


@given(st.lists(point, min_size=3, max_size=3))
def test_quadratics_are_flattened_within_the_tolerance(corners):
    (ax, ay), (bx, by), (cx, cy) = corners
    t = np.linspace(0, 1, 401)[:, None]
    a, b, c = np.array(corners, float)
    curve = (1 - t) ** 2 * a + 2 * (1 - t) * t * b + t**2 * c
    (line,) = xy(svg(f'<path d="M{ax} {ay}Q{bx} {by} {cx} {cy}"/>'), tolerance=0.01)
    assert distance_to_line(curve, np.array(line)).max() <= 0.01 + 1e-4


def test_smooth_curves_mirror_the_control_point():
    whole = Sketch.from_svg(svg('<path d="M0 0C0 10 10 10 10 0C10-10 20-10 20 0"/>'))
    assert Sketch.from_svg(svg('<path d="M0 0C0 10 10 10 10 0S20-10 20 0"/>')) == whole
    whole = Sketch.from_svg(svg('<path d="M0 0Q5 10 10 0Q15-10 20 0"/>'))
    assert Sketch.from_svg(svg('<path d="M0 0Q5 10 10 0T20 0"/>')) == whole


@pytest.mark.parametrize("radii", [(5, 5), (5, 2), (0.3, 700)])
def test_ellipses_lie_on_the_ellipse(radii):
    rx, ry = radii
    for body in (
        f'<ellipse cx="3" cy="-4" rx="{rx}" ry="{ry}"/>',
        f'<path d="M{3 + rx}-4a{rx} {ry} 0 0 1 {-2 * rx} 0a{rx} {ry} 0 0 1 {2 * rx} 0"/>',
    ):
        (line,) = xy(svg(body), tolerance=1e-3)
        u, v = (np.array(line) - (3, -4)).T / np.array([[rx], [ry]])
        assert np.allclose(np.hypot(u, v), 1, atol=3e-5)
        # Once around, in the direction of growing angles.
        turn = np.unwrap(np.arctan2(v, u))
        assert turn[-1] - turn[0] == pytest.approx(2 * math.pi, abs=1e-3)
        angle = np.linspace(0, 2 * math.pi, 721)
        truth = np.column_stack([3 + rx * np.cos(angle), -4 + ry * np.sin(angle)])
        assert distance_to_line(truth, np.array(line)).max() < 1.2e-3 + 1e-5 * max(radii)


def test_circles_and_round_rectangles():
    assert Sketch.from_svg(svg('<circle cx="1" cy="2" r="5"/>')).bounds == pytest.approx(
        (-4, -3, 6, 7), abs=1e-4
    )
    ellipse = svg('<ellipse cx="1" cy="2" rx="5"/>')
    assert Sketch.from_svg(ellipse) == Sketch.from_svg(svg('<circle cx="1" cy="2" r="5"/>'))
    text = svg('<rect width="10" height="6" rx="2"/>')
    (line,) = xy(text, tolerance=1e-3)
    assert Sketch.from_svg(text).bounds == pytest.approx((0, 0, 10, 6), abs=1e-5)
    corner = np.array([p for p in line if p[0] < 2 and p[1] < 2])
    assert np.allclose(np.hypot(*(corner - 2).T), 2, atol=1e-4)
    assert len(corner) > 5


def test_an_arc_without_radius_is_a_line():
    assert xy(svg('<path d="M0 0A0 5 0 0 1 4 4"/>')) == [[[0, 0], [4, 4]]]
    assert xy(svg('<path d="M0 0A5 5 0 0 1 0 0"/>')) == [[[0, 0]]]


def test_the_default_tolerance_follows_the_size_of_the_drawing():
    small = Sketch.from_svg(svg('<path d="M0 0C0 1 1 1 1 0"/>'))
    large = Sketch.from_svg(svg('<path transform="scale(1000)" d="M0 0C0 1 1 1 1 0"/>'))
    assert len(small.points) == len(large.points) > 20
    assert np.allclose(small.points[:, :2] * 1000, large.points[:, :2], rtol=1e-5)


# Documents


def test_transforms_apply_from_the_inside_out():
    assert xy(svg('<g transform="translate(10,20) scale(2) translate(-1 -1)"><path d="M1 1L2 1"/></g>')) == [
        [[10, 20], [12, 20]]
    ]
    assert xy(svg('<g transform="scale(2)"><g transform="translate(5)"><path d="M0 0L1 1"/></g></g>')) == [
        [[10, 0], [12, 2]]
    ]
    assert xy(svg('<path transform="rotate(90 1 1)" d="M1 1L2 1"/>')) == [[[1, 1], [1, 2]]]
    assert xy(svg('<path transform="matrix(0 1 -1 0 5 6)" d="M1 0L0 1"/>')) == [[[5, 7], [4, 6]]]
    assert xy(svg('<path transform="skewX(45),scale(1,2)" d="M0 0L0 1"/>')) == [
        [[0, 0], [pytest.approx(2), 2]]
    ]
    assert (
        xy(svg('<path transform="none" d="M0 0L0 1"/><path transform="" d="M0 0L0 1"/>'))
        == [[[0, 0], [0, 1]]] * 2
    )


def test_a_viewbox_alone_leaves_coordinates_as_they_are():
    assert xy(svg('<path d="M-5-5L5 5"/>', 'viewBox="-10 -10 20 20"')) == [[[-5, -5], [5, 5]]]
    assert xy(svg('<path d="M-5-5L5 5"/>', 'viewBox="-10 -10 20 20" width="100%"')) == [[[-5, -5], [5, 5]]]


def test_a_viewbox_with_a_size_gives_the_pixels_of_the_viewport():
    line = '<path d="M-5-5L5 5"/>'
    assert xy(svg(line, 'viewBox="-10 -10 20 20" width="40" height="40px"')) == [[[10, 10], [30, 30]]]
    assert xy(svg(line, 'viewBox="-10 -10 20 20" width="40" height="60"')) == [[[10, 20], [30, 40]]]
    stretched = svg(line, 'viewBox="-10 -10 20 20" width="40" height="60" preserveAspectRatio="none"')
    assert xy(stretched) == [[[10, 15], [30, 45]]]


def test_an_inner_svg_is_a_viewport():
    inner = '<svg x="10" y="20" width="50%" height="30" viewBox="0 0 10 10"><path d="M0 0L10 10"/></svg>'
    assert xy(svg(inner, 'viewBox="0 0 100 100"')) == [[[20, 20], [50, 50]]]


def test_what_is_not_drawn_is_passed_over():
    hidden = (
        '<defs><path d="M0 0L9 9"/><use href="#a"/></defs><title>cat</title>'
        '<metadata><path d="nonsense"/></metadata>'
        '<g display="none"><path d="M0 0L9 9"/></g><path style="fill:red; display : none" d="M0 0L9 9"/>'
        '<clipPath><rect width="1" height="1"/></clipPath><text>M0 0L9 9</text><rect width="0" height="4"/>'
        '<path d=""/><path/><polyline points=""/><circle/><path xmlns="urn:other" d="M0 0L9 9"/>'
    )
    assert xy(svg(hidden + '<a><switch><path d="M0 0L1 1"/></switch></a>')) == [[[0, 0], [1, 1]]]


def test_documents_without_a_namespace_or_with_another_encoding():
    text = '<svg><path id="ä" d="M0 0L1 1"/></svg>'
    assert xy(text) == [[[0, 0], [1, 1]]]
    for encoding in ("utf-8", "utf-16", "iso-8859-1"):
        assert xy(f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode(encoding)) == [[[0, 0], [1, 1]]]
    assert xy(f'\ufeff\n<?xml version="1.0" encoding="utf-16"?>{text}') == [[[0, 0], [1, 1]]]


# TU-Berlin


def test_tu_berlin_files_have_their_strokes_in_order_and_in_place(shared):
    files = sorted((shared / "data" / "tuberlin_svg").glob("*.svg"))
    assert len(files) == 6
    for file in files:
        paths = ET.parse(file).getroot().findall(".//{http://www.w3.org/2000/svg}path")
        assert [path.get("id") for path in paths] == [str(k) for k in range(len(paths))]
        sketch = Sketch.from_svg(file)
        assert len(sketch) == len(paths)
        left, top, right, bottom = sketch.bounds
        # The inner transform centres the drawing in 800 x 800 with a longer side of about 625.
        assert max(right - left, bottom - top) == pytest.approx(625, abs=20)
        assert (left + right) / 2 == pytest.approx(400, abs=12)
        assert (top + bottom) / 2 == pytest.approx(400, abs=12)
        assert Sketch.from_svg(sketch.to_svg()) == sketch


def test_tu_berlin_stroke_starts_where_the_transform_puts_it(shared):
    sketch = Sketch.from_svg(shared / "data" / "tuberlin_svg" / "angel_161.svg")
    # translate(87.52,126.4898) scale(1.4433) translate(-149,-83.1333); M258 134.1333 ... 289 174.1333
    expected = [87.52 + 1.4433 * (258 - 149), 126.4898 + 1.4433 * (134.1333 - 83.1333)]
    assert sketch[0][0, :2].tolist() == pytest.approx(expected, abs=1e-3)
    expected = [87.52 + 1.4433 * (289 - 149), 126.4898 + 1.4433 * (174.1333 - 83.1333)]
    assert sketch[0][-1, :2].tolist() == pytest.approx(expected, abs=1e-3)
