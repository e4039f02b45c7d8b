"""Where the system forces its own colours on pages, as Windows in high contrast, what is chosen is still seen."""

import pytest
from playwright.sync_api import expect

MAPS = """
import numpy as np, torch, sketchwidgets as sw
torch.manual_seed(0)
layers = torch.nn.Conv2d(1, 8, 5), torch.nn.ReLU(), torch.nn.Conv2d(8, 4, 5), torch.nn.ReLU()
network = torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()).eval()
image = torch.rand(1, 1, 32, 32)
panels = sw.show(sw.project(network, image, top=4))
panels
"""
OCCLUSION = "maps = sw.show(sw.occlusion(network, image, size=8, stride=8, progress=False))\nmaps"
GRID = """
tiles = [sw.Tile.heat(np.eye(4), "a"), sw.Tile.categories(np.eye(4).astype(int), ["cat", "dog"], "b")]
grid = sw.TileGrid(sw.Figure("", [sw.Section("", tiles)]), selectable=True)
grid.selected = [0, 1]
grid
"""
# What a colour of the system is on this page.
SYSTEM = """(name) => {
  const probe = document.body.appendChild(document.createElement('span'));
  probe.style.color = name;
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}"""


@pytest.fixture
def page(notebook):
    page = notebook(
        MAPS,
        OCCLUSION,
        GRID,
        "sw.SketchPad()",
        viewport={"width": 1200, "height": 1300},
        forced_colors="active",
    )
    page.hide_side_bars()
    page.run()
    return page


def test_what_is_chosen_and_how_long_bars_are_is_seen(page, pictures):
    def style(locator, name):
        return locator.first.evaluate("(element, name) => getComputedStyle(element)[name]", name)

    highlight, canvas = (page.page.evaluate(SYSTEM, name) for name in ("Highlight", "Canvas"))
    assert highlight != canvas

    panels = page.output(0)
    choices = panels.get_by_role("radio")
    expect(choices.first).to_be_visible()
    for choice in choices.all():
        chosen = choice.get_attribute("aria-checked") == "true"
        assert (style(choice, "backgroundColor") == highlight) == chosen
        # Else a plate of the background's colour is drawn behind the text, which has that colour too.
        assert (style(choice, "forcedColorAdjust") == "none") == chosen
    assert style(panels.locator(".skw-slider"), "forcedColorAdjust") == "none"  # or its track is not drawn
    tile = panels.locator(".skw-tile:not(.skw-is-dead)").first
    tile.click()
    opened = panels.locator(".skw-open .skw-tile-picture")
    assert (style(opened, "outlineStyle"), style(opened, "outlineColor")) == ("solid", highlight)
    assert style(panels.locator(".skw-tile:not(.skw-open) .skw-tile-picture"), "outlineStyle") == "none"
    panels.screenshot(path=pictures / "forced-colors-panels.png")

    maps = page.output(1)
    bar, track = maps.locator(".skw-occ-bar"), maps.locator(".skw-occ-track")
    expect(bar.first).to_be_attached()
    assert style(bar, "backgroundColor") == highlight
    assert style(track, "backgroundColor") == canvas
    assert style(track, "outlineStyle") == "solid"
    maps.screenshot(path=pictures / "forced-colors-occlusion.png")

    grid = page.output(2)
    chosen = grid.locator(".skw-cell.skw-open .skw-pic")
    assert (style(chosen, "outlineStyle"), style(chosen, "outlineColor")) == ("solid", highlight)
    # The colours of a legend are those of the picture.
    swatches = grid.locator(".skw-swatch")
    said = {
        swatch.evaluate("(element) => getComputedStyle(element).backgroundColor") for swatch in swatches.all()
    }
    assert len(said) == swatches.count() == 2
    assert canvas not in said
    grid.screenshot(path=pictures / "forced-colors-grid.png")

    board = page.output(3).locator(".skw-board")
    assert style(board, "outlineStyle") == "none"
    board.locator("canvas").focus()
    assert (style(board, "outlineStyle"), style(board, "outlineColor")) == ("solid", highlight)
