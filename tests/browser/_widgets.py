"""What a person sees of a SketchLab, or of its pad or panels alone, in a page."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _page import NotebookPage
from _pointer import Hand
from playwright.sync_api import Locator, Page, expect

# The cell of a test's notebook that makes the lab; one empty cell after it is for NotebookPage.ask.
LAB = "import sketchwidgets as sw\nfrom kernel_side import recognizer\nlab = sw.SketchLab(recognizer)\nlab"

_DIGESTS = """(rows) => Object.fromEntries(rows.map((row) => [
  row.dataset.layer,
  [...row.querySelectorAll('.skw-tile')].map((tile) =>
    tile.querySelector('.skw-tile-number').textContent.replace(' ', '') +
    (tile.classList.contains('skw-is-dead') ? 'dead' : tile.querySelector('canvas').toDataURL())).join(' '),
]))"""
_INK = """(canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (let i = 3; i < data.length; i += 4) sum += data[i];
  return sum / 255 / canvas.width / canvas.height;
}"""


class LabView:
    """One place in the page where a SketchLab, a pad or panels are shown."""

    def __init__(self, page: Page, root: Locator) -> None:
        self.page = page
        self.root = root
        self.canvas = self.root.locator(".skw-canvas")
        self.name = self.root.locator(".skw-guess-name")
        self.probability = self.root.locator(".skw-guess-p")
        self.error = self.root.locator(".skw-pad .skw-error")
        self.banner = self.root.locator(".skw-banner")
        self.rows = self.root.locator(".skw-row")

    def hand(self, pointer: str = "mouse") -> Hand:
        return Hand(self.page, self.canvas, pointer=pointer)

    def button(self, name: str) -> Locator:
        """A button of the pad by the start of its label: "Undo", "Redo", "Clear"."""
        return self.root.get_by_role("button", name=name)

    def scrub(self, step: int) -> None:
        """Move the slider to a stroke, 1 for the first."""
        self.root.locator(".skw-scrubber .skw-slider").fill(str(step))

    @property
    def scrub_text(self) -> Locator:
        return self.root.locator(".skw-scrub-text")

    def ink(self) -> float:
        """How much of the board is inked, 0 to 1; what a later step would draw counts a tenth."""
        return self.canvas.evaluate(_INK)

    def pictures(self) -> dict[str, str]:
        """What the tiles of each row show, row by row, to be compared."""
        return self.rows.evaluate_all(_DIGESTS)

    def label(self) -> tuple[str, str]:
        """The name and the probability under the board, as shown."""
        return self.name.inner_text(), self.probability.inner_text()

    def percent(self) -> int:
        """The probability under the board, as a number; "< 1 %" is 1 and "> 99 %" is 99."""
        return int(self.probability.inner_text().strip("<> %"))

    def picture(self, path: Path) -> None:
        """A screenshot of the whole, which needs a window that is tall enough for it."""
        size = self.page.viewport_size
        height = int(self.root.bounding_box()["height"]) + 250
        self.page.set_viewport_size({"width": size["width"], "height": max(size["height"], height)})
        self.root.scroll_into_view_if_needed()
        self.root.screenshot(path=path)
        self.page.set_viewport_size(size)

    def expect_view(self, label: tuple[str, str], pictures: dict[str, str]) -> None:
        """Wait until exactly this label and these tiles are shown."""
        expect(self.name).to_have_text(label[0])
        expect(self.probability).to_have_text(label[1])
        wait_until(lambda: [row for row, shown in self.pictures().items() if shown != pictures[row]], [])

    def expect_label(self, name: str) -> None:
        """Wait until a final, not a provisional, prediction of this name is shown."""
        expect(self.root.locator(".skw-guess:not(.skw-provisional) .skw-guess-name")).to_have_text(name)

    def expect_panels(self) -> None:
        """Wait until every row shows tiles of the newest drawing."""
        expect(self.rows.first).to_be_visible()
        expect(self.root.locator(".skw-row.skw-stale, .skw-row.skw-waiting")).to_have_count(0)


def lab_in(notebook: NotebookPage, cell: int) -> LabView:
    """The lab that the outputs of a cell show."""
    return LabView(notebook.page, notebook.output(cell))


def draw_for(notebook: NotebookPage, drawing: list[np.ndarray], invitation: str) -> tuple[LabView, Locator]:
    """Run the first cell, which makes a `pad` and an `explorer` that follows it, and draw once that invites to.

    Returns where the pad is shown and where the explorer is, when this shows what it makes of the whole drawing.
    """
    notebook.hide_side_bars()
    notebook.run(0)
    pad = lab_in(notebook, 0)
    explorer = pad.root.locator(".skw-explorer")
    expect(explorer).to_contain_text(invitation)
    for stroke in drawing:
        pad.hand().stroke(stroke, speed=10)
    wait_until(lambda: notebook.ask("[len(pad.sketch), explorer.settle()]"), [len(drawing), True])
    return pad, explorer


def wait_until(question: Callable[[], Any], wanted: Any, seconds: float = 60) -> None:
    """Ask again and again until the answer is the wanted one; AssertionError with the last answer if not."""
    end = time.monotonic() + seconds
    while (answer := question()) != wanted:
        assert time.monotonic() < end, f"wanted {wanted!r}, still {answer!r}"
        time.sleep(0.1)


def expect_recognised(notebook: NotebookPage, view: LabView, strokes: int) -> str:
    """Wait until the kernel has recognised that many strokes and the page shows it; returns the name.

    Name and probability must be those of recognising the same strokes from scratch.
    """
    wait_until(lambda: notebook.ask("0 if lab.session is None else len(lab.session)"), strokes)
    ((name, share),) = notebook.ask("lab.engine.recognizer.recognize(lab.sketch)[-1].top(1)")
    view.expect_label(name)
    wait_until(lambda: abs(view.percent() - 100 * share) <= 1, True)
    return name


def points_in_kernel(notebook: NotebookPage) -> list[np.ndarray]:
    """The strokes that the kernel holds, (n, 4)."""
    return [np.array(stroke) for stroke in notebook.ask("[stroke.tolist() for stroke in lab.sketch]")]
