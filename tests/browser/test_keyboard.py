"""Keys that are pressed in the lab act on the lab, and never on the notebook around it."""

import pytest
from _widgets import LAB, expect_recognised, lab_in
from playwright.sync_api import expect

# In JupyterLab's command mode these insert, cut, paste, delete, merge, convert and run cells.
DANGEROUS = ["a", "b", "x", "c", "v", "d", "d", "m", "y", "z", "Shift+m", "1", "0", "0", "j", "k", "h", "l"]


def cells(page):
    return page.page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.content.widgets
          .map(({ model }) => [model.type, model.sharedModel.source])"""
    )


@pytest.fixture
def lab_of_two(notebook, drawing):
    page = notebook("x = 1", LAB, "y = 2", "")
    page.run(1)
    lab = lab_in(page, 1)
    for stroke in drawing[:2]:
        lab.hand().stroke(stroke, speed=10)
    expect_recognised(page, lab, 2)
    lab.expect_panels()
    return page, lab


def test_shortcuts_do_not_reach_the_notebook(lab_of_two):
    page, lab = lab_of_two
    page.page.evaluate("() => window.jupyterapp.commands.execute('notebook:enter-command-mode')")
    before = cells(page)
    for target in [
        lab.canvas,
        lab.button("Undo"),
        lab.root.locator(".skw-scrubber .skw-slider"),
        lab.root.locator(".skw-panels select"),
        lab.root.locator(".skw-tile:not(.skw-is-dead)").first,
    ]:
        target.focus()
        for key in DANGEROUS:
            page.page.keyboard.press(key)
        assert cells(page) == before
        assert target.evaluate("(element) => element === document.activeElement")


def test_keys_draw_back_and_forth(lab_of_two):
    page, lab = lab_of_two
    before = cells(page)

    def press(key):
        lab.canvas.focus()  # asking the kernel takes the focus to another cell
        page.page.keyboard.press(key)

    press("ArrowLeft")
    expect(lab.scrub_text).to_have_text("1 of 2")
    press("End")
    expect(lab.scrub_text).to_have_text("2 of 2")
    press("Control+z")
    expect_recognised(page, lab, 1)
    press("Control+Shift+z")
    expect_recognised(page, lab, 2)
    press("Delete")
    expect(lab.scrub_text).to_have_text("no strokes")
    press("Control+z")
    expect_recognised(page, lab, 2)
    assert cells(page)[:-1] == before[:-1]  # the last one asks the kernel
