"""A CNN of the study, ready to be read: its features on the disk, its own classifier, its cost."""

import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from sketchwidgets.models import (
    SketchANet,
    assign_weights,
    create,
    load_weights,
    name_of,
    penultimate,
    save_weights,
)
from sketchwidgets.recognition import Preprocessing, Recognizer
from sketchwidgets.studies.online._plan import StudyCNN
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.training.fitting._quiet import quiet_lightning
from sketchwidgets.training.recognizers.batch_norm import fast_features
from sketchwidgets.training.recognizers.cnn import CNNRecipe, train_cnn

_ROUNDS = 20
_WEIGHTS = "network.safetensors"


class ReadyCNN:
    """The network in evaluation mode, on the device that is there.

    network, preprocessing : what makes scores of images, and images of strokes.
    augmentation : of the drawings that a recurrent part learns from.
    """

    def __init__(self, cnn: StudyCNN, network: nn.Module, preprocessing: Preprocessing) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = network.to(self.device, memory_format=torch.channels_last).eval().requires_grad_(False)
        self.preprocessing = preprocessing
        recipe = cnn.source.augmentation if isinstance(cnn.source, CNNRecipe) else None
        self.augmentation = cnn.augmentation or recipe
        self.classifier = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)][-1]

    @property
    def parameters(self) -> tuple[int, int]:
        """How many there are: without the classifier, and of the classifier."""
        own = sum(p.numel() for p in self.classifier.parameters())
        return sum(p.numel() for p in self.network.parameters()) - own, own

    def features(self, images: Tensor) -> Tensor:
        """What the last layer classifies, (n, F), in bfloat16 as in training."""
        with torch.autocast(self.device.type, torch.bfloat16):
            if isinstance(self.network, SketchANet):
                return fast_features(self.network, images).float()
            return penultimate(self.network, images.contiguous(memory_format=torch.channels_last)).float()

    def scores(self, features: Tensor) -> Tensor:
        """Class scores (..., classes) of features (..., F) on the device: the last layer, whose map is one pixel."""
        layer = self.classifier
        return nn.functional.linear(features, layer.weight.flatten(1), layer.bias)

    def milliseconds(self) -> float:
        """Of one image through the whole network in float32, as in live use; the fastest of several."""
        side = self.preprocessing.size
        image = torch.zeros(1, 1, side, side, device=self.device)
        return fastest(lambda: self.network(image), self.device)


@torch.inference_mode()
def fastest(step: Callable[[], object], device: torch.device) -> float:
    """Milliseconds of a call, the least of several: other work on the machine only ever adds."""
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - start))
    return min(times)


def ready(cnn: StudyCNN, drawings: DrawingSet, folder: Path, every: int, progress: bool) -> ReadyCNN:
    """The CNN of a recogniser, or one trained in `folder`, once; a training that was cut off goes on.

    Raises ValueError where it does not know just the classes of the drawings, or `folder` is that of another recipe.
    """
    if isinstance(cnn.source, str):
        recognizer = Recognizer.load(cnn.source, device="cpu")
        if recognizer.classes != drawings.classes:
            raise ValueError(f"{cnn.name}: {cnn.source} does not know the same classes as the drawings")
        return ReadyCNN(cnn, recognizer.cnn, recognizer.preprocessing)
    recipe, weights = cnn.source, folder / _WEIGHTS
    if weights.exists():
        tensors, facts = load_weights(weights)
        if facts.get("recipe") != recipe.to_dict():
            raise ValueError(f"{folder} holds a network of another recipe; use another folder")
        network = create(facts["network"], **facts["arguments"])
        assign_weights(network, tensors, str(weights))
    else:
        with quiet_lightning():
            network = train_cnn(drawings, folder, recipe, every=every, progress=progress).cpu()
        made = {"network": name_of(network), "arguments": network.arguments, "recipe": recipe.to_dict()}
        save_weights(weights, network.state_dict(), made, dtype="float32")
    return ReadyCNN(cnn, network, recipe.preprocessing)
