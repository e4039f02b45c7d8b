"""One notebook in a page of a real JupyterLab: run its cells, restart its kernel, look at its outputs."""

import json
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from _lab import LabServer
from _pointer import at_rest
from playwright.sync_api import Browser, Locator

# The panel of the notebook that is in front, and a promise that its kernel answers.
_READY = """async () => {
  const panel = window.jupyterapp.shell.currentWidget;
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
}"""
_RUN = """async ([index, wait]) => {
  const app = window.jupyterapp, notebook = app.shell.currentWidget.content;
  notebook.activeCellIndex = index;
  notebook.deselectAll();
  const done = app.commands.execute('notebook:run-cell');
  if (!wait) return;
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error('the cell runs on and on')), 120000));
  await Promise.race([done, late]);
}"""
_CELL = "window.jupyterapp.shell.currentWidget.content.widgets[index].model"


VIEWPORT = {"width": 1400, "height": 1000}


class Window:
    """A window of the browser, in which one notebook after the other is opened: what it has loaded once, it has."""

    def __init__(self, browser: Browser, usual: bool = True, **context: Any) -> None:
        self.usual = usual  # but for its size
        self.context = browser.new_context(**{"viewport": VIEWPORT, **context})
        self.context.set_default_timeout(60_000)
        self.page = self.context.new_page()


class NotebookPage:
    """A notebook made of `cells`, in a window of its own or one that was used before; `open` starts a kernel.

    A kernel is not used again: where all widgets of one have been closed, the next ones' messages are lost now and then,
    with the subshell of the kernel that they go to.

    `errors` collects what the page threw; `console` what it logged, as (type, text).
    """

    def __init__(self, window: Window, server: LabServer, name: str, cells: list[str]) -> None:
        self.server = server
        self.name = name
        self.window, self.context, self.page = window, window.context, window.page
        write_notebook(server.root / name, cells)
        self.errors: list[str] = []
        self.console: list[tuple[str, str]] = []
        self._listeners = {
            "pageerror": lambda error: self.errors.append(str(error)),
            "console": lambda message: self.console.append((message.type, message.text)),
        }
        for event, listener in self._listeners.items():
            self.page.on(event, listener)

    def open(self, *, reset: bool = True) -> None:
        """Load the page; the kernel of an earlier visit is used again where it still runs."""
        self.page.goto(self.server.link(self.name, reset=reset))
        self.page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell")
        self.page.evaluate(_READY)

    def run(self, *indices: int, wait: bool = True) -> None:
        """Run cells by index, all of them without one; with `wait`, until each has ended.

        Raises AssertionError with the traceback of a cell that fails.
        """
        for index in indices or range(self.cell_count()):
            self.page.evaluate(_RUN, [index, wait])
            if wait:
                for output in self.outputs(index):
                    assert output["output_type"] != "error", "\n".join(output["traceback"])

    def ask(self, expression: str) -> Any:
        """The value of a Python expression in the kernel, as JSON; replaces the source of the last cell."""
        index = self.cell_count() - 1
        self.page.evaluate(
            f"([index, source]) => {_CELL}.sharedModel.setSource(source)",
            [index, f"import json; print(json.dumps({expression}))"],
        )
        self.run(index)
        text = "".join(output["text"] for output in self.outputs(index) if output["output_type"] == "stream")
        return json.loads(text)

    def cell_count(self) -> int:
        return self.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.length")

    def outputs(self, index: int) -> list[dict]:
        """The outputs of a cell, as the notebook file holds them."""
        return self.page.evaluate(f"index => {_CELL}.toJSON().outputs", index)

    def output(self, index: int) -> Locator:
        """The place in the page where the outputs of a cell are shown."""
        return (
            self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell")
            .nth(index)
            .locator(".jp-OutputArea")
        )

    def clear_output(self, index: int) -> None:
        """Clear the outputs of a cell."""
        self.page.evaluate(f"index => {_CELL}.clearExecution()", index)

    def save(self) -> None:
        """Save the notebook with its outputs."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")

    def restart_kernel(self) -> None:
        """Restart the kernel without the dialog that asks whether."""
        self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
        )
        self.page.evaluate(_READY)

    def set_theme(self, *, dark: bool) -> None:
        name = "JupyterLab Dark" if dark else "JupyterLab Light"
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", name
        )
        self.page.wait_for_function(
            "light => document.body.dataset.jpThemeLight === light", arg="false" if dark else "true"
        )

    def resize(self, root: Locator, width: int, height: int) -> None:
        """Give the window another size, and wait until an element has found its own."""
        self.page.set_viewport_size({"width": width, "height": height})
        at_rest(root)

    def looks(self, root: Locator, path: Path, *, narrow: int = 560, height: int = 2000) -> None:
        """Screenshots of an element, light and dark, as wide as it is now and narrow; then all is as before.

        path : a picture "grid.png" is kept as "grid-wide-light.png", "grid-narrow-dark.png", ...
        """
        before = self.page.viewport_size
        for theme, dark in (("light", False), ("dark", True)):
            self.set_theme(dark=dark)
            for size, width in (("wide", before["width"]), ("narrow", narrow)):
                self.resize(root, width, height)
                root.screenshot(path=path.with_stem(f"{path.stem}-{size}-{theme}"))
        self.set_theme(dark=False)
        self.page.set_viewport_size(before)

    def hide_side_bars(self) -> None:
        """Give the notebook the whole width of the window."""
        self.page.evaluate(
            "() => { window.jupyterapp.shell.collapseLeft(); window.jupyterapp.shell.collapseRight(); }"
        )

    def leave(self) -> None:
        """Close the notebook and end its kernel, so that no test pays for the one before; the window stays."""
        self.page.goto("about:blank")
        for event, listener in self._listeners.items():
            self.page.remove_listener(event, listener)
        self._end_kernel()

    def close(self) -> None:
        """Close the window too."""
        self.context.close()
        self._end_kernel()

    def _end_kernel(self) -> None:
        for session in self.server.request("/api/sessions"):
            if session["path"] == self.name:
                # The answer comes when the kernel has ended, seconds later; no test needs to wait for that.
                threading.Thread(target=self._end_session, args=(session["id"],), daemon=True).start()

    def _end_session(self, name: str) -> None:
        with suppress(OSError):  # the server ends first, and its kernels with it
            self.server.request(f"/api/sessions/{name}", method="DELETE")


def write_notebook(path: Path, cells: list[str]) -> None:
    """Write a notebook of code cells with the given sources."""
    path.write_text(
        json.dumps(
            {
                "nbformat": 4,
                "nbformat_minor": 5,
                "metadata": {
                    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
                },
                "cells": [
                    {
                        "cell_type": "code",
                        "id": f"cell-{index}",
                        "metadata": {},
                        "source": source,
                        "outputs": [],
                        "execution_count": None,
                    }
                    for index, source in enumerate(cells)
                ],
            }
        )
    )
