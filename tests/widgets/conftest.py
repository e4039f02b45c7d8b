"""The stage on which the tests of the live engine play."""

import pytest
from _stage import Stage


@pytest.fixture
def stage():
    made = []

    def make(*args, **kwargs):
        made.append(Stage(*args, **kwargs))
        return made[-1]

    yield make
    for each in made:
        each.close()
