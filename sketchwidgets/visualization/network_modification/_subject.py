"""What is asked while parts of a network are off: a classifier of images, or a recogniser of a growing drawing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sketchwidgets.recognition import Recognizer, prefix_images
from sketchwidgets.sketch import Sketch

from .._failures import explained
from .._modules import known
from ..input_modification._patches import filling
from ..network import Network
from ..network._layers import all_layers, stage_layers
from ..projection.recording._recorder import Forward

Picture = Callable[[Tensor], np.ndarray]

_BATCH = 32  # images of a plain pass


class Subject:
    """A network and the images that it is asked about.

    module : the network whose layers are switched off. frames : (n, C, H, W), its inputs; of a recogniser, the drawing
    after each stroke. paper : (1, C, H, W), the empty input. classes : names, or None. picture : makes (n, h, w[, 3])
    uint8 of frames, or None. recognises : whether the frames are steps of one drawing.
    """

    module: nn.Module
    frames: Tensor
    paper: Tensor
    classes: tuple[str, ...] | None = None
    picture: Picture | None = None
    recognises = False

    def forward(self, module: nn.Module, images: Tensor) -> Any:
        """One pass: what `probabilities` takes."""
        raise NotImplementedError

    def default_layers(self) -> tuple[str, ...]:
        """Layers to look at where none are named."""
        raise NotImplementedError

    @property
    def asked(self) -> Tensor:
        """(m, C, H, W), the last m frames: those whose outputs decide what is said at the end."""
        return self.frames[-1:]

    def last(self, outputs: Tensor) -> np.ndarray:
        """(k, classes) float64, what is said at the end, of the outputs (k, m, f) for the frames `asked`."""
        raise NotImplementedError

    def every(self, outputs: Tensor) -> np.ndarray:
        """(n, classes) float64, what is said of every frame, of their outputs (n, f)."""
        raise NotImplementedError

    def outputs(self, forward: Forward) -> Tensor:
        """(n, f), what a forward pass makes of the frames."""
        with torch.inference_mode(False), torch.no_grad(), explained(self.module, self.frames):
            made = [
                self.checked(forward(self.module, images.clone())) for images in self.frames.split(_BATCH)
            ]
        return torch.cat(made)

    def checked(self, output: Any) -> Tensor:
        """The output of a pass as (n, f)."""
        if (
            isinstance(output, Tensor)
            and output.ndim > 2
            and output.numel() == output.shape[0] * output.shape[1]
        ):
            output = output.flatten(1)
        if not isinstance(output, Tensor) or output.ndim != 2:
            what = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise ValueError(f"model must return class scores (n, classes), not {what}")
        return output


class Classifier(Subject):
    """A module, or a Network, that sees images (n, C, H, W)."""

    def __init__(self, module: nn.Module, images: Tensor, network: Network | None = None) -> None:
        self.module, self.frames, self.network = module, images, network
        self.classes = None if network is None else network.classes
        self.picture = None if network is None else network.picture
        if network is None:
            self.paper = filling(images[:1], "paper", 0)[None]
        else:
            self.paper = network.from_ink(torch.zeros(1, network.channels, *network.size))

    def forward(self, module: nn.Module, images: Tensor) -> Any:
        return module(images) if self.network is None else self.network._score(images)

    def default_layers(self) -> tuple[str, ...]:
        if self.network is not None:
            return self.network.layers()
        with explained(self.module, self.frames):
            names = all_layers(self.module, self.frames[:1])
            return stage_layers(self.module, self.frames[:1], names) if len(names) > 6 else names

    def last(self, outputs: Tensor) -> np.ndarray:
        return self.every(outputs[:, -1])

    def every(self, outputs: Tensor) -> np.ndarray:
        scores = outputs.detach().cpu().double()
        sums = scores.sum(1)
        said = bool((scores >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-3)
        return (scores if said else scores.softmax(1)).numpy()


class Growing(Subject):
    """A recogniser that sees a drawing grow: its CNN is changed at every stroke, its memory is not."""

    recognises = True

    def __init__(self, recognizer: Recognizer, sketch: Sketch) -> None:
        self.recognizer, self.classes = recognizer, recognizer.classes
        self._network = Network.of(recognizer)
        self.module, self.picture = self._network.module, self._network.picture
        drawn = prefix_images(recognizer.preprocessing, [list(sketch)], len(sketch), recognizer.device)
        self.frames = torch.cat(list(drawn))
        self.paper = torch.zeros_like(self.frames[:1])
        recurrent = recognizer.recurrent
        with torch.no_grad():
            # With what each stroke says by itself, which no layer of the CNN changes.
            self._inputs = recognizer.features([sketch], _BATCH).clone()
            # A cell that only reads strokes remembers the same whatever the CNN says.
            self._hidden = None
            if recurrent.image_to == "output":
                self._hidden = recurrent.hidden_states(self._inputs[None])[0, -1:]

    def forward(self, module: nn.Module, images: Tensor) -> Any:
        return self.recognizer.cnn.features(images)

    def default_layers(self) -> tuple[str, ...]:
        return self._network.layers()

    @property
    def asked(self) -> Tensor:
        return self.frames if self._hidden is None else self.frames[-1:]

    def last(self, outputs: Tensor) -> np.ndarray:
        recurrent, strokes = self.recognizer.recurrent, len(self._inputs)
        read = self._inputs[-outputs.shape[1] :].expand(len(outputs), -1, -1).clone()
        read[..., : recurrent.image_features] = outputs
        with torch.no_grad():
            if self._hidden is None:
                hidden = recurrent.hidden_states(read)[:, -1]
            else:
                hidden = self._hidden.expand(len(outputs), -1)
            scores = recurrent.output(recurrent.readout(hidden, read[:, -1]))
            return self.recognizer.probabilities(scores, strokes).cpu().double().numpy()

    def every(self, outputs: Tensor) -> np.ndarray:
        recurrent, read = self.recognizer.recurrent, self._inputs.clone()
        read[:, : recurrent.image_features] = outputs
        with torch.no_grad():
            scores = recurrent(read[None])[0]
            steps = range(1, len(scores) + 1)
            return self.recognizer.probabilities(scores, steps).cpu().double().numpy()


def subject_of(model: Any, source: Any, argument: str, one: bool = False) -> Subject:
    """What is asked about `source`, which errors call `argument`; `one` : it has to be one image or drawing."""
    model = known(model)
    if isinstance(model, Recognizer):
        if isinstance(source, Tensor | np.ndarray):
            raise TypeError(
                f"{argument} is a picture, but a Recognizer watches a drawing grow: give a Sketch, or "
                "Network.of(recognizer) as the model"
            )
        sketch = source if isinstance(source, Sketch) else Sketch(source)
        if not len(sketch):
            raise ValueError(f"{argument} has no strokes, so there is nothing to recognise")
        return Growing(model, sketch)
    if isinstance(model, Network):
        several = isinstance(source, Tensor) and source.ndim == 4 and len(source) > 1 and not one
        prepared = [model.prepare(image[None]) for image in source] if several else [model.prepare(source)]
        return Classifier(_checked_module(model.module), torch.cat(prepared), model)
    return _of_module(_checked_module(model), source, argument, one)


def _checked_module(model: Any) -> nn.Module:
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"model must be a torch.nn.Module, a Network, a Recognizer or None, not {type(model).__name__}"
        )
    for name, module in model.named_modules():
        if module.training:
            where = f"module {name!r} of the model" if name else "the model"
            raise ValueError(f"{where} is in training mode; call model.eval()")
    return model


def _of_module(module: nn.Module, source: Any, argument: str, one: bool) -> Classifier:
    if isinstance(source, Sketch):
        raise TypeError(
            f"{argument} is a Sketch, and a module does not say how to draw it: give Network.of(module) as the model"
        )
    if not isinstance(source, Tensor | np.ndarray):
        raise TypeError(f"{argument} must be a tensor, not {type(source).__name__}")
    images = torch.as_tensor(source).detach()
    images = images[None] if images.ndim == 3 else images
    if images.ndim != 4 or 0 in images.shape or (one and len(images) > 1):
        raise ValueError(f"{argument} must be ({'1' if one else 'n'}, C, H, W), not {tuple(images.shape)}")
    if not images.is_floating_point():
        raise ValueError(f"{argument} must be floating point, not {images.dtype}")
    if not images.isfinite().all():
        raise ValueError(f"{argument} must be finite")
    return Classifier(module, images)
