"""One JupyterLab, one Chromium and mostly one window for all browser tests, a fresh page and kernel for each."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import _chromium
import numpy as np
import pytest
from _drawings import fewer_points, timed_drawing
from _lab import LabServer, jupyterlab
from _page import VIEWPORT, NotebookPage, Window
from playwright.sync_api import Browser, expect, sync_playwright

HERE = Path(__file__).parent

# Generous, since a loaded machine is slow and not wrong; a test that passes never waits for it.
expect.set_options(timeout=60_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """A Chromium; without one the tests are skipped, or fail where SKETCHWIDGETS_REQUIRE_BROWSER=1."""
    path = _chromium.find()
    if path is None:
        message = "no Chromium found; `make browser` installs one"
        if os.environ.get("SKETCHWIDGETS_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture(scope="session")
def chromium(chromium_path: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium_path), args=_chromium.ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """A JupyterLab whose folder also holds what the notebooks of the tests import."""
    root = tmp_path_factory.mktemp("lab")
    (root / "kernel_side.py").write_text((HERE / "_kernel_side.py").read_text())
    with jupyterlab(root) as server:
        yield server


@pytest.fixture(scope="session")
def pictures(repository: Path) -> Path:
    """The folder for screenshots."""
    folder = repository / "artifacts" / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def windows() -> list[Window]:
    """The window that is free, if there is one."""
    return []


@pytest.fixture
def notebook(
    request: pytest.FixtureRequest,
    chromium: Browser,
    server: LabServer,
    pictures: Path,
    windows: list[Window],
) -> Iterator[Callable[..., NotebookPage]]:
    """Opens a notebook made of the given cells, in a window of its own where that is to be more than of another size.

    A failed test leaves a screenshot; an error that the page throws fails the test.
    """
    opened: list[NotebookPage] = []

    def open_notebook(*cells: str, **context: Any) -> NotebookPage:
        name = f"{request.node.name.replace('[', '-').replace(']', '')}-{len(opened)}.ipynb"
        usual = set(context) <= {"viewport"}
        window = windows.pop() if usual and windows else Window(chromium, usual, **context)
        window.page.set_viewport_size(context.get("viewport", VIEWPORT))
        opened.append(NotebookPage(window, server, name, list(cells)))
        opened[-1].open()
        return opened[-1]

    yield open_notebook
    failed = request.node.stash.get(FAILED, True)
    for page in opened:
        if failed:
            page.page.screenshot(path=pictures / f"FAILED-{page.name.removesuffix('.ipynb')}.png")
        if failed or windows or not page.window.usual:
            page.close()
        else:
            page.leave()
            windows.append(page.window)
    if not failed:
        assert [error for page in opened for error in page.errors] == []


@pytest.fixture(scope="session")
def drawing_in_full(repository: Path) -> list[np.ndarray]:
    """A cat that a person drew, with its times; one made in code where the data is absent."""
    shared = repository.parent / "shared"
    return timed_drawing(shared if (shared / "data").is_dir() else None)


@pytest.fixture(scope="session")
def drawing(drawing_in_full: list[np.ndarray]) -> list[np.ndarray]:
    """The same cat in fewer points, each of which costs a frame of the page."""
    return fewer_points(drawing_in_full)
