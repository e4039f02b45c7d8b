"""What a network of the study sees: drawings as one channel or six, blurred to a resolution."""

import numpy as np
from torch import Tensor

from sketchwidgets.models.ensemble import at_scale
from sketchwidgets.recognition import Preprocessing
from sketchwidgets.studies.choices._plan import Choice
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.training.fitting import Pictures
from sketchwidgets.training.inputs.images import Augmentation, render

# Of the 225 pixels of a view: the longer side of a drawing and the pen. Shifts of 15 pixels keep it within the frame.
EXTENT, PEN = 194.0, 3.0


class DrawnPictures(Pictures):
    """Some drawings, with labels from 0 for the classes that are studied; ink 1 on paper 0, of the size asked for."""

    def __init__(
        self, drawings: DrawingSet, indices: np.ndarray, classes: np.ndarray, choice: Choice
    ) -> None:
        self.drawings, self.indices, self.choice = drawings, indices, choice
        self.labels = np.searchsorted(classes, drawings.label[indices]).astype(np.int64)
        self.classes = tuple(drawings.classes[k] for k in classes)

    def load(self, indices: np.ndarray, size: int, channels: int, ink: bool) -> Tensor:
        return self.load_changed(indices, size, channels, ink, None, np.random.default_rng(0))

    def load_changed(
        self,
        indices: np.ndarray,
        size: int,
        channels: int,
        ink: bool,
        augmentation: Augmentation | None,
        rng: np.random.Generator,
    ) -> Tensor:
        chosen = self.indices[indices]
        images = render(
            self.drawings,
            chosen,
            self.drawings.n_strokes[chosen].astype(np.int64),
            Preprocessing(size, EXTENT * size / 225, max(1.0, PEN * size / 225)),
            augmentation,
            rng,
            channels=self.choice.channels,
        )
        images = images if ink else 1 - images
        # The paper reduces pictures of 256 pixels, of which a view shows 225.
        side = max(1, round(size * self.choice.resolution / 256))
        return images if self.choice.resolution == 256 else at_scale(images, side)
