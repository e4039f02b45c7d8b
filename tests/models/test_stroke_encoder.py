"""The encoder of a stroke's points."""

import pytest
import torch

from sketchwidgets import models


def test_it_is_three_layers_with_relus():
    encoder = models.create("stroke_encoder", samples=4, hidden_size=7, size=3)
    x = torch.randn(5, 2, 4 * 4 + 13)
    expected = torch.nn.Sequential(
        encoder.layer1, torch.nn.ReLU(), encoder.layer2, torch.nn.ReLU(), encoder.layer3, torch.nn.ReLU()
    )(x)
    torch.testing.assert_close(encoder(x), expected)
    assert expected.shape == (5, 2, 3)
    again = models.create("stroke_encoder", **encoder.arguments)
    assert [p.shape for p in again.parameters()] == [p.shape for p in encoder.parameters()]


@pytest.mark.parametrize("wrong", [{"samples": 1}, {"samples": 2.5}, {"hidden_size": 0}, {"size": True}])
def test_bad_sizes_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        models.create("stroke_encoder", **wrong)
