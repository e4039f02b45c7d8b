"""Panels of one pass in the page: by keys alone, and enlarged."""

import pytest
from playwright.sync_api import expect

PANELS = """
import torch, sketchwidgets as sw
torch.manual_seed(0)
layers = torch.nn.Conv2d(1, 8, 5), torch.nn.ReLU(), torch.nn.Conv2d(8, 6, 5), torch.nn.ReLU()
network = torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()).eval()
image = torch.rand(1, 1, 32, 32)
panels = sw.show(sw.project(network, image, top=4))
panels.send_paper(1, torch.ones(1, 1, 32, 32))
panels
"""
_INK = """(canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const places = [...data.keys()].filter((i) => i % 4 === 0 && data[i + 3] === 255);
  return [...new Set(places.map((i) => `${data[i]} ${data[i + 1]} ${data[i + 2]}`))];
}"""


@pytest.fixture
def panels_page(notebook):
    page = notebook(PANELS, "")
    page.hide_side_bars()
    page.run(0)
    root = page.output(0)
    expect(root.locator(".skw-tile")).to_have_count(8)
    return page, root


def test_the_tab_key_stops_once_a_row_and_arrow_keys_go_on(panels_page):
    page, root = panels_page
    row = root.locator(".skw-row").first
    tiles = row.locator(".skw-tile")
    expect(root.locator(".skw-tile[tabindex='0']")).to_have_count(2)
    tiles.first.focus()
    for key, rank in (("ArrowRight", 1), ("ArrowLeft", 0), ("ArrowLeft", 3), ("Home", 0), ("End", 3)):
        page.page.keyboard.press(key)
        expect(tiles.nth(rank)).to_be_focused()
    page.page.keyboard.press("Tab")
    expect(root.locator(".skw-row").nth(1).locator(".skw-tile").first).to_be_focused()
    page.page.keyboard.press("Shift+Tab")
    expect(tiles.nth(3)).to_be_focused()  # where one was
    page.ask("setattr(panels, 'top', 2)")
    expect(tiles).to_have_count(2)
    expect(root.locator(".skw-tile[tabindex='0']")).to_have_count(2)


def test_what_closes_by_itself_takes_no_focus(panels_page):
    page, root = panels_page
    page.ask("panels.observe(lambda change: panels.send_rows([('3', '3')]), 'crop')")
    large, crop = root.locator(".skw-large"), root.get_by_role("radiogroup", name="Crop").get_by_role("radio")
    root.locator(".skw-row").first.locator(".skw-tile").first.click()
    expect(large).to_be_focused()
    crop.first.focus()
    page.page.keyboard.press("ArrowRight")
    expect(root.locator(".skw-row")).to_have_count(1)
    expect(large).to_be_hidden()
    expect(crop.nth(1)).to_be_focused()


def test_the_drawing_is_in_the_colour_of_the_text_however_the_theme_says_it(panels_page):
    page, root = panels_page
    root.locator(".skw-row").first.locator(".skw-tile").first.click()
    paper = root.locator(".skw-paper-canvas")
    for said, shown in (
        ("rgb(10 20 30)", "10 20 30"),
        ("color(srgb 1 1 1)", "255 255 255"),
        ("color-mix(in srgb, white 60%, black)", "153 153 153"),
    ):
        page.page.evaluate(
            """(colour) => {
              document.body.style.setProperty('--jp-content-font-color0', colour);
              document.body.classList.toggle('of-the-test');  // a theme has come
            }""",
            said,
        )
        page.page.wait_for_function(
            f"([canvas, shown]) => ({_INK})(canvas).join() === shown", arg=[paper.element_handle(), shown]
        )
