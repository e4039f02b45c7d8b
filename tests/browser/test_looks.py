"""How the lab looks: light and dark, wide and narrow, with nothing cut off; the pictures are kept."""

import pytest
from _widgets import LAB, expect_recognised, lab_in
from playwright.sync_api import expect

SIZES = {"wide": (1600, 1100), "medium": (1100, 900), "narrow": (620, 1000), "tiny": (345, 1000)}

# Elements of the lab that stick out of it to the right, and those that hide a part of what is in them.
_CUT_OFF = """(lab) => {
  const edge = lab.getBoundingClientRect().right + 1;
  const hides = (e) => ['hidden', 'clip'].includes(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth + 1;
  return [...lab.querySelectorAll('.skw, .skw *')]
    .filter((e) => e.offsetParent && !e.closest('[hidden], .skw-spoken, svg'))
    .filter((e) => e.getBoundingClientRect().right > edge || hides(e))
    .map((e) => e.outerHTML.slice(0, 120));
}"""


def test_nothing_is_cut_off(notebook, drawing, pictures):
    page = notebook(LAB, "", viewport={"width": 1600, "height": 1100})
    page.hide_side_bars()
    page.run(0)
    lab = lab_in(page, 0)
    expect(lab.canvas).to_be_visible()
    for theme in ("light", "dark"):
        page.set_theme(dark=theme == "dark")
        lab.picture(pictures / f"empty-{theme}.png")
    for stroke in drawing:
        lab.hand().stroke(stroke, speed=10)
    expect_recognised(page, lab, len(drawing))
    for theme in ("dark", "light"):
        page.set_theme(dark=theme == "dark")
        look(page, lab, pictures, theme)


def look(page, lab, pictures, theme):
    """All sizes, with the panels and with one tile enlarged."""
    whole = lab.root.locator(".skw-lab")
    for size, (width, height) in SIZES.items():
        page.resize(whole, width, height)
        lab.expect_panels()
        lab.picture(pictures / f"{size}-{theme}.png")
        assert whole.evaluate(_CUT_OFF) == [], size
        board = lab.canvas.bounding_box()
        assert board["width"] == pytest.approx(board["height"], abs=1)
        assert board["width"] >= min(200, width - 140)
        assert whole.bounding_box()["width"] <= page.output(0).bounding_box()["width"]
    side = page.ask("lab.engine.recognizer.preprocessing.size")
    lab.root.locator(".skw-tile:not(.skw-is-dead)").nth(20).click()
    for size in ("wide", "tiny"):
        page.resize(whole, *SIZES[size])
        expect(lab.root.locator(".skw-large")).to_contain_text(f"of {side} × {side} px")
        lab.picture(pictures / f"enlarged-{size}-{theme}.png")
        assert whole.evaluate(_CUT_OFF) == [], size
    page.page.keyboard.press("Escape")
    expect(lab.root.locator(".skw-large")).to_be_hidden()
    red, green, blue = (
        int(value)
        for value in lab.canvas.evaluate("(c) => getComputedStyle(c).color.match(/[0-9]+/g).slice(0, 3)")
    )
    assert (min(red, green, blue) > 128) is (theme == "dark")  # light ink on dark paper
