"""Names that mean one thing everywhere."""

import inspect

import pytest

import sketchwidgets as sw

CLASSES = [value for name in dir(sw) if isinstance(value := getattr(sw, name), type)]
FUNCTIONS = [value for name in dir(sw) if inspect.isfunction(value := getattr(sw, name))]


@pytest.mark.parametrize(
    "result", [each for each in CLASSES if hasattr(each, "figure")], ids=lambda c: c.__name__
)
def test_save_keeps_data_and_pictures_say_so(result):
    """What `save` writes can be opened again; a picture is saved by its Figure, or by `save_picture` of a widget."""
    if hasattr(result, "save"):
        assert hasattr(result, "open")
    if hasattr(result, "_repr_mimebundle_"):
        assert hasattr(result, "save_picture")


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_a_seed_is_of_random_numbers(function):
    """It is a number; what starts a projection is its `signal`."""
    parameters = inspect.signature(function).parameters
    if "seed" in parameters:
        assert parameters["seed"].default == 0
    if "signal" in parameters:
        assert parameters["signal"].default == "activation"


def test_both_are_in_use():
    named = {name for function in FUNCTIONS for name in inspect.signature(function).parameters}
    assert {"seed", "signal"} <= named
