"""What every test can use: the shared data where it is present, and one thread of arithmetic."""

import gc
import os
from pathlib import Path

# Before torch is imported anywhere: browser and kernels share two cores, where more threads only wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import quick_start  # noqa: F401
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parents[1]


# A busy machine is no failure, so no example has a time limit. CI always draws the same examples: what fails there
# fails because of the change at hand.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_collection_finish() -> None:
    # What all test modules have imported stays to the end: not to be looked through with each collection of garbage.
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist, for `pytest -n 2`
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """By file. The first worker begins with the browser's, the others with the rest; who is done takes of the other's.

    Apart as long as there is enough of both, since what the browser waits for is a processor that is free.
    """
    from xdist.scheduler import LoadScopeScheduling

    class BrowserApart(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.split("::", 1)[0]

        def _assign_work_unit(self, node: object) -> None:
            drives = node is self.nodes[0]
            fitting = (scope for scope in self.workqueue if scope.startswith("tests/browser/") is drives)
            self.workqueue.move_to_end(next(fitting, next(iter(self.workqueue))), last=False)
            super()._assign_work_unit(node)

    return BrowserApart(config, log)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data sets beside the checkout; tests that need it are skipped where it is absent."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip(f"the data folder {folder.name}/ is not beside the checkout")
    return folder
