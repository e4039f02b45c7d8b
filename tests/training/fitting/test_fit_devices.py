"""Where a network and its data are: the same on a machine with a GPU, of which these tests have none."""

import numpy as np
import pytest
import torch
from fit_run import RECIPE, network, pictures
from torch import nn

import sketchwidgets as sw
from sketchwidgets.training import fit
from sketchwidgets.training.fitting import as_pictures

CPU = {"accelerator": "cpu", "progress": False}


class Watched(nn.Sequential):
    """Keeps in mind where it is sent, and how often it is run, in the order of both."""

    def __init__(self, *layers):
        super().__init__(*layers)
        self.told, self.input_size = [], 16

    def _apply(self, function, recurse=True):
        self.told.append("moved away")
        return super()._apply(function, recurse)

    def to(self, *where, **options):
        made = super().to(*where, **options)
        self.told.append(where[0])
        return made

    def forward(self, images):
        self.told.append("run")
        return super().forward(images)


def test_the_network_is_tested_and_left_where_it_was_trained(tmp_path):
    """Lightning moves it to the CPU at the end."""
    watched = Watched(*network())
    fit(watched, pictures(), RECIPE, tmp_path, validation=pictures(21, 1), **CPU)
    last = watched.told[-1 - watched.told[::-1].index("moved away") :]
    assert last[:2] == ["moved away", torch.device("cpu")]
    assert set(last[2:]) == {"run"}


class Elsewhere(torch.Tensor):
    """A tensor that, as one of a GPU, becomes an array only on the CPU."""

    def cpu(self):
        return self.as_subclass(torch.Tensor)

    def numpy(self):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    def __array__(self, *_):
        return self.numpy()


def elsewhere(values):
    return torch.from_numpy(values.copy()).as_subclass(Elsewhere)


def test_images_and_labels_come_from_any_device(drawings):
    images, labels = pictures()
    given, known = as_pictures((elsewhere(images), elsewhere(labels))), as_pictures((images, labels))
    np.testing.assert_array_equal(given.labels, known.labels)
    assert given.digest(np.arange(60)) == known.digest(np.arange(60))
    part = as_pictures((drawings, elsewhere(np.arange(7))))
    np.testing.assert_array_equal(part.labels, drawings.label[:7])
    house = sw.Sketch([[(0, 50), (40, 0), (80, 50)]])
    assert as_pictures(([house] * 2, elsewhere(np.arange(2)))).labels.tolist() == [0, 1]


def test_images_that_are_learnt_are_named():
    with pytest.raises(ValueError, match=r"images must be .* uint8, not .* float32"):
        as_pictures((torch.rand(4, 16, 16, requires_grad=True), np.arange(4)))
