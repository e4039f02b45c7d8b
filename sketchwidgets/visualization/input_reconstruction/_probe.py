"""A model as a function from images to one layer, differentiable in the images and in nothing else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn

from .._failures import explained
from ..projection.recording._recorder import StopForward, watch
from ._errors import ReconstructionError


class Probe:
    """Runs a model up to a layer. The forward stops there, and no hook outlives a call.

    layer : a name of `model.named_modules()`; of a module that runs several times, its first output. None: what
        the model returns.
    argument : what errors call the images, where they do not fit the model.
    """

    def __init__(self, model: nn.Module, layer: str | None, argument: str) -> None:
        if layer is not None and (not isinstance(layer, str) or layer not in dict(model.named_modules())):
            raise ReconstructionError(f"the model has no layer {layer!r}; see model.named_modules()")
        self.model = model
        self.layer = layer or None
        self._argument = argument

    @property
    def name(self) -> str:
        return "the model" if self.layer is None else f"layer {self.layer!r}"

    def with_rectified(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The layer's output, and the same with what came in where a layer that is a rectifier returns 0.

        Where a unit is dead, the second still says which way it would come alive.
        """
        module = None if self.layer is None else self.model.get_submodule(self.layer)
        if not isinstance(module, nn.ReLU | nn.ReLU6):
            output = self(images)
            return output, output
        with _inputs_of(module) as inputs:
            output = self(images)
        return output, torch.where(output > 0, output, inputs[0])

    def __call__(self, images: Tensor) -> Tensor:
        """The layer's output for images (n, C, H, W) in the model's dtype; first axis n."""
        caught: list[Any] = []

        def collect(_name: str, output: Any) -> bool:
            caught.append(output)
            return True

        with explained(self.model, images, ReconstructionError, self._argument):
            if self.layer is None:
                caught.append(self.model(images))
            else:
                with watch(self.model, [self.layer], collect), suppress(StopForward):
                    self.model(images)
        if not caught:
            raise ReconstructionError(f"the forward pass did not run {self.name}")
        output = caught[0]
        if not isinstance(output, Tensor):
            raise ReconstructionError(f"{self.name} returns a {type(output).__name__}, not a tensor")
        if output.ndim < 2 or len(output) != len(images):
            raise ReconstructionError(
                f"{self.name} returns {tuple(output.shape)} for {len(images)} images: its first axis must be theirs"
            )
        return output


@contextmanager
def _inputs_of(module: nn.Module) -> Iterator[list[Tensor]]:
    """Collects what goes into a module on this thread, before the module may write into it."""
    thread, inputs = threading.get_ident(), []

    def hook(_module: nn.Module, arguments: tuple[Any, ...]) -> None:
        if threading.get_ident() == thread and arguments and isinstance(arguments[0], Tensor):
            inputs.append(arguments[0].clone())

    handle = module.register_forward_pre_hook(hook)
    try:
        yield inputs
    finally:
        handle.remove()


def input_gradient(total: Tensor, images: Tensor, name: str) -> Tensor:
    """The gradient of a scalar in the images; parameters get none. An error where there is no way down."""
    if not total.requires_grad:
        raise ReconstructionError(f"the output of {name} does not depend on the images by way of a gradient")
    (gradient,) = torch.autograd.grad(total, images, allow_unused=True)
    if gradient is None:
        raise ReconstructionError(f"the output of {name} does not depend on the images")
    return gradient
