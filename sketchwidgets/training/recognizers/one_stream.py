"""The whole recipe of the bundled recogniser with Sketch-a-Net: CNN, cached features, recurrent part, weights, card."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch

from sketchwidgets.models import SketchANet
from sketchwidgets.recognition import Recognizer
from sketchwidgets.training.checkpoints import CheckpointError
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.training.inputs.features import cache_features
from sketchwidgets.training.inputs.images import PrefixBatches
from sketchwidgets.training.recognizers._stages import Stage
from sketchwidgets.training.recognizers._traces import drawings_trace
from sketchwidgets.training.recognizers.batch_norm import fast_features
from sketchwidgets.training.recognizers.cnn import CNNRecipe, train_cnn
from sketchwidgets.training.recognizers.first_layer import shrink_unexcited
from sketchwidgets.training.recognizers.hours import Hours
from sketchwidgets.training.recognizers.publish import publish
from sketchwidgets.training.recognizers.recurrent import RecurrentRecipe, train_recurrent

NAME = "sketch-a-net-quickdraw345"
# fc6 holds three quarters of the parameters of Sketch-a-Net; stored as int8 it keeps the file well under 20 MB.
INT8_ABOVE = 1_000_000
FEATURES = ("features", "features-held-out")
SHRINK = 0.003
# A million patches in all; a batch of 8 is 70 MB of them.
_SHRINK_BATCHES, _SHRINK_BATCH_SIZE = 32, 8


@dataclass(frozen=True)
class RecognizerRecipe:
    """The recipes of both parts.

    drawings : how many training drawings (all their prefixes) the recurrent part sees, None for all of them.
    shrink : strength of `shrink_unexcited` on the first filters once they are trained, 0 to leave them.
    """

    cnn: CNNRecipe = field(default_factory=CNNRecipe)
    recurrent: RecurrentRecipe = field(default_factory=RecurrentRecipe)
    drawings: int | None = 40_000
    shrink: float = SHRINK


def train_recognizer(
    data: str | Path,
    folder: str | Path,
    timed: str | Path | None = None,
    recipe: RecognizerRecipe | None = None,
    evaluate_on: int | None = None,
) -> Recognizer:
    """Train both parts, calibrate, measure, write `folder`/sketch-a-net-quickdraw345.safetensors and its model card, .md.

    Every stage leaves its result in `folder`, and a run that was cut off goes on from there. The calibration is fitted
    on one half of the held-out drawings and reported on the other: see `publish`. Raises CheckpointError (a ValueError)
    where `folder` has a CNN of another recipe or of other drawings, before anything is trained.

    data : an .npz of labelled drawings, see `DrawingSet.load`. timed : one with raw drawings, for measurement only.
    evaluate_on : how many held-out drawings to calibrate and measure on, None for all.
    """
    recipe, folder = recipe or RecognizerRecipe(), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    drawings = DrawingSet.load(data)
    train, held_out = drawings.split()
    if not len(train) or not len(held_out):
        raise ValueError(f"{data}: {len(drawings)} drawings are too few to keep some apart for measurement")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    hours = Hours(folder / "hours.json")

    made_by = {**recipe.cnn.to_dict(), "shrink": recipe.shrink}
    stage = Stage(folder / "cnn.safetensors", made_by, drawings_trace(drawings, train))

    def trained() -> dict[str, torch.Tensor]:
        for name in FEATURES:
            if (folder / name).exists():
                raise CheckpointError(
                    f"{folder / name} are features of a CNN that is no longer there. Give another folder, or remove "
                    f"{' and '.join(FEATURES)}"
                )
        with hours.count("cnn"):
            cnn = train_cnn(data, folder / "cnn", recipe.cnn)
            shrink_first_layer(cnn, drawings, train, recipe)
        return cnn.state_dict()

    cnn = SketchANet(len(drawings.classes))
    cnn.load_state_dict(stage.tensors(trained))
    cnn = cnn.to(device, memory_format=torch.channels_last).eval()

    def features(images: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            return fast_features(cnn, images).float()

    chosen = np.random.default_rng(recipe.recurrent.seed).permutation(train)[: recipe.drawings]
    preprocessing = recipe.cnn.preprocessing
    with hours.count("features"):
        seen = cache_features(
            features,
            drawings,
            chosen,
            folder / FEATURES[0],
            preprocessing,
            recipe.cnn.augmentation,
            device=device,
        )
        unseen = cache_features(
            features, drawings, held_out[:2000], folder / FEATURES[1], preprocessing, device=device
        )
    with hours.count("recurrent"):
        recurrent = train_recurrent(
            seen, unseen, len(drawings.classes), folder / "recurrent", recipe.recurrent
        )

    facts = {
        "name": NAME,
        "data": "Google QuickDraw, simplified drawings, CC BY 4.0",
        "classes": len(drawings.classes),
        "training_drawings": len(train),
        "recipe": json.loads(json.dumps(asdict(recipe))),
        "hours": hours.all(),
        "torch": torch.__version__,
    }
    path = folder / f"{NAME}.safetensors"
    plain = SketchANet(len(drawings.classes))
    plain.load_state_dict({name: value.cpu() for name, value in cnn.state_dict().items()})
    made = Recognizer(plain, recurrent.cpu(), drawings.classes, preprocessing, device="cpu", card=facts)
    return publish(
        made,
        path,
        drawings,
        held_out[:evaluate_on],
        None if timed is None else DrawingSet.load(timed),
        int8_above=INT8_ABOVE,
    )


def shrink_first_layer(
    cnn: SketchANet, drawings: DrawingSet, train: np.ndarray, recipe: RecognizerRecipe
) -> None:
    """`shrink_unexcited` on conv1, with training images of the recipe."""
    if recipe.shrink:
        batches = PrefixBatches(
            drawings,
            train,
            recipe.cnn.preprocessing,
            recipe.cnn.augmentation,
            _SHRINK_BATCH_SIZE,
            _SHRINK_BATCHES,
        )
        shrink_unexcited(cnn.conv1, (images for images, _ in batches), recipe.shrink)
