"""What decides how a network is trained to name pictures."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sketchwidgets.models._checks import check_choice, check_range, check_whole
from sketchwidgets.training.fitting._views import Views
from sketchwidgets.training.inputs.images import Augmentation

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("constant", "plateau", "step", "cosine")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how a network is trained by `fit`; the same recipe and data give the same network.

    Parameters
    ----------
    name : what it is called in logs.
    epochs : passes over the data. batch_size : pictures in a step, over all processes together.
    optimizer : "sgd", with momentum, or "adamw". learning_rate : at its highest.
    weight_decay : of filters; of biases and norms only with `decay_biases`.
    bias_rate : learning rate of biases, relative to the others'.
    head_rate : learning rate of the last layer with weights, relative to the others'.
    depth_decay : the learning rate of a layer is this times that of the layer above it; 1 for all the same, 0 to leave
        all but the last as they are.
    schedule : "constant"; "plateau": times `annealing` whenever the validation error was no better for `patience`
        epochs; "step": times `annealing` every `anneal_every` steps; "cosine": to 0 at the end.
    warmup : steps in which the rate rises from 0.
    label_smoothing : share of the target that is spread over all classes.
    filter_std, bias : how filters (normal) and biases (constant) start; None: as they are.
    filter_radius : the largest RMS of a convolution's filter (Zeiler & Fergus); None: any.
    gradient_clip : the largest norm of the gradient; None: any.
    views : how a picture becomes inputs.
    augmentation : random changes of strokes, before they are drawn; for data that has strokes.
    precision : Lightning's: "32-true", "bf16-mixed", "16-mixed" (with a scaler, on CUDA), ...
    seed : of everything random.

    Raises ValueError for values out of range, by name.

    >>> recipe = sw.training.sketch_a_net_recipe(epochs=20)
    >>> recipe.batch_size, recipe.learning_rate, recipe.views.size
    (135, 0.001, 256)
    """

    name: str = "recipe"
    epochs: int = 10
    batch_size: int = 128
    optimizer: Literal["sgd", "adamw"] = "sgd"
    learning_rate: float = 1e-2
    momentum: float = 0.9
    weight_decay: float = 5e-4
    decay_biases: bool = False
    bias_rate: float = 1.0
    head_rate: float = 1.0
    depth_decay: float = 1.0
    schedule: Literal["constant", "plateau", "step", "cosine"] = "constant"
    annealing: float = 0.1
    patience: int = 3
    anneal_every: int = 100_000
    warmup: int = 0
    label_smoothing: float = 0.0
    filter_std: float | None = None
    bias: float | None = None
    filter_radius: float | None = None
    gradient_clip: float | None = None
    views: Views = field(default_factory=Views)
    augmentation: Augmentation | None = None
    precision: str = "32-true"
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_choice("schedule", self.schedule, SCHEDULES)
        for name in ("epochs", "batch_size", "patience", "anneal_every"):
            check_whole(name, getattr(self, name), 1)
        for name in ("warmup", "seed"):
            check_whole(name, getattr(self, name), 0)
        check_range("learning_rate", self.learning_rate, above=0)
        for name in ("weight_decay", "bias_rate", "head_rate"):
            check_range(name, getattr(self, name), least=0)
        for name in ("momentum", "label_smoothing"):
            check_range(name, getattr(self, name), least=0, below=1)
        check_range("depth_decay", self.depth_decay, least=0, most=1)
        check_range("annealing", self.annealing, above=0, below=1)
        for name in ("filter_std", "filter_radius", "gradient_clip"):
            if getattr(self, name) is not None:
                check_range(name, getattr(self, name), above=0)
        if self.bias is not None:
            check_range("bias", self.bias)
        if not isinstance(self.views, Views):
            raise ValueError(f"views must be a Views, not {type(self.views).__name__}")
        if self.augmentation is not None and not isinstance(self.augmentation, Augmentation):
            raise ValueError(
                f"augmentation must be an Augmentation or None, not {type(self.augmentation).__name__}"
            )

    def rate(self, step: int, steps: int) -> float:
        """The factor of the learning rate at a step of `steps`, without what a plateau does to it."""
        factor = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        if self.schedule == "step":
            factor *= self.annealing ** (step // self.anneal_every)
        elif self.schedule == "cosine" and step >= self.warmup:
            done = (step - self.warmup) / max(steps - self.warmup, 1)
            factor *= 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
        return factor

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return asdict(self)
