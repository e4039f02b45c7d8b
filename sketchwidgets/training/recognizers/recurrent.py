"""The recurrent part of a recogniser: a GRU or LSTM over cached features, supervised at every stroke."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset

from sketchwidgets.models._checks import check_choice, check_range, check_whole
from sketchwidgets.models.recurrent import ImageTo, RecurrentClassifier
from sketchwidgets.training.checkpoints import CheckpointError, TensorFiles, read_checkpoint
from sketchwidgets.training.checkpoints.belonging import AGAIN, check_data, check_recipe
from sketchwidgets.training.fitting._quiet import interrupts, quiet_lightning
from sketchwidgets.training.fitting._trainer import made_trainer
from sketchwidgets.training.inputs.features import PrefixFeatures
from sketchwidgets.training.inputs.stroke_set import StrokeSet
from sketchwidgets.training.recognizers._traces import sequences_trace
from sketchwidgets.training.recognizers.averaging import update_average

LAST = "last.ckpt"

Weighting = Literal["late", "uniform", "linear", "exponential", "last"]


@dataclass(frozen=True)
class RecurrentRecipe:
    """Everything that decides how the recurrent part is trained.

    hidden_size, cell, reset_after : see `RecurrentClassifier`.
    weighting : what the loss of step t of T counts, see `step_weights`: "late" 1 + late_weight t/T, "uniform" 1,
        "linear" t/T, "exponential" exp(-exponent (1 - t/T)), "last" nothing but at the last step.
    feature_dropout : share of the CNN's features set to zero, the same ones for all steps of a drawing.
    dropout : of what the classifier reads: hidden states, and image features where they go past the cell.
    strokes : arguments of a `StrokeEncoder`, where the features end with descriptors of strokes; None where not.
    image_to : see `RecurrentClassifier`.
    precision : Lightning's, "32-true" or "bf16-mixed".
    averaging : share of the old that stays when the weights are averaged after each step (exponential moving
        average), 0 for none. The average is what is validated and returned.

    Raises ValueError, naming the one that is out of its range.
    """

    hidden_size: int = 512
    cell: str = "gru"
    reset_after: bool = False
    epochs: int = 12
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    late_weight: float = 0.5
    feature_dropout: float = 0.2
    seed: int = 0
    weighting: Weighting = "late"
    exponent: float = 10.0
    strokes: Mapping[str, Any] | None = None
    image_to: ImageTo = "cell"
    dropout: float = 0.0
    averaging: float = 0.0
    precision: str = "32-true"

    def __post_init__(self) -> None:
        for name, least in (("hidden_size", 1), ("epochs", 1), ("batch_size", 1), ("seed", 0)):
            check_whole(name, getattr(self, name), least)
        check_range("learning_rate", self.learning_rate, above=0)
        for name in ("weight_decay", "late_weight", "exponent"):
            check_range(name, getattr(self, name), least=0)
        for name in ("label_smoothing", "feature_dropout", "dropout", "averaging"):
            check_range(name, getattr(self, name), least=0, below=1)
        check_choice("weighting", self.weighting, get_args(Weighting))

    def make(self, features: int, classes: int) -> RecurrentClassifier:
        """The network with random weights, that reads `features` numbers a step."""
        return RecurrentClassifier(
            features,
            self.hidden_size,
            classes,
            self.cell,
            reset_after=self.reset_after,
            strokes=self.strokes,
            image_to=self.image_to,
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return json.loads(json.dumps(asdict(self)))


def step_weights(steps: Tensor, recipe: RecurrentRecipe) -> Tensor:
    """What the loss counts at steps 1, 2, ..., (n, max(steps)), of drawings of `steps` (n,) strokes; 0 after the last.

    Sarvadevabhatla et al. (ACM MM 2016) let late steps count more and do not print by how much; these are the choices.

    >>> from sketchwidgets.training.recognizers.recurrent import RecurrentRecipe, step_weights
    >>> step_weights(torch.tensor([2, 4]), RecurrentRecipe(weighting="linear"))
    tensor([[0.5000, 1.0000, 0.0000, 0.0000],
            [0.2500, 0.5000, 0.7500, 1.0000]])
    """
    t = torch.arange(1, int(steps.max()) + 1, device=steps.device) / steps[:, None]
    if recipe.weighting == "late":
        weight = 1 + recipe.late_weight * t
    elif recipe.weighting == "uniform":
        weight = torch.ones_like(t)
    elif recipe.weighting == "linear":
        weight = t
    elif recipe.weighting == "exponential":
        weight = torch.exp(-recipe.exponent * (1 - t))
    else:
        weight = (t == 1).float()
    return weight * (t <= 1)


class RecurrentTraining(L.LightningModule):
    """Weighted cross-entropy over all steps; validation on the last step, and on the one in the middle.

    facts : what else goes into its state. stop_asked : whether the training ends with the epoch under way.
    """

    validation_names = ("last_top1", "half_top1")

    def __init__(
        self,
        classes: int,
        features: int,
        steps: int,
        recipe: RecurrentRecipe,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.recipe, self.steps, self.steps_per_epoch = recipe, steps, steps // recipe.epochs
        self.stop_asked, self.facts = False, dict(facts or {})
        self.network = recipe.make(features, classes)
        self.average = deepcopy(self.network).requires_grad_(False) if recipe.averaging else None

    @property
    def best(self) -> RecurrentClassifier:
        """What is validated and returned: the averaged network, or the one that is trained."""
        return self.network if self.average is None else self.average

    def on_train_batch_end(self, *_: object) -> None:
        if self.average is not None:
            update_average(self.average, self.network, self.recipe.averaging, self.trainer.global_step - 1)

    def on_train_epoch_end(self) -> None:
        # Before the state is written, which Lightning does after this: it then is one of a whole epoch.
        if self.stop_asked:
            self.trainer.should_stop = True

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], _: int) -> Tensor:
        features, labels, steps = batch
        keep = 1 - self.recipe.feature_dropout
        mask = torch.rand_like(features[:, :1]).lt_(keep) / keep
        mask[..., self.network.image_features :] = 1
        network, features = self.network, features * mask
        read = network.readout(network.hidden_states(features), features)
        scores = network.output(F.dropout(read, self.recipe.dropout)).float()
        n, length, _ = scores.shape
        loss = F.cross_entropy(
            scores.flatten(0, 1),
            labels.repeat_interleave(length),
            label_smoothing=self.recipe.label_smoothing,
            reduction="none",
        ).view(n, length)
        weight = step_weights(steps, self.recipe)
        # Each drawing counts the same, however many strokes it has.
        loss = ((loss * weight).sum(1) / weight.sum(1)).mean()
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor, Tensor], _: int) -> None:
        features, labels, steps = batch
        right = self.best(features).argmax(2) == labels[:, None]
        rows = torch.arange(len(labels), device=right.device)
        self.log("last_top1", right[rows, steps - 1].float().mean(), prog_bar=True, batch_size=len(labels))
        half = right[rows, (steps + 1) // 2 - 1].float().mean()
        self.log("half_top1", half, prog_bar=True, batch_size=len(labels))

    def configure_optimizers(self) -> dict:
        recipe = self.recipe
        optimizer = torch.optim.AdamW(
            self.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, recipe.learning_rate, total_steps=self.steps, pct_start=0.1
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["sketchwidgets"] = {"recipe": self.recipe.to_dict(), **self.facts}


class _Batches(IterableDataset):
    """Drawings in random order, those of a batch of similar length."""

    def __init__(self, features: PrefixFeatures | StrokeSet, batch_size: int, seed: int | None) -> None:
        super().__init__()
        self.features, self.batch_size, self.seed, self.epoch = features, batch_size, seed, 0

    def __len__(self) -> int:
        return -(-len(self.features) // self.batch_size)

    def __iter__(self):
        order = np.argsort(self.features.steps, kind="stable")
        batches = np.arange(len(self))
        if self.seed is not None:
            rng = np.random.default_rng([self.seed, self.epoch])
            # Sorting by length plus noise keeps padding small without fixing which drawings meet in a batch.
            order = np.argsort(self.features.steps + rng.random(len(self.features)), kind="stable")
            batches = rng.permutation(batches)
        for number in batches:
            chosen = order[number * self.batch_size : (number + 1) * self.batch_size]
            if self.seed is None or isinstance(self.features, PrefixFeatures):
                yield self.features.batch(chosen)
            else:
                changes = np.random.default_rng([self.seed, self.epoch, number])
                yield self.features.batch(chosen, changes)


class _SetEpoch(L.Callback):
    def __init__(self, batches: _Batches) -> None:
        self.batches = batches

    def on_train_epoch_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        self.batches.epoch = trainer.current_epoch


def _last_state(folder: Path) -> ModelCheckpoint:
    """Writes LAST after every epoch, over the one before.

    Lightning would count up (last-v1.ckpt) where it finds one that it has not written itself, in this very folder.
    """
    return ModelCheckpoint(folder, save_last=True, save_top_k=0, enable_version_counter=False)


def _end() -> None:
    """End a training at once: its checkpoints are those of whole epochs."""
    raise KeyboardInterrupt


def train_recurrent(
    train: PrefixFeatures | StrokeSet,
    validation: PrefixFeatures | StrokeSet,
    classes: int,
    folder: str | Path,
    recipe: RecurrentRecipe | None = None,
    *,
    resume: bool = True,
    stop_after: int | None = None,
    progress: bool = True,
    callbacks: Sequence[Callback] = (),
    accelerator: str = "auto",
    devices: Any = 1,
) -> RecurrentClassifier:
    """Train, leaving the state after each epoch (last.ckpt) and a CSV log in `folder`; the network returns on the CPU.

    A run that was cut off goes on from its last epoch, where a recipe has dropout with other random numbers than without
    the cut; resume=False starts again. `stop_after` ends the run after so many epochs, to be resumed later; the learning
    rate follows the whole recipe all the same. An interrupt is raised as KeyboardInterrupt, and what was done of its
    epoch is done again.

    callbacks : further ones of Lightning. accelerator, devices : Lightning's; one device, [1] for the second GPU.
    Raises ValueError for several devices, each of which would train on the very same batches, and CheckpointError (a
    ValueError) where the state in `folder` is of another recipe or of other training data.
    """
    recipe, folder = recipe or RecurrentRecipe(), Path(folder)
    last, data = folder / LAST, sequences_trace(train, classes)
    if resume and last.exists():
        _check_state(last, recipe, data)
    torch.manual_seed(recipe.seed)
    batches = _Batches(train, recipe.batch_size, recipe.seed)
    module = RecurrentTraining(classes, train.size, recipe.epochs * len(batches), recipe, {"data": data})
    with quiet_lightning():
        trainer = made_trainer(
            accelerator=accelerator,
            devices=devices,
            precision=recipe.precision,
            max_epochs=stop_after or recipe.epochs,
            callbacks=[_last_state(folder), _SetEpoch(batches), *callbacks],
            logger=CSVLogger(folder, name="log"),
            plugins=[TensorFiles()],
            num_sanity_val_steps=0,
            gradient_clip_val=5.0,
            reload_dataloaders_every_n_epochs=1,
            enable_progress_bar=progress,
            enable_model_summary=progress,
        )
        if trainer.world_size > 1:
            raise ValueError(f"devices must be one, not {devices!r}: a recurrent part is trained on one")
        if not resume:
            last.unlink(missing_ok=True)
        with interrupts(_end, alone=True):
            trainer.fit(
                module,
                DataLoader(batches, batch_size=None),
                DataLoader(_Batches(validation, 512, None), batch_size=None),
                ckpt_path=str(last) if last.exists() else None,
            )
    return module.best.eval()


def _check_state(path: Path, recipe: RecurrentRecipe, data: dict[str, Any]) -> None:
    """Raise CheckpointError where a state is not one of this training, before Lightning takes it."""
    known = read_checkpoint(path, tensors=False).get("sketchwidgets")
    if not isinstance(known, dict):
        raise CheckpointError(
            f"{path} does not say of which recipe and data it is, as older versions left it. {AGAIN}"
        )
    check_recipe(path, known.get("recipe"), recipe.to_dict())
    check_data(path, known.get("data"), data)
