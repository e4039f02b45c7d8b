"""Fine-tune one Sketch-a-Net to one scale, from a network that already knows sketches."""

import math
import re
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sketchwidgets.models import SketchANet, kept_generators, load_weights, save_weights, seeded
from sketchwidgets.models._checks import check_choice, check_range, check_whole
from sketchwidgets.models.ensemble._first_convolution import SpaceToDepthConv2d
from sketchwidgets.models.ensemble._views import CROP


@dataclass(frozen=True)
class FineTuning:
    """Everything that decides how a network of the ensemble is trained.

    epochs : passes over the training images; the learning rate rises for `warmup` steps, then falls as a cosine to 0.
    learning_rate : its peak. weight_decay : AdamW's. label_smoothing : share of the target spread over all classes.
    dropout : after fc6 and fc7.
    rotation : largest turn to either side in whole degrees; rotation_probability : how often (0.55 in the released
        code of Sketch-a-Net). mirror : probability of a left-right mirror image. The crop is random.
    frozen : layers that stay as they are, such as ("conv1",): neither gradient nor weight decay changes them.
    precision : "bf16" (mixed) or "float32".

    Raises ValueError, naming the argument.
    """

    epochs: int = 4
    batch_size: int = 32
    learning_rate: float = 2e-4
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    dropout: float = 0.3
    warmup: int = 10
    rotation: int = 5
    rotation_probability: float = 0.55
    mirror: float = 0.5
    frozen: tuple[str, ...] = ()
    precision: str = "bf16"

    def __post_init__(self) -> None:
        for name, least in (("epochs", 0), ("batch_size", 1), ("warmup", 0)):
            check_whole(name, getattr(self, name), least)
        check_whole("rotation", self.rotation, 0, 180)
        check_range("learning_rate", self.learning_rate, above=0)
        check_range("weight_decay", self.weight_decay, least=0)
        for name in ("label_smoothing", "dropout"):
            check_range(name, getattr(self, name), least=0, below=1)
        for name in ("rotation_probability", "mirror"):
            check_range(name, getattr(self, name), least=0, most=1)
        check_choice("precision", self.precision, ("bf16", "float32"))
        if isinstance(self.frozen, str) or not all(isinstance(name, str) for name in self.frozen):
            raise ValueError(f"frozen must be names of layers, not {self.frozen!r}")


def start_network(
    source: SketchANet, known: Sequence[str], classes: Sequence[str], dropout: float, seed: int
) -> tuple[SketchANet, int]:
    """A network of `classes` that begins as `source`, which knows the classes `known`.

    All layers but the last are copied, and of the last those classes that the source knows by name (only letters and
    digits count: "wine-bottle" is "wine bottle"); the other rows are random. Returns the network and how many
    classes the source knew.
    """
    with seeded(seed):
        network = type(source)(**{**source.arguments, "classes": len(classes), "dropout": dropout})
    state = network.state_dict()
    rows = {_letters(name): row for row, name in enumerate(known)}
    found = [(new, rows[_letters(name)]) for new, name in enumerate(classes) if _letters(name) in rows]
    for name, tensor in source.state_dict().items():
        if not name.startswith("fc8."):
            state[name] = tensor.detach().cpu().clone()
            continue
        for new, old in found:
            state[name][new] = tensor[old].detach().cpu()
    network.load_state_dict(state)
    network.conv1 = SpaceToDepthConv2d.of(network.conv1)
    return network.to(memory_format=torch.channels_last), len(found)


def augment(images: Tensor, recipe: FineTuning, generator: torch.Generator) -> Tensor:
    """Random 225 px crops of images (n, c, 256, 256), turned about the middle and mirrored; paper is 0.

    generator : of the CPU, so that all devices make the same views.
    """
    n, size = len(images), images.shape[2]
    degrees = torch.randint(-recipe.rotation, recipe.rotation + 1, (n,), generator=generator)
    turned = torch.rand(n, generator=generator) < recipe.rotation_probability
    angle = torch.deg2rad(degrees * turned)
    flip = torch.where(torch.rand(n, generator=generator) < recipe.mirror, -1.0, 1.0)
    corner = torch.randint(0, size - CROP + 1, (n, 2), generator=generator)
    # Output pixel -> place in the image, in units where the image spans -1..1 (align_corners=False).
    ratio = CROP / size
    shift = (2 * corner + CROP) / size - 1
    cos, sin = angle.cos(), angle.sin()
    theta = torch.stack(
        [
            torch.stack([flip * cos * ratio, -sin * ratio, cos * shift[:, 1] - sin * shift[:, 0]], 1),
            torch.stack([flip * sin * ratio, cos * ratio, sin * shift[:, 1] + cos * shift[:, 0]], 1),
        ],
        1,
    )
    grid = F.affine_grid(theta.to(images.device), [n, images.shape[1], CROP, CROP], align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", align_corners=False)


def fine_tune(
    network: SketchANet,
    images: Tensor,
    labels: Tensor,
    recipe: FineTuning,
    seed: int,
    checkpoint: Path,
    callback: Callable[[dict], bool | None] | None = None,
) -> float | None:
    """Train `network` in place, where it is, on images (n, 1, 256, 256) uint8, 0..255 ink, and labels (n,).

    A run that was cut off goes on from its last epoch and ends with the same weights: every epoch has a seed of
    its own. Returns the seconds of processor time of all epochs, or None where the callback stopped it.

    Raises ValueError where `recipe.frozen` names a layer that the network does not have, or leaves nothing to train.
    """
    device = next(network.parameters()).device
    optimizer = torch.optim.AdamW(
        _trained(network, recipe.frozen), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    per_epoch = math.ceil(len(images) / recipe.batch_size)
    steps = per_epoch * recipe.epochs
    first, seconds = _restore(checkpoint, network, optimizer)
    for epoch in range(first, recipe.epochs):
        begun = time.process_time()
        with kept_generators():
            torch.manual_seed(seed * 1000 + epoch)
            generator = torch.Generator().manual_seed(seed * 1000 + epoch + 500)
            order = torch.randperm(len(images), generator=generator)
            network.train()
            for index, chosen in enumerate(order.split(recipe.batch_size)):
                step = epoch * per_epoch + index
                for group in optimizer.param_groups:
                    group["lr"] = recipe.learning_rate * _rate(step, steps, recipe.warmup)
                seen = augment(images[chosen].to(device).float() / 255, recipe, generator)
                target = labels[chosen].to(device)
                with mixed(recipe.precision, device):
                    scores = network(seen.contiguous(memory_format=torch.channels_last))
                loss = F.cross_entropy(scores.float(), target, label_smoothing=recipe.label_smoothing)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                accuracy = float((scores.argmax(1) == target).float().mean())
                state = {
                    "epoch": epoch,
                    "step": step,
                    "steps": steps,
                    "loss": loss.item(),
                    "accuracy": accuracy,
                }
                if callback is not None and callback(state) is False:
                    return None
        seconds += time.process_time() - begun
        _keep(checkpoint, network, optimizer, epoch + 1, seconds)
    network.eval()
    return seconds


def mixed(precision: str, device: torch.device) -> AbstractContextManager:
    """The context of mixed precision on a device, or none."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def _trained(network: SketchANet, frozen: Sequence[str]) -> list[nn.Parameter]:
    """The parameters that are trained; those of frozen layers take no gradient from now on."""
    layers = dict(network.named_children())
    unknown = [name for name in frozen if name not in layers]
    if unknown:
        raise ValueError(f"frozen must be layers of the network ({', '.join(layers)}), not {unknown[0]!r}")
    for name, layer in layers.items():
        layer.requires_grad_(name not in frozen)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if not trained:
        raise ValueError("frozen leaves no layer to train")
    return trained


def _rate(step: int, steps: int, warmup: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1)))


def _keep(
    path: Path, network: SketchANet, optimizer: torch.optim.Optimizer, epoch: int, seconds: float
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in state.items()}
    save_weights(path, tensors, {"epoch": epoch, "seconds": seconds}, dtype="float32")


def _restore(path: Path, network: SketchANet, optimizer: torch.optim.Optimizer) -> tuple[int, float]:
    """Load what `_keep` wrote: the epoch to go on with, and the seconds so far."""
    if not path.is_file():
        return 0, 0.0
    try:
        tensors, metadata = load_weights(path)
        own = {name.removeprefix("network."): t for name, t in tensors.items() if name.startswith("network.")}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, index, kind = name.split(".")
                moments.setdefault(int(index), {})[kind] = tensor
        network.load_state_dict(own)
        optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
        return int(metadata["epoch"]), float(metadata["seconds"])
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        message = f"{path}: a damaged checkpoint ({error}); remove it to begin this network again"
        raise ValueError(message) from None


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
