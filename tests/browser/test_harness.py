"""The harness itself: cells run, errors are reported, kernels restart, pointers of all kinds arrive."""

import numpy as np
import pytest
from _pointer import Hand, flood

BOARD = """
from IPython.display import HTML
HTML('''<div id="board" style="width:300px;height:300px;background:#ccc;touch-action:none"></div><script>
  const board = document.getElementById('board');
  window.seen = [];
  for (const type of ['pointerdown', 'pointermove', 'pointerup'])
    board.addEventListener(type, (e) => {
      if (type === 'pointerdown') board.setPointerCapture(e.pointerId);
      const box = board.getBoundingClientRect();
      if (type !== 'pointermove' || e.buttons)
        window.seen.push([type, e.pointerType, e.clientX - box.x, e.clientY - box.y, e.pressure]);
    });
</script>''')
"""


def test_cells_run_and_values_come_back(notebook):
    lab = notebook("x = 20", "x += 22", "")
    lab.run(0, 1)
    assert lab.ask("x") == 42
    lab.restart_kernel()
    assert lab.ask("'x' in globals()") is False


def test_a_failing_cell_fails_the_test_with_its_traceback(notebook):
    lab = notebook("1 / 0")
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        lab.run(0)


def test_themes(notebook):
    lab = notebook("x = 1")
    for dark in (True, False):
        lab.set_theme(dark=dark)
        red = lab.page.evaluate(
            "() => parseInt(getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0])"
        )
        assert (red < 128) is dark


def test_strokes_of_every_pointer_arrive_where_they_were_drawn(notebook):
    lab = notebook(BOARD, has_touch=True)
    lab.run(0)
    board = lab.page.locator("#board")
    points = np.array([[40, 40, 0, 0.2], [200, 100, 20, 0.4], [360, 380, 40, 0.8]])
    for pointer in ("mouse", "pen", "touch"):
        Hand(lab.page, board, board=400, pointer=pointer).stroke(points)
        seen = lab.page.evaluate("() => window.seen.splice(0)")
        assert [event[0] for event in seen] == ["pointerdown", "pointermove", "pointermove", "pointerup"]
        assert {event[1] for event in seen} == {pointer}
        np.testing.assert_allclose([event[2:4] for event in seen[:3]], points[:, :2] * 300 / 400, atol=1)
        if pointer == "pen":
            np.testing.assert_allclose([event[4] for event in seen[:3]], points[:, 3], atol=1e-6)

    flood(lab.page, board, points=300, rate=500)
    seen = lab.page.evaluate("() => window.seen.map((event) => event[0])")
    assert seen == ["pointerdown", *["pointermove"] * 300, "pointerup"]
