"""One notebook in a page of a real JupyterLab: run its cells, restart its kernel, look at its outputs."""

import json
from pathlib import Path
from typing import Any

from _lab import LabServer
from playwright.sync_api import Browser, Locator, Page

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
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error('the cell runs on and on')), 120000));
  if (wait) await Promise.race([done, late]);
}"""
_CELL = "window.jupyterapp.shell.currentWidget.content.widgets[index].model"


class NotebookPage:
    """A notebook made of `cells`, in a page of its own; `open` loads it and starts a kernel.

    `errors` collects what the page threw; `console` what it logged, as (type, text).
    """

    def __init__(
        self, browser: Browser, server: LabServer, name: str, cells: list[str], **context: Any
    ) -> None:
        self.server = server
        self.name = name
        write_notebook(server.root / name, cells)
        self.context = browser.new_context(**{"viewport": {"width": 1400, "height": 1000}, **context})
        self.context.set_default_timeout(60_000)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.console: list[tuple[str, str]] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self.console.append((message.type, message.text)))

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

    def hide_side_bars(self) -> None:
        """Give the notebook the whole width of the window."""
        self.page.evaluate(
            "() => { window.jupyterapp.shell.collapseLeft(); window.jupyterapp.shell.collapseRight(); }"
        )

    def close(self) -> None:
        """Close the page and end the kernels of the server, so that no test pays for the one before."""
        self.context.close()
        for session in self.server.request("/api/sessions"):
            self.server.request(f"/api/sessions/{session['id']}", method="DELETE")


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
