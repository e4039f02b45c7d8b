"""Figures as SVG, PNG and HTML: well formed, of the right size, and nothing over anything else."""

import base64
import io
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

import sketchwidgets as sw
from sketchwidgets.visualization.figures import Chart, Figure, Section, Tile
from sketchwidgets.visualization.figures._chart_shapes import chart_shapes
from sketchwidgets.visualization.figures._layout import lay_out
from sketchwidgets.visualization.figures._shapes import Picture, Polyline, Text
from sketchwidgets.visualization.figures._text import drawable, width, wrapped

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "a <script>alert(\"x\")</script> & 'quote' \x00\x1b ]]> é"


def grey(height=8, across=8, value=40):
    return Tile(np.full((height, across), value, np.uint8), f"{height} x {across}")


def chart(**kwargs):
    return Chart([("a", [1, 2, 3], [0.0, 1.0, 4.0]), ("b", [1, 3], [2.0, 1.0])], "x", "y", **kwargs)


def texts(svg):
    return [text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_svg_is_xml_with_text_as_text_and_pictures_inside():
    tile = Tile(np.arange(6, dtype=np.uint8).reshape(2, 3), NASTY, NASTY, boxes=[(0, 0, 1, 2)])
    figure = Figure(NASTY, [Section(NASTY, [tile, chart(caption=NASTY)], NASTY), Section("empty")])
    root = ElementTree.fromstring(figure.to_svg())
    assert root.tag == f"{SVG}svg"
    assert not list(root.iter(f"{SVG}script"))
    assert "script" in " ".join(texts(figure.to_svg()))
    (image,) = root.iter(f"{SVG}image")
    data = base64.b64decode(image.get("href").removeprefix("data:image/png;base64,"))
    np.testing.assert_array_equal(Image.open(io.BytesIO(data)), tile.pixels)


class Tags(HTMLParser):
    """Checks that every element is closed in order; collects tags, attributes and text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], set(), [], ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes
        if tag != "img":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_html_escapes_and_needs_no_script():
    tile = Tile(np.zeros((4, 4, 3), np.uint8), NASTY, NASTY, facts=[(NASTY, NASTY)], boxes=[(0, 0, 2, 2)])
    heat = Tile.heat(np.eye(3), NASTY)
    labels = Tile.categories(np.arange(12).reshape(3, 4), [NASTY] * 12)
    figure = Figure(
        NASTY, [Section(NASTY, [tile, heat, labels, chart(), Tile(None, label=NASTY)], NASTY, columns=2)]
    )
    page = Tags(figure.to_html())
    assert figure._repr_html_() == figure.to_html()
    assert page.tags <= {"div", "img", "span", "svg", "text", "polyline", "rect", "circle"}
    assert page.text.count('<script>alert("x")</script>') >= 5
    assert "and 3 more" in page.text
    # Colours are those of the page, in light and in dark.
    svg = [value for _, value in page.attributes if value == "currentColor"]
    assert svg
    assert not any("color:#" in (value or "") for _, value in page.attributes)


def test_a_row_of_tiles_fits_a_narrow_page():
    page = Figure("", [Section("", [grey()] * 4), Section("", [grey()] * 4, columns=4)]).to_html()
    # Shares of the width, and nothing of a fixed width but charts.
    assert page.count("width:min(100%,96px,max((100% - 24.5px)/4,(67.2px - (100% - 24.5px)/4)*999))") == 4
    assert "grid-template-columns:repeat(4,min(96px,max(48px,(100% - 24.5px)/4)))" in page


@pytest.mark.parametrize("size", [(300, 200), (200, 300)])
def test_equal_axes_keep_a_circle_round(size):
    around = np.linspace(0, 2 * np.pi, 41)
    one = Chart([("ring", np.cos(around), np.sin(around))], "x", "y", size=size, equal=True)
    lines = [shape.points for shape in chart_shapes(one) if isinstance(shape, Polyline)]
    ring = np.array(next(points for points in lines if len(points) == 41))
    across, high = np.ptp(ring, axis=0)
    assert across == pytest.approx(high)
    assert (ring >= 0).all()
    assert (ring <= size).all()
    with pytest.raises(ValueError, match="equal axes"):
        Chart([("a", [1], [1])], kind="bar", equal=True)


def test_of_counts_there_are_no_halves():
    counts = Chart([("a", ["few", "none", "one"], [1, 0, 1])], "x", "filters", kind="bar")
    said = texts(Figure("", [Section("", [counts])]).to_svg())
    assert [text for text in said if text[0].isdigit()] == ["0", "1"]
    shares = Chart([("a", ["few", "none", "one"], [1, 0, 0.5])], "x", "share", kind="bar")
    assert "0.6" in texts(Figure("", [Section("", [shares])]).to_svg())


@pytest.mark.parametrize("scale", [0.5, 1, 2, 3])
def test_png_has_the_size_of_the_layout(scale):
    figure = Figure(
        "title", [Section("one", [grey() for _ in range(12)], "about it"), Section("two", [chart()])]
    )
    across, high, _ = lay_out(figure)
    image = Image.open(io.BytesIO(figure.to_png(scale)))
    assert image.size == (np.ceil(across * scale), np.ceil(high * scale))
    assert image.getpixel((0, 0)) == (255, 255, 255)


def test_png_shows_pixels_as_squares_where_the_svg_has_them():
    pixels = np.zeros((2, 2), np.uint8)
    pixels[0, 1] = 200
    figure = Figure("", [Section("", [Tile(pixels)])])
    image = np.asarray(Image.open(io.BytesIO(figure.to_png(1))))
    root = ElementTree.fromstring(figure.to_svg())
    (place,) = root.iter(f"{SVG}image")
    left, top, side = (round(float(place.get(name))) for name in ("x", "y", "width"))
    shown = image[top : top + side, left : left + side, 0]
    assert shown.shape == (96, 96)
    assert shown[4:44, 52:92].tolist() == np.full((40, 40), 200).tolist()
    assert (shown[52:92, 52:92] == 0).all()
    assert "pixelated" in place.get("style")


def test_clear_pixels_show_the_paper():
    tile = Tile.heat([[np.nan, 1.0]])
    image = np.asarray(Image.open(io.BytesIO(Figure("", [Section("", [tile])]).to_png(1))))
    assert (image[60, 30] == 255).all()
    assert (image[60, 90] != 255).any()


def bounds(shape):
    if isinstance(shape, Text):
        across = width(shape.text, shape.size) / 1.06  # without the spare room
        left = shape.x - {"start": 0, "middle": across / 2, "end": across}[shape.anchor]
        return left, shape.y - 0.8 * shape.size, left + across, shape.y + 0.2 * shape.size
    return shape.x, shape.y, shape.x + shape.width, shape.y + shape.height


@st.composite
def figures(draw):
    words = st.text("abcdefg hijklmn·<&Wé−", max_size=60)
    sections = []
    for _ in range(draw(st.integers(0, 3))):
        tiles = [
            Tile(
                np.full((draw(st.integers(1, 40)), draw(st.integers(1, 40))), 7, np.uint8),
                draw(words),
                ramp=draw(st.sampled_from([None, ("heat", -1.5, 1e-9)])),
                legend=[((1, 2, 3), draw(words)) for _ in range(draw(st.integers(0, 12)))],
            )
            for _ in range(draw(st.integers(0, 7)))
        ]
        columns = draw(st.sampled_from([None, 1, 2, 5]))
        side = draw(st.integers(16, 200))
        sections.append(Section(draw(words), tiles, draw(words), columns, side))
    return Figure(draw(words), sections)


@settings(max_examples=60)
@given(figures())
def test_nothing_lies_over_anything_else_or_outside(figure):
    across, high, shapes = lay_out(figure)
    boxes = [bounds(shape) for shape in shapes if isinstance(shape, Text | Picture)]
    for left, top, right, bottom in boxes:
        assert min(left + 1, top) >= 0
        assert right <= across + 1
        assert bottom <= high
    rows = np.array(boxes).reshape(-1, 4)
    for k, (left, top, right, bottom) in enumerate(boxes):
        after = rows[k + 1 :]
        over = (np.minimum(right, after[:, 2]) - np.maximum(left, after[:, 0]) > 1) & (
            np.minimum(bottom, after[:, 3]) - np.maximum(top, after[:, 1]) > 1
        )
        assert not over.any()
    ElementTree.fromstring(figure.to_svg())


@given(st.text(max_size=200), st.floats(20, 300), st.integers(1, 5))
def test_lines_fit_and_lose_no_letters_before_they_are_cut(text, room, most):
    lines = wrapped(text, 11, room, most)
    assert len(lines) <= most
    assert all(width(line, 11) <= room or len(line) <= 2 for line in lines)
    joined, whole = "".join("".join(lines).split()), "".join(text.split())
    assert joined == whole or whole.startswith(joined.removesuffix("…"))


def test_text_that_the_font_lacks_is_spelled():
    assert drawable("3 × 3 − café") == "3 x 3 - cafe"
    assert drawable("日本") == "??"


@pytest.mark.parametrize("kind", ["line", "bar"])
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    "series",
    [
        [],
        [("", [], [])],
        [("one", [1], [5.0])],
        [("flat", [1, 2], [3.0, 3.0]), ("zero", [1, 2], [0.0, 0.0])],
        [("gap", [1, 2, 3, 4], [1.0, np.nan, np.inf, 2.0])],
        [("down", [1, 2], [-5.0, -1.0])],
        [("huge", np.arange(500), np.geomspace(1e-12, 1e12, 500))],
    ],
)
def test_charts_of_anything(kind, log, series):
    made = Chart(series, "steps", "loss", kind=kind, log=log, marks=[(1, "here")])
    figure = Figure("", [Section("", [made])])
    ElementTree.fromstring(figure.to_svg())
    assert figure.to_png(1)[:4] == b"\x89PNG"
    assert "nan" not in figure.to_svg().lower().replace("base64", "")


def test_a_curve_is_where_its_values_are():
    made = Chart([("a", [0, 10], [0.0, 1.0])], y_range=(0, 2), size=(300, 200))
    root = ElementTree.fromstring(Figure("", [Section("", [made])]).to_svg())
    curve = next(line for line in root.iter(f"{SVG}polyline") if line.get("stroke") == "#3d85c6")
    axis = next(line for line in root.iter(f"{SVG}polyline") if line.get("stroke") == "#5f5f5f")
    (x0, y0), (x1, y1) = (map(float, point.split(",")) for point in curve.get("points").split())
    (left, bottom), (right, _) = (map(float, point.split(",")) for point in axis.get("points").split())
    assert (x0, y0, x1) == (left, bottom, right)
    top = min(float(line.get("points").split(",")[1].split()[0]) for line in root.iter(f"{SVG}polyline"))
    assert y1 == pytest.approx((top + bottom) / 2, abs=0.1)  # 1 is half of 2
    assert {"0", "10", "1", "2"} <= set(texts(Figure("", [Section("", [made])]).to_svg()))


def test_between_whole_numbers_there_is_no_mark():
    """Strokes and epochs: not one and a half of them."""
    strokes = Figure(
        "", [Section("", [Chart([("a", [1, 2, 3], [0.0, 0.5, 1.0])], size=(400, 200))])]
    ).to_svg()
    assert ">2<" in strokes
    assert ">1.5<" not in strokes
    seconds = Figure(
        "", [Section("", [Chart([("a", [1, 2.5, 3], [0.0, 0.5, 1.0])], size=(400, 200))])]
    ).to_svg()
    assert ">1.5<" in seconds


def test_long_names_of_bars_are_cut_and_not_laid_over_each_other():
    names = [f"a rather long name {k}" for k in range(12)]
    svg = Figure("", [Section("", [Chart([("a", names, range(12))], kind="bar")])]).to_svg()
    shown = [text for text in texts(svg) if text and text.endswith("…")]
    assert len(shown) == 12


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Chart([("a", [1, 2], [1.0])]), "series 'a': x and y"),
        (lambda: Chart([("a", [1], ["b"])]), "y of series 'a' must be numbers"),
        (lambda: Chart([], kind="pie"), "kind"),
        (lambda: Chart([], y_range=(1, 1)), "y_range"),
        (lambda: Chart([("a", ["x"], [1]), ("b", ["y"], [1])], kind="bar"), "series 'b'"),
        (lambda: Section("s", ["no tile"]), r"tiles\[0\] of section 's'"),
        (lambda: Section("s", columns=0), "columns"),
        (lambda: Section("s", side=2), "side"),
        (lambda: Figure("f", [Tile(None, label="x")]), r"sections\[0\]"),
        (lambda: Figure("f").to_png(99), "scale"),
        (lambda: Figure("f").save("picture.jpg"), r"'picture.jpg' must end in .png, .svg or .pdf"),
    ],
)
def test_what_is_no_figure_is_named(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_files(tmp_path):
    figure = Figure("t", [Section("s", [grey()])])
    figure.save(tmp_path / "a.PNG", scale=1)
    figure.save(str(tmp_path / "a.svg"))
    assert (tmp_path / "a.PNG").read_bytes() == figure.to_png(1)
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == figure.to_svg()


def test_an_empty_figure_is_a_file_too():
    assert Figure().to_png()[:4] == b"\x89PNG"
    ElementTree.fromstring(Figure().to_svg())
    assert "<div" in Figure().to_html()


def test_projections_as_a_figure():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.ReLU()).eval()
    with torch.no_grad():
        net[0].bias.fill_(-9)[:2] = 0.5  # four dead channels
    projections = sw.project(net, torch.rand(2, 1, 24, 24), top=6, rule="guided")
    figure = projections.figure()
    assert [section.title for section in figure.sections][:2] == ["1, image 0", "1, image 1"]
    first = projections["1"]
    (section,) = first.figure([1]).sections
    assert [tile.label for tile in section.tiles] == [None, None, *["dead"] * 4]
    assert section.tiles[0].caption == f"ch {first.channels[1, 0]} · {short_of(first.activations[1, 0])}"
    crop = first.crops(1)[0]
    if crop.shape[-2:] == (5, 5):
        np.testing.assert_array_equal(section.tiles[0].pixels, Tile.signed(crop).pixels)
    assert "data:image/png" in projections._repr_html_()
    assert "data:image/png" in first._repr_html_()


def test_what_the_border_cut_off_is_left_grey_on_its_side():
    from sketchwidgets.visualization.projection._figure import in_field

    crop = torch.ones(1, 2, 3)
    whole = in_field(crop, (0, 5, 2, 8), 4)  # cut off above; on the right the field ends
    assert whole[0].tolist() == [[0] * 4, [0] * 4, [1, 1, 1, 0], [1, 1, 1, 0]]
    assert in_field(crop, (3, 0, 5, 3), 4)[0, 0].tolist() == [0, 1, 1, 1]


def short_of(value):
    from sketchwidgets.visualization.figures._numbers import short

    return short(float(value))
