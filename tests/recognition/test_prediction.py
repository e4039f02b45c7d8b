"""Predictions as values and as pictures."""

import dataclasses
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from sketchwidgets.recognition import Prediction

CLASSES = ("ant", "bee", "cat & <dog>", "elk")


@pytest.fixture
def prediction():
    return Prediction(np.array([0.125, 0.125, 0.5, 0.25], np.float32), CLASSES, step=3)


def test_top(prediction):
    assert prediction.label == "cat & <dog>"
    assert prediction.top(3) == [("cat & <dog>", 0.5), ("elk", 0.25), ("ant", 0.125)]
    assert len(prediction.top(9)) == 4
    assert prediction.top(0) == []
    assert all(type(p) is float for _, p in prediction.top())
    with pytest.raises(ValueError, match="k must be at least 0"):
        prediction.top(-1)


def test_it_cannot_be_changed(prediction):
    with pytest.raises(dataclasses.FrozenInstanceError):
        prediction.step = 4


def test_repr(prediction):
    assert repr(prediction) == "Prediction('cat & <dog>' 50%, step 3)"
    assert repr(dataclasses.replace(prediction, provisional=True)).endswith("step 3, provisional)")


def test_html_is_well_formed_and_says_the_numbers(prediction):
    table = ET.fromstring(prediction._repr_html_())
    rows = [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]
    assert rows == [
        ["cat & <dog>", "", "50.0\N{NO-BREAK SPACE}%"],
        ["elk", "", "25.0\N{NO-BREAK SPACE}%"],
        ["ant", "", "12.5\N{NO-BREAK SPACE}%"],
        ["bee", "", "12.5\N{NO-BREAK SPACE}%"],
    ]
    assert "".join(table.find("caption").itertext()) == "after 3 strokes"
    widths = re.findall(r"width:([\d.]+)%", prediction._repr_html_())
    assert widths == ["50.0", "25.0", "12.5", "12.5"]


def test_html_takes_its_text_colour_from_the_page(prediction):
    colours = re.findall(r"(?<![-\w])color:([^;']+)", prediction._repr_html_())
    assert set(colours) == {"inherit"}


def test_html_of_a_stroke_in_progress(prediction):
    one = dataclasses.replace(prediction, step=1, provisional=True)
    assert "after 1 stroke, the last one still being drawn" in one._repr_html_()
