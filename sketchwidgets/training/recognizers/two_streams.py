"""The whole recipe of the default recogniser: a CNN that sees the picture, a recurrent net that reads the strokes.

Two streams trained apart, whose scores are added (late fusion, Simonyan & Zisserman, NeurIPS 2014): each is as good as it
can be alone, and they err differently. How much each counts is fitted on drawings that neither was trained on.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sketchwidgets.models import RecurrentClassifier, SketchResNet
from sketchwidgets.recognition import Preprocessing, Recognizer
from sketchwidgets.sketch.stroke_descriptors import descriptor_size
from sketchwidgets.training.checkpoints.belonging import digest
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.training.evaluation.calibrate import calibration_halves, weights_of_steps
from sketchwidgets.training.inputs.images import Augmentation
from sketchwidgets.training.inputs.stroke_set import StrokeSet
from sketchwidgets.training.recognizers._stages import Stage, prefixed
from sketchwidgets.training.recognizers._traces import drawings_trace
from sketchwidgets.training.recognizers.batch_norm import folded
from sketchwidgets.training.recognizers.cnn import CNNRecipe, train_cnn
from sketchwidgets.training.recognizers.hours import Hours
from sketchwidgets.training.recognizers.last_layer import LastLayerRecipe, train_last_layer
from sketchwidgets.training.recognizers.publish import publish
from sketchwidgets.training.recognizers.recurrent import RecurrentRecipe, train_recurrent

NAME = "sketchwidgets-quickdraw345"
_VALIDATE_ON = 2600
_WHOLE = (
    0.5  # of what a drawing counts in the shares of the streams: the whole drawing; the rest: its prefixes
)

_AUGMENTATION = Augmentation(shift=4.0, removal=0.3, removal_share=(0.05, 0.3), deformation=0.5)


@dataclass(frozen=True)
class TwoStreamRecipe:
    """The recipes of both streams; as it stands, that of the bundled weights.

    cnn : of a network with `features` and a last linear layer `fc`, such as "sketch_resnet".
    strokes : with `strokes` and image_to="output".
    last_layer : how the last layer of both is trained on, once they are added.
    """

    cnn: CNNRecipe = field(
        default_factory=lambda: CNNRecipe(
            network="sketch_resnet",
            arguments={"blocks": [2, 2, 2, 2]},
            preprocessing=Preprocessing(size=96, extent=86.0, stroke_width=2.0),
            augmentation=_AUGMENTATION,
            steps=3800,
            warmup=200,
            weight_decay=0.05,
            decay_all=False,
            label_smoothing=0.1,
            schedule="constant",
            decay=0.2,
            clip=5.0,
            averaging=0.999,
        )
    )
    strokes: RecurrentRecipe = field(
        default_factory=lambda: RecurrentRecipe(
            hidden_size=512,
            strokes={"samples": 16, "hidden_size": 384, "size": 256, "dropout": 0.2},
            image_to="output",
            epochs=12,
            batch_size=256,
            learning_rate=2.5e-3,
            weight_decay=0.05,
            label_smoothing=0.05,
            late_weight=5.0,
            feature_dropout=0.0,
            dropout=0.2,
            averaging=0.999,
            precision="bf16-mixed",
        )
    )
    last_layer: LastLayerRecipe = field(default_factory=LastLayerRecipe)

    def __post_init__(self) -> None:
        if self.strokes.strokes is None or self.strokes.image_to != "output":
            raise ValueError('strokes: a recipe with strokes and image_to="output" is needed')


def train_two_streams(
    data: str | Path,
    folder: str | Path,
    timed: str | Path | None = None,
    recipe: TwoStreamRecipe | None = None,
    evaluate_on: int | None = None,
) -> Recognizer:
    """Train both streams, add them, train their last layer on, calibrate, measure; write weights and card.

    The weights are `folder`/sketchwidgets-quickdraw345.safetensors, the card stands beside them.
    Every stage leaves its result in `folder`, and a run that was cut off goes on from there. The weights of the streams
    and the calibration are fitted on one half of the held-out drawings: see `publish`. Raises CheckpointError (a
    ValueError) where `folder` has a stage of another recipe or of other drawings, before anything is trained.

    data : an .npz of labelled drawings, see `DrawingSet.load`. timed : one with raw drawings, for measurement only.
    evaluate_on : how many held-out drawings to fit and measure on, None for all.
    """
    recipe, folder = recipe or TwoStreamRecipe(), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    drawings = DrawingSet.load(data)
    train, held_out = drawings.split()
    held_out = held_out[:evaluate_on]
    if not len(train) or not len(held_out):
        raise ValueError(f"{data}: {len(drawings)} drawings are too few to keep some apart for measurement")
    hours = Hours(folder / "hours.json")

    fit, _ = calibration_halves(drawings, held_out)
    stages = _stages(folder, recipe, drawings, train, fit)

    def trained_cnn() -> dict[str, Tensor]:
        with hours.count("cnn"):
            return train_cnn(data, folder / "cnn", recipe.cnn).state_dict()

    cnn = folded(recipe.cnn.make(len(drawings.classes)))
    cnn.load_state_dict(stages["cnn"].tensors(trained_cnn))

    samples = recipe.strokes.strokes.get("samples", 16)

    def trained_strokes() -> dict[str, Tensor]:
        with hours.count("strokes"):
            return train_recurrent(
                StrokeSet(drawings, train, samples, recipe.cnn.augmentation),
                StrokeSet(drawings, held_out[:_VALIDATE_ON], samples),
                len(drawings.classes),
                folder / "strokes",
                recipe.strokes,
            ).state_dict()

    strokes = recipe.strokes.make(descriptor_size(samples), len(drawings.classes))
    strokes.load_state_dict(stages["strokes"].tensors(trained_strokes))

    both = Recognizer(cnn, joined(cnn, strokes), drawings.classes, recipe.cnn.preprocessing)
    shares = fit_shares(both, drawings, fit)
    both = Recognizer(
        both.cnn, joined(cnn, strokes, shares), drawings.classes, recipe.cnn.preprocessing, both.device
    )

    def trained_layer() -> dict[str, Tensor]:
        with hours.count("last layer"):
            return train_last_layer(both, drawings, train, recipe.last_layer).state_dict()

    both.recurrent.output.load_state_dict(stages["last_layer"].tensors(trained_layer))
    both.card = _facts(recipe, drawings, len(train), hours.all(), shares, len(fit))
    return publish(
        both,
        folder / f"{NAME}.safetensors",
        drawings,
        held_out,
        None if timed is None else DrawingSet.load(timed),
    )


def _stages(
    folder: Path, recipe: TwoStreamRecipe, drawings: DrawingSet, train: np.ndarray, fit: np.ndarray
) -> dict[str, Stage]:
    """The stages of a folder, with what each follows from."""
    whole = json.loads(json.dumps(asdict(recipe)))
    seen = drawings_trace(drawings, train)
    # Labels and drawings in one: they differ together, where another number of drawings is measured on.
    fitted = digest([json.dumps(drawings_trace(drawings, fit)).encode()])
    return {
        "cnn": Stage(folder / "cnn.safetensors", whole["cnn"], seen),
        "strokes": Stage(
            folder / "strokes.safetensors",
            {**whole["strokes"], "cnn.augmentation": whole["cnn"]["augmentation"]},
            seen,
        ),
        "last_layer": Stage(
            folder / "last_layer.safetensors",
            prefixed(**whole),
            {**seen, "held-out drawings (evaluate_on)": fitted},
        ),
    }


@torch.no_grad()
def joined(
    cnn: SketchResNet, strokes: RecurrentClassifier, shares: tuple[float, float] = (1.0, 1.0)
) -> RecurrentClassifier:
    """One classifier whose scores are shares[0] times those of the CNN plus shares[1] times those of the strokes.

    It reads the CNN's features past the cell, and its last layer is the CNN's and that of the strokes side by side.

    >>> cnn = sw.models.create("sketch_resnet", classes=5)
    >>> strokes = sw.models.RecurrentClassifier(77, 8, 5, strokes={}, image_to="output")
    >>> joined(cnn, strokes).input_size == cnn.feature_size + 77
    True
    """
    image, stroke = shares
    arguments = strokes.arguments | {"input_size": cnn.feature_size + strokes.input_size}
    both = RecurrentClassifier(**arguments)
    tensors = strokes.state_dict()
    tensors["output.weight"] = torch.cat(
        [stroke * strokes.output.weight, image * cnn.fc.weight.to(strokes.output.weight)], 1
    )
    tensors["output.bias"] = stroke * strokes.output.bias + image * cnn.fc.bias.to(strokes.output.bias)
    both.load_state_dict(tensors)
    return both


def fit_shares(
    recognizer: Recognizer, drawings: DrawingSet, indices: np.ndarray, progress: bool = True
) -> tuple[float, float]:
    """How much picture and strokes count: the pair that makes labelled drawings, not trained on, the most probable.

    recognizer : of `joined` with shares 1 and 1. Of each drawing half counts for the whole, half for its prefixes.
    """
    from tqdm.auto import tqdm

    recurrent = recognizer.recurrent
    split = [recurrent.hidden_size, recurrent.image_features]
    weights = recurrent.output.weight.split(split, dim=1)
    scores, lengths = [], []
    sketches = (drawings.strokes(index) for index in indices)
    bar = tqdm(total=len(indices), desc="weighing the streams", unit="drawing", disable=not progress)
    with bar:
        for read, counts in recognizer.readouts(sketches, 64, False):
            parts = zip(read.split(split, dim=1), weights, strict=True)
            scores.append(torch.stack([part @ weight.T for part, weight in parts]).cpu().double())
            lengths.append(counts)
            bar.update(len(counts))
    stroke, image = torch.cat(scores, 1)
    of_image = recognizer.cnn.fc.bias.cpu().double()
    stroke += recurrent.output.bias.cpu().double() - of_image
    image += of_image
    lengths = np.concatenate(lengths)
    label = torch.from_numpy(np.repeat(drawings.label[indices].astype(np.int64), lengths))
    return maximum_likelihood_shares(image, stroke, label, weights_of_steps(lengths, _WHOLE))


def maximum_likelihood_shares(
    image: Tensor, stroke: Tensor, label: Tensor, weight: np.ndarray
) -> tuple[float, float]:
    """The positive pair (a, b) with the smallest cross-entropy of a * image + b * stroke.

    image, stroke : (n, classes) float64. label : (n,). weight : (n,), what each row counts.
    """
    from scipy.optimize import minimize

    rows, counts = torch.arange(len(label)), torch.from_numpy(np.asarray(weight))

    def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
        shares = torch.tensor(logs).exp().requires_grad_()
        chances = (shares[0] * image + shares[1] * stroke).log_softmax(1)[rows, label]
        value = -(counts * chances).sum() / counts.sum()
        (gradient,) = torch.autograd.grad(value, shares)
        return value.item(), (gradient * shares.detach()).numpy()

    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-6, 6)] * 2)
    return tuple(float(share) for share in np.exp(found.x))


def _facts(
    recipe: TwoStreamRecipe,
    drawings: DrawingSet,
    trained_on: int,
    hours: dict[str, float],
    shares: tuple[float, float],
    fitted_on: int,
) -> dict[str, Any]:
    cnn, strokes, last = recipe.cnn, recipe.strokes, recipe.last_layer
    preprocessing = cnn.preprocessing
    return {
        "name": NAME,
        "data": "Google QuickDraw, simplified drawings, CC BY 4.0",
        "classes": len(drawings.classes),
        "training_drawings": trained_on,
        "recipe": json.loads(json.dumps(asdict(recipe))),
        "hours": hours,
        "torch": torch.__version__,
        "stored": "float16",
        "about": (
            "Names a drawing after every stroke from two streams whose scores are added: SketchResNet, a small residual "
            f"network, sees each prefix as a picture of {preprocessing.size} pixels, and a GRU with "
            f"{strokes.hidden_size} units reads the points of each stroke (coordinates beside pixels, as in "
            "Sketch-R2CNN, Li et al., 2018)."
        ),
        "training": [
            f"CNN: {cnn.steps:,} steps of {cnn.batch_size} images ({cnn.steps * cnn.batch_size:,} in all), AdamW, "
            f"learning rate {cnn.learning_rate:g}, constant and in the last {cnn.decay:.0%} falling to 0, weight decay "
            f"{cnn.weight_decay:g}, label smoothing {cnn.label_smoothing:g}, averaged weights "
            f"({cnn.averaging:g}), batch norm folded into the convolutions afterwards; {cnn.augmentation.prefix:.0%} of "
            f"the images show a random prefix, {cnn.augmentation.removal:.0%} have lost strokes, "
            f"{cnn.augmentation.deformation:.0%} are deformed. Seed {cnn.seed}.",
            f"Strokes: all strokes of all training drawings, {strokes.epochs} epochs, changed anew in each; resampled to "
            f"{recipe.strokes.strokes.get('samples', 16)} points; AdamW, peak learning rate "
            f"{strokes.learning_rate:g}, averaged weights ({strokes.averaging:g}). Seed {strokes.seed}.",
            f"Shares of the streams, fitted on {fitted_on:,} drawings kept apart: picture {shares[0]:.2f}, strokes "
            f"{shares[1]:.2f}.",
            f"The last layer of both, trained on alone at every stroke of {min(last.drawings, trained_on):,} training "
            f"drawings: {last.epochs} epochs, AdamW, peak learning rate {last.learning_rate:g}, label smoothing "
            f"{last.label_smoothing:g}, averaged weights ({last.averaging:g}). Seed {last.seed}.",
            f"Preprocessing: every prefix is normalised by its own bounding box, {preprocessing.extent:g} of "
            f"{preprocessing.size} px, pen {preprocessing.stroke_width:g} px; so are the points of a stroke. Nothing "
            "looks ahead.",
            "Time on two CPU cores, in hours: " + ", ".join(f"{k} {v:.2f}" for k, v in hours.items()) + ".",
        ],
    }
