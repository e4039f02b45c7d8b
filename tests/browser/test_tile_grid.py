"""A figure in the page: tiles are enlarged, walked through, chosen, resized and downloaded."""

import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from _widgets import wait_until
from PIL import Image
from playwright.sync_api import expect

FIGURE = """
import numpy as np, torch, sketchwidgets as sw
y, x = np.mgrid[-1:1:32j, -1:1:32j]
def wave(k):
    return np.sin(8 * x * (k + 1)) * np.exp(-3 * (x**2 + y**2))
def signed(k):
    return sw.Tile.signed(wave(k), f"ch {13 * k} · {k + .25:.3g}", description=f"relu1, channel {13 * k}",
        facts=[("Activation", f"{k + .25}"), ("Unit", f"row {k}, column {2 * k} of its map")],
        boxes=[(4, 4, 20, 26)] if k == 1 else ())
photo = (128 + 100 * np.sin(9 * x) * np.cos(9 * y)).astype(np.uint8)
names = ["airplane", "cat", "dog", "the Eiffel Tower", "house", "bus", "bicycle", "sun", "moon"]
maps = [
    sw.Tile.heat(x * y, "probability of the true class"), sw.Tile.heat(x * y, "change", colours="diverging"),
    sw.Tile.heat(x[:8, :8], "over a picture", over=photo),
    sw.Tile.categories(np.round(3 * x + y).astype(int) + 4, names, "most probable"),
    sw.Tile(None, "ch 7", label="dead"), sw.Tile.picture((x**2 + y**2 < .5) * 1.0, "drawing", paper=True),
    sw.Tile(photo[:20], "wide"), sw.Tile(photo[:, :12], "tall"),
]
steps = np.arange(1, 41)
curves = [("cat", steps, 1 - np.exp(-steps / 9)), ("dog", steps, np.exp(-steps / 9))]
chart = sw.Chart(curves, "strokes", "probability", "how they came up", y_range=(0, 1), marks=[(12, "now")])
layers = ["conv1", "conv2"]
bars = sw.Chart([("R²", layers, [.9, .5]), ("untrained", layers, [.4, .3])], "layer", "median R²", kind="bar")
grid = sw.TileGrid(sw.Figure("Everything <b>a figure</b> holds", [
    sw.Section("relu1 · 64 maps of 71 × 71", [signed(k) for k in range(9)], "guided; zero is mid-grey"),
    sw.Section("Maps", maps, side=144, columns=4), sw.Section("Charts", [chart, bars])]))
clicks, hovers = [], []
grid.on_click(lambda *place: clicks.append(place))
grid
"""


@pytest.fixture
def grid_page(notebook):
    page = notebook(FIGURE, "", viewport={"width": 1500, "height": 1500})
    page.hide_side_bars()
    page.run(0)
    root = page.output(0)
    expect(root.locator(".skw-cell")).to_have_count(19)
    return page, root


def pixels(cell):
    """The pixels of a tile's canvas as (h, w, 4)."""
    width, height, values = cell.locator("canvas").first.evaluate(
        """(canvas) => [canvas.width, canvas.height,
          [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]]"""
    )
    return np.array(values, np.uint8).reshape(height, width, 4)


def test_tiles_are_shown_enlarged_walked_resized_and_downloaded(grid_page, pictures, tmp_path):
    page, root = grid_page
    cells, large = root.locator(".skw-cell"), root.locator(".skw-large")
    assert page.errors == []
    signed = np.array(page.ask("grid.figure.sections[0].tiles[2].pixels.tolist()"))
    np.testing.assert_array_equal(pixels(cells.nth(2))[:, :, 0], signed)
    expect(root.locator(".skw-grid-title")).to_have_text("Everything <b>a figure</b> holds")
    expect(cells.nth(13)).to_contain_text("dead")
    page.looks(root, pictures / "grid.png")

    # Enlarged by a click, with what is known about it; the arrow keys go on, Escape comes back.
    cells.nth(1).click()
    expect(large).to_be_visible()
    expect(large).to_contain_text("row 1, column 2 of its map")
    root.screenshot(path=pictures / "grid-enlarged.png")
    page.page.keyboard.press("ArrowRight")
    expect(large).to_contain_text("ch 26")
    page.page.keyboard.press("Escape")
    expect(large).to_be_hidden()
    expect(cells.nth(2)).to_be_focused()
    assert page.ask("clicks") == [[0, 1], [0, 2]]

    # By keys alone: along a row, down to the next one, and into a tile.
    def press(key):
        page.page.keyboard.press(key)

    cells.nth(9).focus()
    press("ArrowRight")
    expect(cells.nth(10)).to_be_focused()
    press("ArrowDown")
    expect(cells.nth(14)).to_be_focused()
    press("Enter")
    expect(large).to_contain_text("drawing")
    press("Escape")

    # The size, told to the kernel.
    before = cells.first.bounding_box()["width"]
    slider = root.get_by_role("slider")
    slider.focus()
    for _ in range(12):
        press("ArrowRight")
    wait_until(lambda: page.ask("grid.tile"), 96 + 12 * 4)
    assert cells.first.bounding_box()["width"] == pytest.approx(before * 1.5, abs=1)

    # Files.
    for name in ("PNG", "SVG"):
        button = root.get_by_role("button", name=name, exact=True)
        button.focus()
        with page.page.expect_download() as download:
            press("Enter")
            press("Enter")  # while it waits it asks for no second one
        expect(button).not_to_have_attribute("aria-disabled", "true")
        expect(button).to_be_focused()
        assert download.value.suggested_filename == f"Everything-b-a-figure-b-holds.{name.lower()}"
        download.value.save_as(tmp_path / name)
    image = Image.open(io.BytesIO((tmp_path / "PNG").read_bytes()))
    assert image.format == "PNG"
    assert image.width > 1800
    svg = ElementTree.parse(tmp_path / "SVG").getroot()
    assert svg.tag.endswith("svg")
    assert "Everything <b>a figure</b> holds" in [
        text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")
    ]

    # Chosen instead of enlarged, by either side.
    cells.nth(1).click()
    expect(large).to_be_visible()
    page.ask("setattr(grid, 'selectable', True)")
    expect(large).to_be_hidden()
    expect(cells.nth(1)).not_to_be_focused()  # the user was elsewhere
    cells.nth(4).click()
    wait_until(lambda: page.ask("grid.selected"), [0, 4])
    expect(large).to_be_hidden()
    page.ask("setattr(grid, 'selected', [1, 2])")
    expect(cells.nth(11)).to_have_class("skw-cell skw-open")
    expect(cells.nth(4)).to_have_attribute("aria-pressed", "false")

    # Live: single tiles, a hundred figures of which the last one counts, and the place of the pointer.
    page.ask("grid.update_tiles(0, {3: sw.Tile.signed(-wave(0), 'new')})")
    expect(cells.nth(3)).to_contain_text("new")
    page.ask(
        "[grid.show(sw.Figure('', [sw.Section(str(n), [sw.Tile.signed(wave(k) * (n != 99), str(n)) for k in range(4)])])) "
        "for n in range(100)][-1]"
    )
    expect(cells).to_have_count(4)
    expect(cells.first).to_contain_text("99")
    assert (pixels(cells.nth(3)) == [128, 128, 128, 255]).all()
    page.ask("grid.on_hover(lambda *place: hovers.append(place))")
    picture = cells.nth(1).locator("canvas").bounding_box()
    page.page.mouse.move(picture["x"] + picture["width"] / 4, picture["y"] + picture["height"] / 2)
    wait_until(lambda: len(page.ask("hovers")) > 0, True)
    (section, tile, x, y) = page.ask("hovers")[-1]
    assert (section, tile) == (0, 1)
    assert (x, y) == pytest.approx((0.25, 0.5), abs=0.02)
    page.page.mouse.move(5, 5)
    wait_until(lambda: page.ask("hovers")[-1][0], None)
    # A view that goes from under the pointer.
    cells.nth(1).locator("canvas").hover()
    wait_until(lambda: page.ask("hovers")[-1][0], 0)
    page.clear_output(0)
    wait_until(lambda: page.ask("hovers")[-1][0], None)
