"""The convolutional part of the recogniser: a network on random prefixes of QuickDraw drawings."""

import json
import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ProgressBar
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from sketchwidgets.models import create
from sketchwidgets.models._checks import check_choice, check_range, check_whole
from sketchwidgets.recognition import Preprocessing
from sketchwidgets.sketch.augmentation.stroke_order import CHANNELS as STROKE_ORDER_CHANNELS
from sketchwidgets.training.checkpoints import STATE, CheckpointError, Resumable, TensorFiles, read_checkpoint
from sketchwidgets.training.checkpoints.belonging import AGAIN, check_data
from sketchwidgets.training.checkpoints.resumable import seed_step
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.training.fitting._bar import TrainingBar
from sketchwidgets.training.fitting._quiet import interrupts, quiet_lightning
from sketchwidgets.training.inputs.images import Augmentation, Channels, PrefixBatches, render
from sketchwidgets.training.recognizers._traces import drawings_trace
from sketchwidgets.training.recognizers.averaging import update_average
from sketchwidgets.training.recognizers.batch_norm import BatchNormSketchANet, folded, for_training

Schedule = Literal["cosine", "constant"]

# The state at the end of the constant phase: from here a run can be given more steps.
BEFORE_DECAY = "before-decay.safetensors"


@dataclass(frozen=True)
class CNNRecipe:
    """Everything that decides how the CNN is trained. As it stands, that of the bundled Sketch-a-Net.

    network, arguments : name in `sw.models.list()` and what else it is created with; classes, channels and dropout
        are given here. batch_norm : whether one that has no batch norm is trained with it, see `batch_norm`; the
        network that `train_cnn` returns has none.
    steps : optimiser steps; the learning rate rises for `warmup` of them and then falls as a cosine to 0 or, with
        schedule="constant", stays and falls linearly in the last share `decay` of all steps.
    learning_rate : its peak. weight_decay : AdamW's. decay_all : whether it acts on biases and norms, too.
    clip : largest norm of the gradient, None for any.
    averaging : share of the old that stays when the weights are averaged after each step (exponential moving
        average), 0 for none. The average is what is validated and returned.
    label_smoothing : share of the target spread over all classes. dropout : probability in all its dropout layers.
    channels : "ink", or "order" for a network of the six stroke-order channels.

    Raises ValueError where one of them is out of its range.
    """

    steps: int = 1700
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warmup: int = 100
    label_smoothing: float = 0.05
    dropout: float = 0.1
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    channels: Channels = "ink"
    network: str = "sketch_a_net"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    batch_norm: bool = True
    schedule: Schedule = "cosine"
    decay: float = 0.3
    decay_all: bool = True
    clip: float | None = None
    averaging: float = 0.0

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch_size", 1), ("warmup", 0), ("seed", 0)):
            check_whole(name, getattr(self, name), least)
        check_range("learning_rate", self.learning_rate, above=0)
        check_range("weight_decay", self.weight_decay, least=0)
        for name in ("label_smoothing", "dropout", "averaging"):
            check_range(name, getattr(self, name), least=0, below=1)
        check_range("decay", self.decay, least=0, most=1)
        if self.clip is not None:
            check_range("clip", self.clip, above=0)
        check_choice("channels", self.channels, get_args(Channels))
        check_choice("schedule", self.schedule, get_args(Schedule))
        given = {"classes", "channels", "dropout"} & set(self.arguments)
        if given:
            raise ValueError(f"arguments has {min(given)!r}, which the data or the recipe itself give")

    def rate(self, step: int) -> float:
        """The learning rate of a step, 0, 1, ..., relative to its peak.

        >>> from sketchwidgets.training.recognizers.cnn import CNNRecipe
        >>> recipe = CNNRecipe(steps=100, warmup=10, schedule="constant", decay=0.2)
        >>> [recipe.rate(step) for step in (0, 9, 50, 80, 90, 99)]
        [0.1, 1.0, 1.0, 1.0, 0.5, 0.05]
        """
        if step < self.warmup:
            return (step + 1) / self.warmup
        if self.schedule == "constant":
            return min(1.0, (self.steps - step) / max(self.decay * self.steps, 1))
        done = (step - self.warmup) / max(self.steps - self.warmup, 1)
        return 0.5 * (1 + math.cos(math.pi * min(done, 1)))

    @property
    def constant_until(self) -> int:
        """The first step that depends on how many there are in all."""
        return self.steps - math.floor(self.decay * self.steps) if self.schedule == "constant" else 0

    def make(self, classes: int) -> nn.Module:
        """The network with random weights, as it is trained."""
        channels = 1 if self.channels == "ink" else STROKE_ORDER_CHANNELS
        network = create(self.network, classes=classes, channels=channels, **self.arguments)
        for layer in network.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = self.dropout
        if "dropout" in network.arguments:
            network.arguments["dropout"] = self.dropout
        return for_training(network) if self.batch_norm else network

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return json.loads(json.dumps(asdict(self)))


class CNNTraining(Resumable):
    """Cross-entropy of whole drawings and prefixes; validation on both. `data`, its trace, goes into the state."""

    def __init__(
        self, classes: int, recipe: CNNRecipe, folder: Path, every: int, data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(folder, every, recipe.steps)
        self.recipe, self.data = recipe, dict(data or {})
        self.network = recipe.make(classes).to(memory_format=torch.channels_last)
        self.average = deepcopy(self.network).requires_grad_(False) if recipe.averaging else None

    @property
    def best(self) -> nn.Module:
        """What is validated and returned: the averaged network, or the one that is trained."""
        return self.network if self.average is None else self.average

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        images, labels = batch
        scores = self.network(images.contiguous(memory_format=torch.channels_last)).float()
        loss = F.cross_entropy(scores, labels, label_smoothing=self.recipe.label_smoothing)
        self.log("loss", loss, prog_bar=True)
        self.log("accuracy", (scores.argmax(1) == labels).float().mean(), prog_bar=True)
        return loss

    def configure_gradient_clipping(self, optimizer: torch.optim.Optimizer, *_: object, **__: object) -> None:
        # Not by Lightning, which refuses it with a fused optimiser and mixed precision.
        if self.recipe.clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)

    def on_train_batch_end(self, *_: object) -> None:
        if isinstance(self.network, BatchNormSketchANet):
            self.network.keep_scales_positive()
        if self.average is not None:
            update_average(self.average, self.network, self.recipe.averaging, self.trainer.global_step - 1)

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int, dataloader_idx: int = 0) -> None:
        images, labels = batch
        scores = self.best(images.contiguous(memory_format=torch.channels_last)).float()
        name = ("whole", "half")[dataloader_idx]
        top5 = (scores.topk(min(5, scores.shape[1])).indices == labels[:, None]).any(1).float().mean()
        n = len(labels)
        top1 = (scores.argmax(1) == labels).float().mean()
        self.log(f"{name}_top1", top1, add_dataloader_idx=False, batch_size=n)
        self.log(f"{name}_top5", top5, add_dataloader_idx=False, batch_size=n)

    def configure_optimizers(self) -> dict:
        recipe = self.recipe
        parameters = list(self.network.parameters())
        groups = [{"params": parameters}]
        if not recipe.decay_all:
            flat = [p for p in parameters if p.ndim < 2]
            groups = [
                {"params": [p for p in parameters if p.ndim > 1]},
                {"params": flat, "weight_decay": 0.0},
            ]
        optimizer = torch.optim.AdamW(
            groups,
            recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            betas=(0.9, 0.99),
            fused=True,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, recipe.rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_start(self) -> None:
        super().on_train_start()
        # The rate in a state is that of its own number of steps, and this run may have more.
        for group in self.optimizers().param_groups:
            group["lr"] = group["initial_lr"] * self.recipe.rate(self.trainer.global_step)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        answer = super().on_train_batch_start(batch, batch_idx)
        if answer is None and 0 < self.trainer.global_step == self.recipe.constant_until:
            self.save_between_steps(BEFORE_DECAY)
        seed_step(self.recipe.seed, 2, self.trainer.global_step)
        return answer

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["recipe"], checkpoint["data"] = self.recipe.to_dict(), self.data


class DrawingData(L.LightningDataModule):
    """Training batches that resume at the step where a run was cut off, and fixed validation images."""

    def __init__(self, drawings: DrawingSet, recipe: CNNRecipe, validate_on: int = 2048) -> None:
        super().__init__()
        self.drawings, self.recipe, self.validate_on = drawings, recipe, validate_on
        train, self.held_out = drawings.split()
        self.batches = PrefixBatches(
            drawings,
            train,
            recipe.preprocessing,
            recipe.augmentation,
            recipe.batch_size,
            recipe.steps,
            recipe.seed,
            recipe.channels,
        )

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.batches, batch_size=None)

    def val_dataloader(self) -> list[DataLoader]:
        chosen = self.held_out[: self.validate_on]
        whole = self.drawings.n_strokes[chosen].astype(np.int64)
        return [
            DataLoader(_FixedImages(self.drawings, chosen, keep, self.recipe), batch_size=None)
            for keep in (whole, np.ceil(whole / 2).astype(np.int64))
        ]

    def state_dict(self) -> dict[str, int]:
        return {"step": self.trainer.global_step}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.batches.first_step = state["step"]


class _FixedImages(torch.utils.data.IterableDataset):
    def __init__(self, drawings: DrawingSet, chosen: np.ndarray, keep: np.ndarray, recipe: CNNRecipe) -> None:
        super().__init__()
        self.drawings, self.chosen, self.keep, self.recipe = drawings, chosen, keep, recipe

    def __iter__(self):
        for first in range(0, len(self.chosen), 256):
            chosen, keep = self.chosen[first : first + 256], self.keep[first : first + 256]
            images = render(
                self.drawings, chosen, keep, self.recipe.preprocessing, channels=self.recipe.channels
            )
            yield images, torch.from_numpy(self.drawings.label[chosen].astype(np.int64))


def train_cnn(
    data: str | Path | DrawingSet,
    folder: str | Path,
    recipe: CNNRecipe | None = None,
    *,
    resume: bool = True,
    every: int = 250,
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
) -> nn.Module:
    """Train, leaving the state and a CSV log in `folder`, and return the plain network, batch norm folded, on the CPU.

    It takes one device, the GPU where there is one. A run that was cut off goes on from its last state, `every` steps
    apart, and ends with the same weights: bit for bit on the CPU; on a GPU, whose sums are not always in the same order,
    nearly, but from the same batches and with the same units dropped. One with schedule="constant" can also be given
    more `steps`, even when it has ended: it goes on from where the learning rate began to fall, and ends as if it had
    been asked for so many from the start. Further `callbacks` may look at the `CNNTraining`:
    `RecordEvolution(folder, network=lambda training: training.network.fold(), epoch_steps=...)` keeps Sketch-a-Net of
    several moments, for `sw.evolution`.

    An interrupt ends it after the step under way, with a state on the disk, and is then raised as KeyboardInterrupt.
    Raises CheckpointError (a ValueError) where `folder` holds a training by another recipe or on other drawings.
    """
    recipe = recipe or CNNRecipe()
    folder = Path(folder)
    drawings = data if isinstance(data, DrawingSet) else DrawingSet.load(data)
    trace = drawings_trace(drawings, drawings.split()[0])
    torch.manual_seed(recipe.seed)
    module = CNNTraining(len(drawings.classes), recipe, folder, every, trace)
    state = _state_to_resume(folder, recipe, trace) if resume else None
    own = any(isinstance(one, ProgressBar) for one in callbacks)
    bar = [TrainingBar()] if progress and not own else []
    with quiet_lightning():
        trainer = L.Trainer(
            accelerator="auto",
            devices=1,  # each of several would make the very same batches, and write the same files
            precision="bf16-mixed",
            max_steps=recipe.steps,
            callbacks=[LearningRateMonitor("step"), *callbacks, *bar],
            logger=CSVLogger(folder, name="log", flush_logs_every_n_steps=50),
            plugins=[TensorFiles()],
            val_check_interval=every * 2,
            check_val_every_n_epoch=None,
            log_every_n_steps=10,
            num_sanity_val_steps=0,
            enable_checkpointing=False,
            enable_progress_bar=progress,
            enable_model_summary=progress,
        )
        if not resume:
            # At once, so that no later run goes on with what was thrown away, however soon this one is cut off.
            for name in (STATE, BEFORE_DECAY):
                (folder / name).unlink(missing_ok=True)
        with interrupts(module.stop, alone=True):
            trainer.fit(
                module, DrawingData(drawings, recipe), ckpt_path=None if state is None else str(state)
            )
    return folded(module.best)


def _state_to_resume(folder: Path, recipe: CNNRecipe, data: dict[str, Any]) -> Path | None:
    """The state that a training by this recipe, on the data of this trace, goes on from, if there is one."""
    for path in (folder / STATE, folder / BEFORE_DECAY):
        if not path.exists():
            continue
        found = read_checkpoint(path, tensors=False)
        check_data(path, found.get("data"), data)
        old = found.get("recipe")
        if not isinstance(old, dict):  # of a version that did not write it
            return path
        wanted = recipe.to_dict()
        other = sorted(name for name in {*wanted, *old} - {"steps"} if wanted.get(name) != old.get(name))
        if other:
            name = other[0]
            raise CheckpointError(
                f"{folder} holds a training with {name}={old.get(name)!r}, and the recipe has {wanted.get(name)!r}. "
                f"{AGAIN}"
            )
        steps = int(old["steps"])
        if steps == recipe.steps or found["global_step"] <= min(
            replace(recipe, steps=steps).constant_until, recipe.constant_until
        ):
            return path
    if (folder / STATE).exists():
        raise CheckpointError(
            f"{folder} holds a training of another number of steps, which its learning rate depends on; only one with "
            f"schedule='constant' can be given more steps. {AGAIN}"
        )
    return None
