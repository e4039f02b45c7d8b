"""Train a network by a recipe: one function."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback, ProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from safetensors.torch import save_file
from torch import nn

from sketchwidgets._files import written_whole
from sketchwidgets.models import save_weights
from sketchwidgets.training.checkpoints import STATE, TensorFiles, read_checkpoint
from sketchwidgets.training.fitting._bar import TrainingBar
from sketchwidgets.training.fitting._batches import Batches, mean_picture
from sketchwidgets.training.fitting._belongs import check_state
from sketchwidgets.training.fitting._filters import RenormalizeFilters
from sketchwidgets.training.fitting._fitted import Fitted, channels_of, input_of, scores
from sketchwidgets.training.fitting._groups import initialise
from sketchwidgets.training.fitting._guard import check_script, refuse_in_import
from sketchwidgets.training.fitting._history import LOG, read_history
from sketchwidgets.training.fitting._module import Classification
from sketchwidgets.training.fitting._opened import MEAN, NETWORK, registered
from sketchwidgets.training.fitting._own_input import fed
from sketchwidgets.training.fitting._pictures import as_pictures
from sketchwidgets.training.fitting._progress import ReportProgress, TrainingProgress
from sketchwidgets.training.fitting._quiet import interrupts, quiet_lightning
from sketchwidgets.training.fitting._recipe import Recipe
from sketchwidgets.training.fitting._traces import begin, data_trace, start_trace
from sketchwidgets.training.fitting._trainer import made_trainer

_OURS = (
    "max_steps", "max_epochs", "max_time", "callbacks", "logger", "plugins", "precision", "val_check_interval",
    "check_val_every_n_epoch", "gradient_clip_val", "accumulate_grad_batches", "use_distributed_sampler",
    "enable_checkpointing", "enable_progress_bar", "default_root_dir", "num_sanity_val_steps",
    "reload_dataloaders_every_n_epochs",
)  # fmt: skip
_EVERY = 100
_SHARDED = ("fsdp", "deepspeed", "model_parallel", "xla_fsdp")


def fit(
    network: nn.Module,
    data: Any,
    recipe: Recipe | None = None,
    folder: str | Path = "runs/fit",
    *,
    validation: Any = None,
    callback: Callable[[TrainingProgress], bool | None] | None = None,
    callbacks: Sequence[Callback] = (),
    resume: bool = True,
    every: int = _EVERY,
    progress: bool = True,
    workers: int = 0,
    accelerator: str = "auto",
    devices: Any = "auto",
    num_nodes: int = 1,
    strategy: Any = "auto",
    **trainer: Any,
) -> Any:
    """Train a network by a recipe.

    What comes out follows from the network's start, the data, the recipe and the number of processes. A run that was
    cut off, at whatever moment, goes on from its last state if it is called again, and ends with the same weights,
    bit for bit (on a GPU only with `deterministic=True`).

    Parameters
    ----------
    network : takes (n, C, side, side) and gives scores (n, classes); trained in place, and left on the device that it was
        trained on. Its side is `network.input_size`. One that is imported, or has ImageNet weights, is fed as it was
        trained, see `Views.own`. `with_classes` gives it a new last layer.
    data : a DrawingSet, its .npz or a folder of QuickDraw files, or (DrawingSet, indices); (images, labels) as
        (n, h, w[, 3]) uint8 and (n,) whole numbers, or (sketches, labels), and perhaps the names of the classes as a
        third; or a torch data set of (Sketch or picture, label). Drawings are all read first and held in memory, 8
        bytes a point, which is about half a kilobyte for one of QuickDraw's, and for a moment twice that. Pictures of a
        data set are asked for anew in every batch, and only those of a few batches are held.
    recipe : `zeiler_recipe()`, `sketch_a_net_recipe()`, `fine_tuning_recipe()`, ...; None for a plain Recipe. Pictures
        are as large as the network needs them, see `Views.size`. With
        `recurrent_recipe()`, network is None, data and validation are PrefixFeatures, and what returns is the trained
        RecurrentClassifier: see `train_recurrent`. It has a state an epoch and one device, so that of the arguments
        below only callback (False ends the training with its epoch), callbacks, resume, progress, accelerator
        and devices may be given.
    folder : where the state, the logs (CSV and TensorBoard) and the final network.safetensors go; made if absent.
    validation : data of the same form, looked at after every epoch.
    callback : called after each step with a TrainingProgress; returning False ends the training early, to be resumed.
    callbacks : further ones of Lightning, such as RecordEvolution(folder, network="network", epoch_steps=...).
    resume : whether to go on where a run in this folder was cut off, or has ended with fewer `epochs` than are wanted
        now, which all schedules but "cosine" allow; False starts again.
    every : steps from one state that is written to the next.
    progress : whether a bar is shown, of the reading of drawings and of the training.
    workers : processes that prepare batches, 0 for none beside this one. They import the script that calls: there the
        call must stand below `if __name__ == "__main__":`, or RuntimeError says so. A notebook needs nothing.
    accelerator, devices, num_nodes, strategy : Lightning's. The batch of the recipe is shared by all processes.
    trainer : further arguments of `lightning.Trainer`, `deterministic` or `sync_batchnorm`, say. `deterministic=True`
        raises RuntimeError on a GPU where an operation has no deterministic form, as AdaptiveAvgPool2d to more than a
        pixel ("alexnet_sketch", "vgg16_sketch"), see `torch.use_deterministic_algorithms`; "warn" goes on without.

    An interrupt ends it after the step under way, with a state on the disk, and is then raised as KeyboardInterrupt.
    Raises FloatingPointError where the loss is no longer finite, before the step is made: the last state stays. Raises
    ValueError or TypeError, naming the argument; CheckpointError where the state in the folder is damaged or
    belongs to another training: another recipe or network, other data (labels, some pictures), or other weights to
    start from. Of random ones that are only drawn anew, since no seed was set, a warning tells.

    >>> images, labels = np.zeros((8, 16, 16), np.uint8), np.arange(8) % 2
    >>> images[1::2, :8] = 255
    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(144, 2))
    >>> network.input_size = 12
    >>> recipe = sw.training.Recipe(epochs=3, batch_size=4, views=sw.training.Views(size=16))
    >>> sw.training.fit(network, (images, labels), recipe, "runs/two", progress=False, accelerator="cpu")
    Fitted(Sequential by recipe, step 6 of 6)
    """
    from sketchwidgets.training.recognizers.recurrent import RecurrentRecipe

    if isinstance(recipe, RecurrentRecipe):
        from sketchwidgets.training.fitting._fit_recurrent import fit_recurrent

        return fit_recurrent(
            network,
            data,
            recipe,
            folder,
            validation=validation,
            callback=callback,
            callbacks=callbacks,
            resume=resume,
            progress=progress,
            accelerator=accelerator,
            devices=devices,
            unused={
                "every": (every, _EVERY),
                "workers": (workers, 0),
                "num_nodes": (num_nodes, 1),
                "strategy": (strategy, "auto"),
            },
            trainer=trainer,
        )
    refuse_in_import()
    recipe = Recipe() if recipe is None else recipe
    if not isinstance(recipe, Recipe):
        raise TypeError(f"recipe must be a Recipe, not {type(recipe).__name__}")
    if not isinstance(network, nn.Module):
        raise TypeError(f"network must be a torch.nn.Module, not {type(network).__name__}")
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise ValueError(f"every must be a whole number from 1 on, not {every!r}")
    _check_trainer(trainer, strategy, recipe, accelerator, devices, workers)
    if workers:
        check_script()
    pictures = as_pictures(data, progress=progress)
    held_out = None if validation is None else as_pictures(validation, "validation", progress)
    if recipe.schedule == "plateau" and held_out is None:
        raise ValueError("the recipe anneals on a plateau of the validation error: give validation")
    recipe, own_mean = fed(network, recipe, channels_of(network))
    side, channels = input_of(network, recipe, pictures)
    folder = Path(folder)
    facts = {
        "recipe": json.loads(json.dumps(recipe.to_dict())),
        "network": type(network).__name__,
        "pictures": len(pictures),
        "classes": list(pictures.classes),
        "data": data_trace(pictures),
    }
    state = folder / STATE
    going_on = resume and state.exists()
    if going_on:
        steps = Batches(pictures, recipe, side, channels).per_epoch * recipe.epochs
        start = check_state(state, facts, network, recipe, steps)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        state.unlink(missing_ok=True)
        start = start_trace(network, recipe)
        initialise(network, recipe)
    if start is not None:
        facts["start"] = start
        begin(network, folder, start)
    mean = mean_picture(pictures, recipe, channels, side) if own_mean is None else own_mean
    module = Classification(
        network,
        recipe,
        pictures,
        held_out,
        side=side,
        channels=channels,
        mean=mean,
        folder=folder,
        every=every,
        workers=workers,
        facts=facts,
    )
    if going_on:
        module.first_step = int(read_checkpoint(state, tensors=False)["sketchwidgets"]["step"])
    added = [*callbacks]
    if recipe.filter_radius is not None:
        added.append(RenormalizeFilters("network", recipe.filter_radius))
    if callback is not None:
        added.append(ReportProgress(callback))
    if progress and not any(isinstance(one, ProgressBar) for one in added):
        added.append(TrainingBar())
    with quiet_lightning():
        runner = made_trainer(
            accelerator=accelerator,
            devices=devices,
            num_nodes=num_nodes,
            strategy=strategy,
            precision=recipe.precision,
            max_steps=module.steps,
            callbacks=added,
            logger=_loggers(folder),
            plugins=[TensorFiles()],
            # One long epoch of Lightning's, with a validation after each pass over the data: a state within an epoch is
            # then like any other.
            val_check_interval=module.steps_per_epoch,
            check_val_every_n_epoch=None,
            limit_val_batches=0 if held_out is None else None,
            gradient_clip_val=recipe.gradient_clip,
            log_every_n_steps=trainer.pop("log_every_n_steps", 1 if module.steps <= 5000 else 10),
            use_distributed_sampler=False,
            enable_checkpointing=False,
            enable_progress_bar=progress,
            enable_model_summary=trainer.pop("enable_model_summary", False),
            num_sanity_val_steps=0,
            default_root_dir=folder,
            **trainer,
        )
        device = runner.strategy.root_device
        with interrupts(module.stop, alone=runner.world_size == 1):
            runner.fit(module, ckpt_path=str(state) if going_on else None)
    # Back to where it was trained: Lightning leaves it on the CPU, and the test would be made there.
    network.to(device).eval()
    # Not the trainer's count, which stays in the other processes where they were spawned.
    step = int(read_checkpoint(state, tensors=False)["sketchwidgets"]["step"]) if state.exists() else 0
    accuracy = None
    if step >= module.steps and runner.is_global_zero:
        if held_out is not None:
            named = scores(network, held_out, recipe, mean).argmax(1)
            accuracy = float((named == torch.from_numpy(held_out.labels)).double().mean())
        metadata = {
            **facts,
            "registered": registered(network),
            "arguments": getattr(network, "arguments", None),
            "accuracy": accuracy,
            "step": step,
            "steps": module.steps,
        }
        weights = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
        # The network last: a folder that has one is complete.
        if mean is not None:
            with written_whole(folder / MEAN) as temporary:
                save_file({"mean": mean}, temporary)
        save_weights(folder / NETWORK, weights, metadata, dtype="float32")
    return Fitted(
        network, recipe, pictures.classes, step, module.steps, accuracy, read_history(folder), folder, mean
    )


def _check_trainer(
    given: dict[str, Any], strategy: Any, recipe: Recipe, accelerator: str, devices: Any, workers: int
) -> None:
    for name in given:
        if name in _OURS:
            raise TypeError(
                f"{name} follows from the recipe and the other arguments of fit, and cannot be given"
            )
    if isinstance(strategy, str) and strategy.startswith(_SHARDED):
        raise ValueError(
            f"strategy {strategy!r} leaves a part of the state in each process; fit keeps all of it in one file"
        )
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 0:
        raise ValueError(f"workers must be a whole number from 0 on, not {workers!r}")
    if isinstance(devices, str) and not re.fullmatch(r"auto|-1|\d+(,\d*)*", devices.replace(" ", "")):
        raise ValueError(f'devices must be "auto", a number, or numbers with commas between, not {devices!r}')
    on_cuda = accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available())
    if recipe.precision in ("16-mixed", "16") and not (on_cuda and torch.cuda.is_available()):
        raise ValueError('precision "16-mixed" needs CUDA; "bf16-mixed" works everywhere')


def _loggers(folder: Path) -> list[Any]:
    log = CSVLogger(folder, name=LOG)
    try:
        return [log, TensorBoardLogger(folder, name=LOG, version=log.version)]
    except ModuleNotFoundError:  # tensorboard is not installed
        return [log]
