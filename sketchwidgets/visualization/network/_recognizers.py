"""What `Network` needs to know about the CNN of a recogniser."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from sketchwidgets.recognition import Recognizer

from .._modules import FeaturesOnly

Score = Callable[[Tensor], Tensor]


def description(recognizer: Recognizer) -> tuple[nn.Module, dict[str, Any], Score]:
    """Its module, the arguments of `Network`, and what gives class scores (n, classes) of prepared images.

    The scores are those of the CNN's own classifier, or where it has none of the recogniser's classes, those of one
    step of the recurrent part from its initial state.
    """
    cnn = recognizer.cnn
    classifies = type(cnn).forward is not nn.Module.forward
    described = {
        "size": recognizer.preprocessing.size,
        "ink": "positive",
        "classes": recognizer.classes,
        "name": recognizer.card.get("name") or type(cnn).__name__,
        "preprocessing": recognizer.preprocessing,
    }

    def score(images: Tensor) -> Tensor:
        if classifies:
            scores = cnn(images)
            if isinstance(scores, Tensor) and scores.shape == (len(images), len(recognizer.classes)):
                return scores
        start = recognizer.recurrent.initial_state(len(images))
        return recognizer.recurrent.step(cnn.features(images), start)[0]

    return cnn if classifies else FeaturesOnly(cnn), described, score
