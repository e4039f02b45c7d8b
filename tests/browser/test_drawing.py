"""Drawing in the lab: each stroke is recognised and every layer answers, with any pointer and at any rate."""

import re
from itertools import pairwise

import numpy as np
import pytest
from _pointer import flood
from _widgets import LAB, expect_recognised, lab_in, points_in_kernel, wait_until
from playwright.sync_api import expect


def test_a_real_drawing_is_recognised_stroke_by_stroke(notebook, drawing_in_full, pictures):
    drawing = drawing_in_full
    page = notebook(LAB, "")
    page.run(0)
    lab = lab_in(page, 0)
    hand = lab.hand()
    labels, shown = [], []
    for strokes, stroke in enumerate(drawing, start=1):
        hand.stroke(stroke, speed=4)
        expect_recognised(page, lab, strokes)
        lab.expect_panels()
        labels.append(lab.label())
        shown.append(lab.pictures())
    lab.picture(pictures / "drawing.png")

    layers = set(shown[0])
    assert layers == set(page.ask("list(sw.Network.of(lab.engine.recognizer).layers())"))
    for before, after in pairwise(shown):
        assert set(after) == layers
        assert any(before[layer] != after[layer] for layer in layers)
    assert all(shown[0][layer] != shown[-1][layer] for layer in layers)
    assert len(set(labels)) > 1
    expect(lab.scrub_text).to_have_text(f"{len(drawing)} of {len(drawing)}")

    for drawn, held in zip(drawing, points_in_kernel(page), strict=True):
        np.testing.assert_allclose(held[0, :2], drawn[0, :2], atol=1)
        np.testing.assert_allclose(held[-1, :2], drawn[-1, :2], atol=1)
        assert (np.diff(held[:, 2]) >= 0).all()
        assert (held[:, 3] == 1).all()  # a mouse has no pressure


@pytest.mark.parametrize("pointer", ["pen", "touch"])
def test_pen_and_touch_draw_too(notebook, pointer):
    page = notebook(LAB, "", has_touch=True)
    page.run(0)
    lab = lab_in(page, 0)
    ramp = np.linspace(0, 1, 20)
    stroke = np.column_stack([80 + 240 * ramp, 100 + 150 * ramp, 400 * ramp, 0.2 + 0.6 * ramp])
    lab.hand(pointer).stroke(stroke)
    expect_recognised(page, lab, 1)
    (held,) = points_in_kernel(page)
    np.testing.assert_allclose(held[[0, -1], :2], stroke[[0, -1], :2], atol=1)
    if pointer == "pen":
        np.testing.assert_allclose(held[[0, -1], 3], [0.2, 0.8], atol=0.05)
        assert (np.diff(held[:, 3]) >= 0).all()
    else:
        assert (held[:, 3] == 1).all()


def test_a_stroke_in_progress_is_recognised_before_the_pen_lifts(notebook):
    page = notebook(LAB, "")
    page.run(0)
    lab = lab_in(page, 0)
    hand = lab.hand()
    hand.stroke(np.array([[100, 100], [300, 120], [280, 300]]), lift=False)
    expect(lab.root.locator(".skw-guess.skw-provisional .skw-guess-name")).not_to_have_text("")
    assert page.ask("len(lab.session)") == 0
    hand.lift(280, 300)
    expect_recognised(page, lab, 1)


def test_undo_redo_clear_and_scrub_back(notebook, drawing):
    page = notebook(LAB, "")
    page.run(0)
    lab = lab_in(page, 0)
    hand = lab.hand()
    seen = []
    for strokes, stroke in enumerate(drawing[:3], start=1):
        hand.stroke(stroke, speed=10)
        expect_recognised(page, lab, strokes)
        lab.expect_panels()
        seen.append((lab.label(), lab.pictures()))

    # Undo shows what was seen before, and redo what was seen after.
    lab.button("Undo").click()
    expect_recognised(page, lab, 2)
    lab.expect_view(*seen[1])
    lab.button("Redo").click()
    expect_recognised(page, lab, 3)
    lab.expect_view(*seen[2])

    # Scrubbing looks back without forgetting.
    lab.scrub(1)
    expect(lab.scrub_text).to_have_text("1 of 3")
    lab.expect_view(*seen[0])
    assert page.ask("(len(lab.sketch), len(lab.session))") == [3, 3]

    # A stroke drawn while looking back goes to the end.
    hand.stroke(drawing[3], speed=10)
    expect_recognised(page, lab, 4)
    expect(lab.scrub_text).to_have_text("4 of 4")

    lab.button("Clear").click()
    expect(lab.scrub_text).to_have_text("no strokes")
    expect(lab.name).to_have_text("")
    assert lab.ink() == 0
    lab.button("Undo").click()
    expect_recognised(page, lab, 4)


def test_the_choice_of_rule_and_top_reaches_every_panel(notebook, drawing):
    page = notebook(LAB, "")
    page.run(0)
    lab = lab_in(page, 0)
    for stroke in drawing[:2]:
        lab.hand().stroke(stroke, speed=10)
    expect_recognised(page, lab, 2)
    lab.expect_panels()
    guided = lab.pictures()
    backprop_button = lab.root.get_by_role("radio", name="Backprop")
    backprop_button.click()
    expect(backprop_button).to_have_attribute("aria-checked", "true")
    # The rules do not differ where no rectifier lies below; in all deeper rows they do.
    deeper = list(guided)[1:]
    wait_until(lambda: [layer for layer in deeper if lab.pictures()[layer] == guided[layer]], [])
    lab.expect_panels()
    backprop = lab.pictures()

    lab.root.locator(".skw-panels select").select_option("4")
    wait_until(lambda: [row.count(" ") for row in lab.pictures().values()], [3] * len(backprop))
    lab.expect_panels()
    fewer = lab.pictures()
    # The same channels; not always the same pixels, as tiles are as large as the largest field in their row.
    names = {layer: [tile.split("data:")[0] for tile in row.split(" ")] for layer, row in backprop.items()}
    assert {layer: found[:4] for layer, found in names.items()} == {
        layer: [tile.split("data:")[0] for tile in row.split(" ")] for layer, row in fewer.items()
    }
    assert page.ask("(lab.panels.rule, lab.panels.top)") == ["backprop", 4]


def test_tiles_show_the_signal_or_the_whole_field(notebook, drawing):
    page = notebook(LAB, "")
    page.run(0)
    lab = lab_in(page, 0)
    lab.hand().stroke(drawing[0], speed=10)
    expect_recognised(page, lab, 1)
    lab.expect_panels()
    cropped = lab.rows.filter(has_text=", shown")
    expect(cropped).not_to_have_count(0)
    canvas = cropped.first.locator("canvas").first
    field, side = re.search(r"(\d+) px, shown (\d+)", cropped.first.inner_text()).groups()
    assert canvas.evaluate("canvas => canvas.width") == int(side) < int(field)
    lab.root.get_by_role("radio", name="Field").click()
    expect(cropped).to_have_count(0)
    wait_until(
        lambda: max(lab.rows.nth(1).locator("canvas").evaluate_all("all => all.map(c => c.width)")),
        int(field),
    )
    assert page.ask("lab.panels.crop") == "field"


def test_a_tile_enlarges_and_says_where_its_unit_looks(notebook, drawing, tmp_path):
    page = notebook(LAB, "")
    page.run(0)
    lab = lab_in(page, 0)
    lab.hand().stroke(drawing[0], speed=10)
    expect_recognised(page, lab, 1)
    lab.expect_panels()
    row = lab.rows.nth(2)
    row.locator(".skw-tile:not(.skw-is-dead)").first.click()
    large = lab.root.get_by_role("dialog")
    expect(large).to_be_visible()
    paper, box = large.locator(".skw-paper").bounding_box(), large.locator(".skw-field").bounding_box()
    assert 0 < box["width"] < paper["width"]
    assert paper["x"] - 2 <= box["x"] <= paper["x"] + paper["width"]
    page.page.keyboard.press("Escape")
    expect(large).to_be_hidden()
    with page.page.expect_download() as download:
        lab.root.get_by_role("button", name="PNG", exact=True).click()
    assert download.value.suggested_filename == "Projections-by-guided-backpropagation.png"
    download.value.save_as(tmp_path / "panels.png")
    assert (tmp_path / "panels.png").read_bytes()[:4] == b"\x89PNG"


def test_a_flood_of_points_loses_none_and_is_recognised_while_it_lasts(notebook):
    page = notebook(LAB, "")
    page.run(0)
    lab = lab_in(page, 0)
    assert page.ask("lab.settle()")  # the recogniser is loaded
    page.page.evaluate(
        """() => {
          window.provisional = 0;
          const name = document.querySelector('.skw-guess');
          new MutationObserver(() => { window.provisional += name.classList.contains('skw-provisional'); })
            .observe(name, { subtree: true, childList: true, characterData: true });
        }"""
    )
    count = 1500
    flood(page.page, lab.canvas, points=count, rate=500)
    expect_recognised(page, lab, 1)
    (held,) = points_in_kernel(page)
    # The press and the release are in the middle, the moves on the spiral.
    moves = held[1 : count + 1, :2]
    turn, radius = np.arange(count) / 60, 0.45 * 400 * np.arange(1, count + 1) / count
    spiral = 200 + radius[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
    np.testing.assert_allclose(moves, spiral, atol=0.5)
    np.testing.assert_allclose(held[[0, -1], :2], 200, atol=1)
    assert page.page.evaluate("() => window.provisional") > 0
    lab.expect_panels()
