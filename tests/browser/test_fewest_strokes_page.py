"""The fewest strokes on the board: asked for with a button, shown strong among the pale others, and gone again."""

from _drawings import cat
from _widgets import LAB, expect_recognised, lab_in
from playwright.sync_api import expect


def test_the_strokes_that_are_enough_are_shown(notebook, pictures):
    page = notebook(LAB, "")
    page.hide_side_bars()
    page.run(0)
    lab = lab_in(page, 0)
    button, line = lab.button("Fewest strokes"), lab.root.locator(".skw-fewest")
    expect(button).to_be_disabled()  # offered, but there is nothing yet
    drawing = cat()
    for stroke in drawing:
        lab.hand().stroke(stroke, speed=10)
    expect_recognised(page, lab, len(drawing))
    expect(line).to_be_hidden()
    before = lab.ink()

    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(line.get_by_role("button")).to_be_hidden()  # Stop: it has ended
    expect(line).to_contain_text(f"of {len(drawing)} strokes")
    found = page.ask("[lab.sparsified.sentence(), lab.sparsified.kept, lab.sparsified.proven]")
    assert line.locator(".skw-fewest-text").inner_text() == found[0]
    assert found[1:] == [list(found[1]), True]
    pale = lab.ink()
    assert len(found[1]) < len(drawing)
    assert pale < 0.9 * before
    label = page.ask("lab.engine.recognizer.recognize(lab.sparsified.sketch)[-1].label")
    lab.expect_label(label)
    page.looks(lab.root.locator(".skw-pad"), pictures / "fewest.png", narrow=345)
    lab.picture(pictures / "fewest-lab.png")

    button.click()
    expect(line).to_be_hidden()
    assert abs(lab.ink() - before) < 0.02 * before
    button.click()
    expect(line).to_contain_text("strokes")
    lab.hand().stroke(drawing[0] + [0, 20, 0], speed=10)
    expect(line).to_be_hidden()
    expect_recognised(page, lab, len(drawing) + 1)
    assert lab.ink() > before
