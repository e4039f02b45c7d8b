"""An explorer that counts: it waits where it is told to, and its result is what can be checked by hand."""

import threading
from dataclasses import dataclass

import torch
from torch import nn

import sketchwidgets as sw
from sketchwidgets.visualization.figures import Figure, Section, Tile
from sketchwidgets.widgets.explorer._explorer import Explorer


def network():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 30 * 30, 2))
    return sw.Network(net.eval(), size=32, name="tiny")


@dataclass
class Ink:
    """How much ink an image has, with the settings of the time."""

    strokes: int
    setting: int
    image: torch.Tensor


class Counting(Explorer):
    """Waits where it is told to, and notes what happened to each of its jobs."""

    def __init__(self, *args, gated=False, **kwargs):
        self.setting = 1
        self.jobs = []
        self.outcomes = []
        self.go = threading.Event()
        self.started = threading.Event()
        self.failure = None
        if not gated:
            self.go.set()
        super().__init__(*args, **kwargs)

    def _compute(self, job):
        self.jobs.append(job)
        setting = self.setting
        self.started.set()
        try:
            while not self.go.wait(0.005):
                job.check()
            job.check()
            if self.failure:
                raise self.failure
        except BaseException as error:
            self.outcomes.append(type(error).__name__)
            raise
        self.outcomes.append("done")
        return Ink(0 if job.sketch is None else len(job.sketch), setting, job.image)

    def _present(self, result):
        tile = Tile.picture(result.image[0], f"{result.strokes} strokes")
        return Figure(f"setting {result.setting}", [Section("", [tile])])
