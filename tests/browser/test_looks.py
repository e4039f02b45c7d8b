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


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_is_cut_off(notebook, drawing, pictures, dark):
    page = notebook(LAB, "", viewport={"width": 1600, "height": 1100})
    page.set_theme(dark=dark)
    page.hide_side_bars()
    page.run(0)
    lab = lab_in(page, 0)
    expect(lab.canvas).to_be_visible()
    theme = "dark" if dark else "light"
    lab.picture(pictures / f"empty-{theme}.png")
    for stroke in drawing:
        lab.hand().stroke(stroke, speed=10)
    expect_recognised(page, lab, len(drawing))
    for size, (width, height) in SIZES.items():
        page.page.set_viewport_size({"width": width, "height": height})
        lab.expect_panels()
        page.page.wait_for_timeout(500)
        lab.picture(pictures / f"{size}-{theme}.png")
        assert lab.root.locator(".skw-lab").evaluate(_CUT_OFF) == [], size
        board = lab.canvas.bounding_box()
        assert board["width"] == pytest.approx(board["height"], abs=1)
        assert board["width"] >= min(200, width - 140)
        right = page.output(0).bounding_box()
        assert lab.root.locator(".skw-lab").bounding_box()["width"] <= right["width"]
    lab.root.locator(".skw-tile:not(.skw-is-dead)").nth(20).click()
    for size in ("wide", "tiny"):
        page.page.set_viewport_size(dict(zip(("width", "height"), SIZES[size], strict=True)))
        expect(lab.root.locator(".skw-large")).to_contain_text("of 225 × 225 px")
        page.page.wait_for_timeout(300)
        lab.picture(pictures / f"enlarged-{size}-{theme}.png")
        assert lab.root.locator(".skw-lab").evaluate(_CUT_OFF) == [], size
    red, green, blue = (
        int(value)
        for value in lab.canvas.evaluate("(c) => getComputedStyle(c).color.match(/[0-9]+/g).slice(0, 3)")
    )
    assert (min(red, green, blue) > 128) is dark  # light ink on dark paper
