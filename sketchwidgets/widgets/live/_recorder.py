"""The forward pass of a session, recorded when its layers will be projected."""

import contextlib
from typing import Any

from torch import Tensor, nn

from ...visualization import ProjectionError, Recording, record


class Recorder:
    """The `forward` of a Session: (cnn, image) -> features, (1, d), kept as a Recording while `armed`.

    So the pass that recognises is the one whose layers are projected: the network runs once for each stroke.
    Those are `layers`, or where that is None `default`, or where that is None too every activation.

    >>> recorder = Recorder()
    >>> recorder.armed = True
    >>> features = recorder(sw.models.SketchANet().eval(), torch.zeros(1, 1, 225, 225))
    >>> features.shape, recorder.take().recording.layers
    (torch.Size([1, 512]), ('relu1', 'relu2', 'relu3', 'relu4', 'relu5'))
    """

    def __init__(self) -> None:
        self.armed = False
        self.layers: tuple[str, ...] | None = None
        self.default: tuple[str, ...] | None = None
        self._taken: Take | None = None

    def __call__(self, cnn: nn.Module, image: Tensor) -> Tensor:
        if self.armed:
            # What cannot be recorded can still be recognised; the panels will say why they stay empty.
            with contextlib.suppress(ProjectionError):
                return self.record(cnn, image).recording.output
        return cnn.features(image)

    def record(self, cnn: nn.Module, image: Tensor) -> "Take":
        """Record one pass of an image (1, 1, S, S) that nobody will draw on; `take` returns it too."""
        layers = self.default if self.layers is None else self.layers
        recording = record(cnn, image, layers=layers, forward=_features)
        self._taken = Take(recording, image, self.layers)
        return self._taken

    def take(self) -> "Take | None":
        """The pass recorded since the last call, None without one. The recorder lets go of it."""
        taken, self._taken = self._taken, None
        return taken


class Take:
    """A recording, its image (1, 1, S, S), and the layers that were asked for (None: the default)."""

    __slots__ = ("asked", "image", "recording")

    def __init__(self, recording: Recording, image: Tensor, asked: tuple[str, ...] | None) -> None:
        self.recording = recording
        self.image = image
        self.asked = asked


def _features(cnn: Any, image: Tensor) -> Tensor:
    return cnn.features(image)
