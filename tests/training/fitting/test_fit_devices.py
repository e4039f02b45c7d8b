"""Where a network and its data are: the same on a machine with a GPU, of which these tests have none."""

import torch
from fit_run import RECIPE, network, pictures
from torch import nn

from sketchwidgets.training import fit

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
