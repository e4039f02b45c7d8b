import pytest
from range_server import Site, serve

from sketchwidgets.training.datasets import _download


@pytest.fixture
def site(monkeypatch):
    """A server of this test alone; retries do not wait."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(_download, "_WAIT", 0)
    site = Site()
    server = serve(site)
    yield site
    server.stop()
