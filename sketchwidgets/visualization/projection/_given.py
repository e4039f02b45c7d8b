"""What a caller gives to be projected from: images as a network takes them, or what is made into such."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sketchwidgets.recognition import Recognizer

from .._modules import known, module_of
from ._errors import ProjectionError
from ._options import check_images, check_module


def images_and_module(model: Any, images: Any, argument: str = "images") -> tuple[Tensor, nn.Module]:
    """(n, C, H, W) and the module to look into, of what `sw.project` takes; ProjectionError names the argument."""
    model = known(model)  # once: of None, it is read from a file
    module = check_module(module_of(model))
    return check_images(prepared(model, images, argument), argument), module


def prepared(model: Any, source: Any, argument: str) -> Any:
    """A drawing, a picture, or a list of them, as a Network or Recognizer takes it: (n, C, H, W).

    As they are: tensors, and arrays (n, C, H, W), which count as prepared; and whatever is given with a plain
    module, which does not say how to draw it.
    """
    # Not at the top: a Network itself is looked into by what is made here.
    from ..network import Network

    if isinstance(source, Tensor) or not isinstance(model, Network | Recognizer):
        return source
    if isinstance(source, np.ndarray) and source.ndim not in (2, 3):
        return source
    network = Network.of(model)
    if not isinstance(source, list | tuple):
        return _prepared(network, source, argument)
    if not source:
        raise ProjectionError(f"{argument} is empty")
    return torch.cat([_prepared(network, one, f"{argument}[{i}]") for i, one in enumerate(source)])


def _prepared(network: Any, source: Any, argument: str) -> Tensor:
    try:
        return network.prepare(source)
    except TypeError:
        raise ProjectionError(
            f"{argument} must be a tensor (n, C, H, W), a Sketch, a PIL image or an array (H, W[, 3]), "
            f"not {type(source).__name__}"
        ) from None
    except ValueError as error:
        said = str(error)  # of `Network.prepare`, whose argument is the source
        own = (
            f"{argument}{said.removeprefix('source')}"
            if said.startswith("source ")
            else f"{argument}: {said}"
        )
        raise ProjectionError(own) from None
