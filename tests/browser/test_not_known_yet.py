"""What the lab shows while the recogniser does not know."""

from _widgets import lab_in, wait_until
from playwright.sync_api import expect

# It never knows after one stroke, and always after more.
LAB = """
import sketchwidgets as sw
from kernel_side import recognizer
recognizer = recognizer()
recognizer.calibration = sw.Calibration(thresholds=(1.0, 0.0))
lab = sw.SketchLab(recognizer)
large = sw.widgets.Recognition()
display(lab)
large
"""


def test_it_says_so_and_lists_its_guesses(notebook, drawing, pictures):
    page = notebook(LAB, "", viewport={"width": 1100, "height": 1500})
    page.hide_side_bars()
    page.run(0)
    lab = lab_in(page, 0)
    lab.hand().stroke(drawing[0], speed=4)
    wait_until(lambda: page.ask("0 if lab.session is None else len(lab.session)"), 1)
    lab.expect_label("I don't know yet")
    expect(lab.probability).to_have_text("")
    first, second = page.ask("[name for name, _ in lab.session.predictions[-1].top(2)]")
    guesses = lab.root.locator(".skw-guess-others")
    expect(guesses).to_contain_text(first)
    expect(guesses).to_contain_text(second)
    expect(lab.root.locator(".skw-label [role=status]")).to_contain_text(f"I don't know yet, perhaps {first}")
    page.ask("large.update(lab.session.predictions)")
    expect(lab.root.locator(".skw-recognition-title")).to_contain_text("I don't know yet")
    page.looks(lab.root, pictures / "not-known-yet.png", height=1500)

    lab.hand().stroke(drawing[1], speed=4)
    wait_until(lambda: page.ask("len(lab.session)"), 2)
    lab.expect_label(page.ask("lab.session.predictions[-1].label"))
    expect(lab.root.locator(".skw-unsure")).to_have_count(1)  # the chart, which was not told
    page.ask("large.update(lab.session.predictions)")
    expect(lab.root.locator(".skw-unsure")).to_have_count(0)
