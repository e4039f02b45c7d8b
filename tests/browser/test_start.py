"""`sketchwidgets lab` serves the first notebook, and its canvas recognises."""

import sys

from _lab import jupyterlab
from _widgets import LabView
from playwright.sync_api import expect


def test_the_command_opens_a_recognising_canvas(chromium, tmp_path, drawing, pictures):
    command = [
        *(sys.executable, "-c", "from sketchwidgets.cli import app; app()"),
        *("lab", "--no-browser", "--dir", str(tmp_path / "mine")),
    ]
    with jupyterlab(tmp_path, command=command) as server:
        assert (tmp_path / "mine" / "01-draw-and-recognize.ipynb").is_file()
        context = chromium.new_context(viewport={"width": 1400, "height": 1000})
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.goto(f"{server.url}/?token={server.token}")
        page.wait_for_url("**/lab/tree/01-draw-and-recognize.ipynb*")
        # JupyterLab drops what is run before the kernel has started; it says so in its status bar.
        expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
        cell = page.locator(".jp-CodeCell").first
        cell.locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        lab = LabView(page, cell.locator(".jp-OutputArea"))
        lab.hand().stroke(drawing[0], speed=4)
        expect(lab.root.locator(".skw-guess:not(.skw-provisional) .skw-guess-name")).not_to_have_text("")
        lab.expect_panels()
        page.screenshot(path=pictures / "command.png")
        context.close()
