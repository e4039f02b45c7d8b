"""Keys that are pressed in a widget act on the widget, and never on the notebook around it."""

import pytest
from _widgets import LAB, expect_recognised, lab_in
from playwright.sync_api import expect

EXPLORER = """
import numpy as np, torch, sketchwidgets as sw
torch.manual_seed(0)
layers = torch.nn.Conv2d(1, 4, 5), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Conv2d(4, 6, 5), torch.nn.ReLU()
network = sw.Network(torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()).eval(), size=32)
picture = np.add.outer(np.arange(32), np.arange(32)).astype(np.uint8)
explorer = sw.RuleExplorer(network, picture)
explorer
"""
# The controls of this explorer, and those of one that has no view of the bundle.
PANELS = "panels = sw.ProjectionPanels(network, picture)\npanels"
MONITOR = "monitor = sw.TrainingMonitor(lambda tell: None, start=False)\nmonitor"
CHARTS = "charts = sw.ChartView(sw.Chart([('a', [1, 2], [3, 4]), ('b', [1, 2], [4, 3])]))\ncharts"
FOCUSABLE = "select:visible, input:visible, button:visible:enabled, [tabindex='0']:visible"

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


@pytest.mark.parametrize(
    "cell", [PANELS, "explorer", MONITOR, CHARTS], ids=["panels", "rules", "monitor", "charts"]
)
def test_shortcuts_in_controls_of_explorers_do_not_reach_the_notebook(notebook, cell):
    page = notebook("x = 1", EXPLORER, cell, "y = 2", "")
    page.run(1, 2)
    root = page.output(2)
    controls = root.locator(FOCUSABLE)
    expect(controls.first).to_be_visible()
    page.ask("explorer.settle()")
    before = cells(page)
    count = controls.count()
    for k in sorted({0, 1, 2, count // 2, count - 1} & set(range(count))):
        control = controls.nth(k)
        page.page.evaluate("() => window.jupyterapp.commands.execute('notebook:enter-command-mode')")
        control.focus()
        for key in ["b", "d", "d", "x", "m", "Control+Backspace", "Control+z"]:
            page.page.keyboard.press(key)
        assert cells(page) == before, f"control {k}"


def test_saving_and_running_reach_jupyterlab_from_a_control(notebook):
    page = notebook("x = 1", EXPLORER, "y = 2", "")
    page.run(0, 1)
    control = page.output(1).locator("select:visible").first
    expect(control).to_be_visible()
    control.focus()
    page.page.keyboard.press("b")  # is kept, and what comes after it is not
    page.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.model.dirty = true")
    page.page.keyboard.press("Control+s")
    page.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    assert page.cell_count() == 4
    count = page.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.executionCount"
    )
    page.page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1; }")
    control.focus()
    page.page.keyboard.press("Shift+Enter")
    page.page.wait_for_function(
        "count => window.jupyterapp.shell.currentWidget.content.widgets[1].model.executionCount > count",
        arg=count,
    )


def test_ctrl_s_saves_and_shift_enter_runs_while_the_board_has_the_focus(lab_of_two):
    page, lab = lab_of_two
    dirty = "() => window.jupyterapp.shell.currentWidget.model.dirty"
    runs = "() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.executionCount"
    before = cells(page)
    for target in [lab.canvas, lab.root.locator(".skw-tile:not(.skw-is-dead)").first]:
        page.page.evaluate("() => { window.jupyterapp.shell.currentWidget.model.dirty = true; }")
        target.focus()
        page.page.keyboard.press("Control+s")
        page.page.wait_for_function(f"() => !({dirty})()")
        # What follows is the widget's again.
        target.focus()
        for key in DANGEROUS:
            page.page.keyboard.press(key)
        assert cells(page) == before
    count = page.page.evaluate(runs)
    lab.canvas.click()  # a press activates the cell, and is a stroke
    page.page.keyboard.press("Shift+Enter")
    page.page.wait_for_function(f"count => ({runs})() > count", arg=count)


def focused(target):
    return target.evaluate("(element) => element === document.activeElement")


def test_no_button_that_has_nothing_more_to_do_takes_the_focus_away(lab_of_two):
    page, lab = lab_of_two
    undo, clear, slider = (
        lab.button("Undo"),
        lab.button("Clear"),
        lab.root.locator(".skw-scrubber .skw-slider"),
    )
    undo.focus()
    for _ in range(3):
        page.page.keyboard.press("Enter")
    expect(lab.scrub_text).to_have_text("no strokes")
    expect(undo).to_be_disabled()
    assert focused(undo)
    for _ in range(2):
        page.page.keyboard.press("Control+Shift+z")
    expect(lab.scrub_text).to_have_text("2 of 2")
    slider.focus()
    page.page.keyboard.press("Delete")
    expect(lab.scrub_text).to_have_text("no strokes")
    assert focused(lab.canvas)
    page.page.keyboard.press("Control+z")
    expect(lab.scrub_text).to_have_text("2 of 2")
    clear.focus()
    page.page.keyboard.press("Enter")
    expect(lab.scrub_text).to_have_text("no strokes")
    assert focused(clear)
    page.page.keyboard.press("Control+z")
    expect(lab.scrub_text).to_have_text("2 of 2")


def test_a_search_that_ends_leaves_the_focus_of_its_stop_button_on_the_board(lab_of_two):
    page, lab = lab_of_two
    says = "lab.pad.send_fewest(busy={}, kept=[], text='', note='', share=0.5)"
    page.ask(says.format(True))
    page.ask(f"__import__('threading').Timer(2, lambda: {says.format(False)}).start()")
    stop = lab.button("Stop")
    stop.focus()
    assert focused(stop)
    expect(stop).to_be_hidden()
    assert focused(lab.canvas)
