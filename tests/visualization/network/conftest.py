"""A photo to look at."""

import pytest


@pytest.fixture(scope="module")
def photo():
    data = pytest.importorskip("skimage.data")
    return data.coffee()  # (400, 600, 3) uint8
