"""The networks of a table: recognisers, networks that were trained for a study, untrained ones, one of photographs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sketchwidgets.models import assign_weights, create, load_weights, name_of, seeded
from sketchwidgets.recognition import Preprocessing, Recognizer
from sketchwidgets.visualization import Network

BUNDLED = {"SketchResNet": "sketchwidgets-quickdraw345", "Sketch-a-Net": "sketch-a-net-quickdraw345"}
PHOTOGRAPHS = "EfficientNet-Lite0, photographs"


@dataclass(frozen=True)
class Shown:
    """A network of the table; untrained: the same one before training, where that is a row too."""

    network: Network
    untrained: Network | None = None


def open_network(name: str, source: Any, seed: int) -> Shown:
    """The CNN of a recogniser with its untrained twin, a `sw.Network`, or a network that a study has left in a file.

    Raises ValueError or FileNotFoundError, naming the file.
    """
    if isinstance(source, Network):
        return Shown(source)
    path = Path(source) if isinstance(source, str | Path) else None
    if path is not None and path.suffix == ".safetensors":
        tensors, facts = load_weights(path)
        if "recipe" in facts and "network" in facts:
            return Shown(_of_study(name, path, tensors, facts))
    recognizer = source if isinstance(source, Recognizer) else Recognizer.load(source, device="cpu")
    cnn, frame = recognizer.cnn, {"size": recognizer.preprocessing.size, "classes": recognizer.classes}
    frame["preprocessing"] = recognizer.preprocessing
    trained = Network(cnn, name=name, **frame)
    if not isinstance(getattr(cnn, "arguments", None), dict):
        return Shown(trained)
    with seeded(seed):
        fresh = create(name_of(cnn), **cnn.arguments).eval()
    fresh = fresh.to(next(cnn.parameters()).device)  # it is shown the same images
    return Shown(trained, Network(fresh, name=f"untrained {name}", **frame))


def _of_study(name: str, path: Path, tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> Network:
    try:
        network = create(facts["network"], **facts["arguments"])
        frame = Preprocessing(**facts["recipe"]["preprocessing"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a network of a study ({error!r})") from None
    assign_weights(network, tensors, str(path))
    return Network(network.eval(), size=frame.size, preprocessing=frame, name=name)


def of_photographs() -> Network | None:
    """EfficientNet-Lite0 with its ImageNet weights, where the extra `imagenet` is installed."""
    try:
        return Network.efficientnet_lite0()
    except ImportError:
        return None
