"""TileGrid on the kernel's side: what is sent when, and what the page may say."""

import io
import threading

import numpy as np
import pytest
from _fake_page import Page
from PIL import Image
from traitlets import TraitError

import sketchwidgets as sw
from sketchwidgets.visualization.figures import Chart, Figure, Section, Tile
from sketchwidgets.widgets import TileGrid
from sketchwidgets.widgets.parts import _gate
from sketchwidgets.widgets.parts._figure_packing import pack_figure


def tile(value, caption="", side=2):
    return Tile(np.full((side, side), value, np.uint8), caption)


def figure(*values, title="f"):
    return Figure(title, [Section("s", [tile(value, str(value)) for value in values])])


def unpack(header, buffer):
    size = header["h"] * header["w"] * header["depth"]
    pixels = np.frombuffer(bytes(buffer), np.uint8)[header["offset"] : header["offset"] + size]
    return pixels.reshape(header["h"], header["w"], -1)


def titles(page):
    return [message["title"] for message in page.of("figure")]


def test_all_pixels_lie_in_one_buffer_where_their_offsets_say():
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, shape, np.uint8) for shape in [(3, 2), (4, 5, 3), (1, 2, 4)]]
    dead = Tile(None, "7", label="dead")
    chart = Chart([("a", [1, 2], [3, 4])], caption="c", size=(200, 120))
    made = Figure(
        "t", [Section("one", [*map(Tile, pictures)], side=48), Section("two", [dead, chart], columns=2)]
    )
    content, buffer = pack_figure(made)
    assert len(buffer) == sum(picture.size for picture in pictures)
    one, two = content["sections"]
    assert (one["title"], one["side"], one["columns"], two["columns"]) == ("one", 48, None, 2)
    for header, picture in zip(one["tiles"], pictures, strict=True):
        np.testing.assert_array_equal(unpack(header, buffer), picture.reshape(*picture.shape[:2], -1))
    assert (two["tiles"][0]["w"], two["tiles"][0]["label"]) == (0, "dead")
    assert two["tiles"][1]["kind"] == "chart"
    assert two["tiles"][1]["svg"].startswith("<svg")


def test_a_ramp_goes_as_colours():
    content, _ = pack_figure(Figure("", [Section("", [Tile.heat([[0.0, 0.5]])])]))
    ramp = content["sections"][0]["tiles"][0]["ramp"]
    assert (ramp["low"], ramp["high"], len(ramp["colours"])) == ("0", "0.5", 7)
    assert all(len(colour) == 7 for colour in ramp["colours"])


def test_a_view_that_mounts_gets_everything_once():
    grid = TileGrid(figure(1, 2))
    page = Page(grid)
    (message,) = page.of("figure")
    assert message["frame"] is None
    assert [t["caption"] for t in message["sections"][0]["tiles"]] == ["1", "2"]
    assert len(page.buffers[-1][0]) == 8
    page.mount()
    assert titles(page) == ["f", "f"]


def test_nothing_is_sent_before_somebody_looks():
    grid = TileGrid()
    page = Page(grid, mounted=False)
    grid.show(figure(1))
    assert page.messages == []


def test_of_many_figures_the_page_gets_the_newest_and_never_more_than_two_unconfirmed():
    grid = TileGrid()
    page = Page(grid, confirms="later")
    for number in range(50):
        grid.show(figure(number, title=str(number)))
    assert titles(page) == ["", "0", "1"]
    page.confirm()
    assert titles(page) == ["", "0", "1", "49"]
    page.confirm()
    assert titles(page) == ["", "0", "1", "49"]
    assert page.most_unconfirmed == 2


def test_a_view_that_died_holds_nothing_up_for_the_next():
    grid = TileGrid()
    page = Page(grid, confirms="never")
    for number in range(5):
        grid.show(figure(number, title=str(number)))
    page.confirms = "at once"
    page.mount()
    assert titles(page)[-1] == "4"


def test_the_last_figure_comes_though_the_view_that_was_to_paint_those_before_is_gone():
    """Nothing else wakes the widget then: a computation has ended, and nobody touches the page."""
    grid = TileGrid()
    page = Page(grid, confirms="never")
    for number in range(2):
        grid.show(figure(number, title=str(number)))
    page.mount()
    grid.show(figure(2, title="last"))
    assert titles(page)[-1] == "1"
    page.wait(lambda page: titles(page)[-1] == "last")
    assert titles(page) == ["", "0", "1", "1", "last"]


def test_a_page_that_is_reloaded_waits_for_nothing_of_the_one_before():
    grid = TileGrid()
    page = Page(grid, confirms="never", mounted=False)
    page.say({"type": "hello", "client": "before"})
    for number in range(2):
        grid.show(figure(number, title=str(number)))
    page.say({"type": "hello", "client": "after"})
    grid.show(figure(2, title="last"))
    assert titles(page) == ["", "0", "1", "1", "last"]
    page.say(
        {"type": "ack", "frame": 2, "latency_ms": None}
    )  # on its way before: it is none of those that are new
    grid.show(figure(3, title="3"))
    grid.show(figure(4, title="4"))
    assert titles(page)[-1] == "3"


def test_a_grid_that_is_closed_sends_nothing_more():
    grid = TileGrid()
    page = Page(grid, confirms="never")
    for number in range(2):
        grid.show(figure(number, title=str(number)))
    page.mount()
    grid.show(figure(2, title="last"))
    watch = grid._newest._worker
    assert watch.alive
    grid.close()
    assert not watch.alive
    grid._newest.confirm(2)
    assert titles(page)[-1] == "1"


def test_what_was_lost_on_its_way_is_sent_again_once_the_page_is_heard():
    grid = TileGrid(figure(1, 2, 3))
    page = Page(grid, confirms="never", mounted=False)
    page.say({"type": "hello", "client": "page"})
    grid.update_tiles(0, {1: tile(9, "lost")})
    page.unconfirmed.clear()  # neither the frame nor its confirmation arrives
    page.wait(lambda page: not grid._newest._gate.present)
    page.confirms = "at once"
    page.say({"type": "click", "section": 0, "tile": 0, "client": "page"})
    captions = [t["caption"] for t in page.last("figure")["sections"][0]["tiles"]]
    assert captions == ["1", "lost", "3"]
    assert len(page.of("figure")) == 2
    grid.close()


def test_the_last_figure_is_sent_again_by_itself_where_it_was_lost(monkeypatch):
    monkeypatch.setattr(_gate, "PROBES", (0.1, 10.0))
    grid = TileGrid()
    page = Page(grid, confirms="never")
    grid.show(figure(1, title="last"))
    page.wait(lambda page: titles(page) == ["", "last", "last"])
    page.confirm()
    assert grid._newest._gate.present
    grid.close()


def test_single_tiles_are_sent_alone():
    grid = TileGrid(figure(1, 2, 3))
    page = Page(grid)
    grid.update_tiles(0, {1: tile(9, "new")})
    (message,) = page.of("tiles")
    ((section, index, header),) = message["tiles"]
    assert (section, index, header["caption"]) == (0, 1, "new")
    assert (unpack(header, page.buffers[-1][0]) == 9).all()
    assert [t.caption for t in grid.figure.sections[0].tiles] == ["1", "new", "3"]
    page.mount()
    assert [t["caption"] for t in page.last("figure")["sections"][0]["tiles"]] == ["1", "new", "3"]


def test_tiles_that_wait_are_sent_together_and_newest():
    grid = TileGrid(figure(1, 2, 3))
    page = Page(grid, confirms="later")
    for value in range(10, 20):
        grid.update_tiles(0, {value % 3: tile(value, str(value))})
    page.confirm()
    captions = {
        index: header["caption"] for message in page.of("tiles") for _, index, header in message["tiles"]
    }
    assert captions == {0: "18", 1: "19", 2: "17"}
    assert len(page.of("tiles")) == 3


def test_tiles_of_a_figure_that_waits_go_with_it():
    grid = TileGrid()
    page = Page(grid, confirms="later")
    for number in range(3):
        grid.show(figure(number, title=str(number)))
    grid.update_tiles(0, {0: tile(7, "seven")})
    page.confirm()
    assert page.last("figure")["sections"][0]["tiles"][0]["caption"] == "seven"
    assert page.of("tiles") == []


@pytest.mark.parametrize(("section", "index"), [(1, 0), (-1, 0), (0, 3), (0, -1)])
def test_a_tile_that_is_not_there_cannot_be_updated(section, index):
    grid = TileGrid(figure(1, 2, 3))
    with pytest.raises(IndexError, match="none has number"):
        grid.update_tiles(section, {index: tile(1)})


def test_clicks_reach_the_callbacks_and_choose_where_one_may():
    grid = TileGrid(figure(1, 2))
    page = Page(grid)
    clicks, chosen = [], []
    grid.on_click(lambda *place: clicks.append(place))
    grid.observe(lambda change: chosen.append(change["new"]), names="selected")
    page.say({"type": "click", "section": 0, "tile": 1})
    assert (clicks, chosen, grid.selected) == ([(0, 1)], [], None)
    grid.selectable = True
    page.say({"type": "click", "section": 0, "tile": 0})
    page.say({"type": "click", "section": 0, "tile": 7})  # of a figure that has gone
    assert clicks == [(0, 1), (0, 0)]
    assert chosen == [[0, 0]]


def test_what_is_chosen_stays_while_the_figure_has_it():
    grid = TileGrid(figure(1, 2), selectable=True)
    grid.selected = [0, 1]
    grid.show(figure(3, 4))
    assert grid.selected == [0, 1]
    grid.show(figure(5))
    assert grid.selected is None
    grid.selected = [0, 0]
    grid.show(figure(6), keep_selection=False)
    assert grid.selected is None
    with pytest.raises(TraitError, match="selected must be"):
        grid.selected = [0, 1]


def test_hovering_is_told_answered_and_switched_on_by_need():
    grid = TileGrid(figure(1, 2))
    page = Page(grid)
    places = []
    assert not grid._hovers

    def note(*place):
        places.append(place)

    grid.on_hover(note)
    assert grid._hovers
    page.say({"type": "hover", "section": 0, "tile": 1, "x": 0.25, "y": 1})
    page.say({"type": "hover", "section": None})
    assert places == [(0, 1, 0.25, 1.0), (None, 0, 0.0, 0.0)]
    assert len(page.of("hovered")) == 2
    grid.on_hover(note, remove=True)
    assert not grid._hovers


@pytest.mark.parametrize(
    "content",
    [
        {"type": "click"},
        {"type": "click", "section": "0", "tile": 1},
        {"type": "click", "section": True, "tile": 1},
        {"type": "hover", "section": 0, "tile": 0, "x": 2, "y": 0},
        {"type": "hover", "section": 0, "tile": 0},
        {"type": "export", "format": "exe"},
        {"type": "export", "format": ["png"]},
    ],
)
def test_nonsense_is_ignored_and_shown(content):
    grid = TileGrid(figure(1, 2))
    page = Page(grid)
    grid.on_hover(lambda *place: pytest.fail("called"))
    page.say(content)
    assert page.last("error")["title"] == "A message from the page was ignored"


def test_files_go_to_the_page_that_asked():
    grid = TileGrid(figure(1, 2, title="Top 9: relu/1"))
    page = Page(grid)
    page.say({"type": "export", "format": "png", "client": "abc", "number": 3})
    page.wait(lambda page: page.of("export"))
    message = page.last("export")
    assert message == {
        "type": "export",
        "format": "png",
        "client": "abc",
        "number": 3,
        "name": "Top-9-relu-1.png",
    }
    with Image.open(io.BytesIO(page.buffers[-1][0])) as image:
        assert image.format == "PNG"
    page.say({"type": "export", "format": "svg", "client": "abc", "number": 4})
    page.wait(lambda page: page.last("export")["number"] == 4)
    assert page.buffers[-1][0] == grid.figure.to_svg().encode()
    page.say({"type": "export", "format": "pdf", "client": "abc", "number": 5})
    page.wait(lambda page: page.last("export")["number"] == 5)
    assert page.last("export")["name"] == "Top-9-relu-1.pdf"
    assert page.buffers[-1][0] == grid.figure.to_pdf()
    assert page.buffers[-1][0].startswith(b"%PDF")
    before = threading.active_count()
    grid.close()
    assert threading.active_count() == before - 1


def test_a_file_that_cannot_be_drawn_is_an_error_in_the_page(monkeypatch):
    grid = TileGrid(figure(1))
    page = Page(grid)

    def fail(self, scale=2.0):
        raise MemoryError("too large")

    monkeypatch.setattr(Figure, "to_png", fail)
    page.say({"type": "export", "format": "png", "client": "abc", "number": 1})
    page.wait(lambda page: page.of("export"))
    assert page.last("export")["name"] is None
    assert page.last("error")["message"] == "too large"
    grid.close()


def test_save(tmp_path):
    TileGrid(figure(1)).save_picture(tmp_path / "f.svg")
    assert (tmp_path / "f.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(("name", "value"), [("tile", 10), ("tile", 999), ("selected", [1])])
def test_settings_have_a_range(name, value):
    with pytest.raises(TraitError, match=name):
        TileGrid(**{name: value})


def test_only_figures_are_shown():
    with pytest.raises(TypeError, match=r"figure must be a sketchwidgets.Figure, not list"):
        TileGrid().show([])


def test_a_figure_and_a_result_with_a_figure_have_this_widget():
    assert repr(sw.show(figure(1, 2))) == "TileGrid('f', 2 tiles)"

    class Result:
        def figure(self):
            return figure(3, title="of a result")

    assert repr(sw.show(Result())) == "TileGrid('of a result', 1 tile)"
