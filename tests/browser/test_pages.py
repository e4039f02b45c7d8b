"""A page that is loaded again, and two pages of one notebook: they show one drawing, and none of its strokes is lost."""

import copy

import numpy as np
import pytest
from _widgets import LAB, expect_recognised, lab_in, wait_until
from playwright.sync_api import expect


def line(x):
    return np.array([[x, 60], [x, 200], [x + 10, 340]])


def strokes_of(page):
    """What the kernel holds: the first x of each stroke, to a unit, and how many its session has recognised."""
    return page.ask("[[round(float(s[0, 0])) for s in lab.sketch], lab.settle() and len(lab.session)]")


@pytest.mark.parametrize("taken", ["undone", "cleared"])
def test_a_stroke_after_a_reload_is_kept_whatever_was_taken_back_before(notebook, taken):
    page = notebook(LAB, "")
    page.run(0)
    lab = lab_in(page, 0)
    for x in (50, 100, 150):
        lab.hand().stroke(line(x))
    expect_recognised(page, lab, 3)
    if taken == "undone":
        lab.button("Undo").click()
        lab.button("Undo").click()
        expect_recognised(page, lab, 1)
    else:
        lab.button("Clear").click()
        expect(lab.scrub_text).to_have_text("no strokes")
    left = [50] if taken == "undone" else []
    page.save()
    page.open(reset=False)
    expect(lab.canvas).to_be_visible()
    for x in (250, 300):
        lab.hand().stroke(line(x))
    n = len(left) + 2
    wait_until(lambda: strokes_of(page), [[*left, 250, 300], n])
    expect(lab.scrub_text).to_have_text(f"{n} of {n}")
    expect_recognised(page, lab, n)


def test_two_pages_of_a_notebook_show_one_drawing(notebook):
    page = notebook(LAB, "", viewport={"width": 1100, "height": 1000})
    page.run(0)
    first = lab_in(page, 0)
    first.hand().stroke(line(50))
    expect_recognised(page, first, 1)
    page.save()
    other = copy.copy(page)
    other.page = page.context.new_page()
    other.open()
    second = lab_in(other, 0)
    expect(second.scrub_text).to_have_text("1 of 1")

    def agree(*xs):
        n = len(xs)
        wait_until(lambda: strokes_of(page), [list(xs), n])
        for view in (first, second):
            expect(view.scrub_text).to_have_text(f"{n} of {n}" if n else "no strokes")
        wait_until(lambda: first.ink() == pytest.approx(second.ink(), rel=0.02), True)

    # A stroke under way in one page is not cut off by what the other does.
    first.hand().stroke(line(100), lift=False)
    second.hand().stroke(line(150))
    wait_until(lambda: strokes_of(page)[0], [50, 150])
    page.page.bring_to_front()
    box = first.canvas.bounding_box()
    page.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.page.mouse.up()
    agree(50, 150, 100)
    assert page.ask("round(float(lab.sketch.strokes[-1][-1, 0]))") == pytest.approx(200, abs=2)
    second.button("Undo").click()
    agree(50, 150)
    first.button("Undo").click()
    agree(50)
    second.button("Redo").click()
    agree(50, 150)
    first.hand().stroke(line(300))
    agree(50, 150, 300)
    second.button("Clear").click()
    agree()
    other.page.close()
