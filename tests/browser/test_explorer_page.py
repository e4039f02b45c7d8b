"""A widget that computes: progress, cancelling, an error and the newest drawing, as the page shows them."""

import numpy as np
from _pointer import Hand
from _widgets import wait_until
from playwright.sync_api import expect

SLOW = """
import time, ipywidgets, torch, sketchwidgets as sw
from sketchwidgets.widgets.explorer._explorer import Explorer

class Slow(Explorer):
    def __init__(self, *args):
        self.seconds = ipywidgets.IntSlider(0, min=0, max=60, description="seconds")
        self.seconds.observe(self.refresh, names="value")
        super().__init__(*args, controls=[self.seconds])

    def _compute(self, job):
        if self.seconds.value == 13:
            raise ValueError("thirteen <seconds> are not computed")
        steps = 20 * self.seconds.value
        for step in range(steps):
            if not job.progress(step, steps, "waiting"):
                break
            time.sleep(0.05)
        return job.image, len(job.sketch)

    def _present(self, result):
        image, strokes = result
        return sw.Figure("", [sw.Section("Drawing", [sw.Tile.picture(image[0], f"{strokes} strokes", paper=True)])])

net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(2 * 62 * 62, 2)).eval()
pad = sw.SketchPad()
slow = Slow(sw.Network(net, size=64), pad)
ipywidgets.VBox([pad, slow])
"""


def test_progress_cancel_errors_and_the_newest_drawing(notebook, pictures):
    page = notebook(SLOW, "", viewport={"width": 900, "height": 1100})
    page.run(0)
    root = page.output(0)
    line, caption = root.locator(".skw-explorer-line"), root.locator(".skw-grid-caption")
    expect(line).to_contain_text("Draw a stroke")
    hand = Hand(page.page, root.locator(".skw-canvas"))
    ramp = np.linspace(60, 340, 12)
    hand.stroke(np.column_stack([ramp, ramp]))
    expect(caption).to_have_text("1 strokes")
    expect(line).to_be_hidden()

    page.ask("setattr(slow.seconds, 'value', 50)")
    expect(line.get_by_role("button", name="Cancel")).to_be_visible()
    expect(line).to_contain_text("waiting · ")
    expect(line).to_contain_text(" of 1000")
    root.screenshot(path=pictures / "explorer-busy.png")
    hand.stroke(np.column_stack([ramp, 400 - ramp]))  # what is under way is given up for it
    wait_until(lambda: page.ask("slow._job.sketch is not None and len(slow._job.sketch)"), 2)
    line.get_by_role("button", name="Cancel").click()
    expect(line).to_contain_text("this is how far it came")
    expect(caption).to_have_text("2 strokes")
    line.get_by_role("button", name="Go again").click()
    expect(line).to_contain_text("waiting · ")

    page.ask("setattr(slow.seconds, 'value', 13)")
    error = root.locator(".skw-explorer-notice .skw-error")
    expect(error).to_contain_text("thirteen <seconds> are not computed")
    expect(error.locator("pre")).to_be_hidden()
    error.locator("summary").click()
    expect(error.locator("pre")).to_contain_text("in _compute")
    expect(line).to_be_hidden()
    root.screenshot(path=pictures / "explorer-error.png")
    page.ask("setattr(slow.seconds, 'value', 0)")
    expect(error).to_have_count(0)
    expect(caption).to_have_text("2 strokes")
    assert page.ask("slow.settle() and slow.close() is None and slow._worker.alive") is False
