"""The CNN of the recogniser: a run that breaks off goes on at the very batch, with the same random numbers."""

from dataclasses import replace

import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torch.nn import functional as F

from sketchwidgets.models import SketchResNet
from sketchwidgets.recognition import Preprocessing
from sketchwidgets.training import DrawingSet
from sketchwidgets.training.checkpoints import CheckpointError, read_checkpoint
from sketchwidgets.training.inputs.images import PrefixBatches
from sketchwidgets.training.recognizers import cnn
from sketchwidgets.training.recognizers.cnn import CNNRecipe, train_cnn

pytestmark = pytest.mark.filterwarnings("ignore:::lightning", "ignore:::torch", "ignore:.*LeafSpec")

SMALL = CNNRecipe(
    steps=7,
    batch_size=4,
    warmup=2,
    weight_decay=0.05,
    dropout=0.3,
    network="sketch_resnet",
    arguments={"widths": [4, 8], "blocks": [1, 1]},
    preprocessing=Preprocessing(size=32, extent=29.0, stroke_width=1.0),
    schedule="constant",
    decay=0.4,
    decay_all=False,
    clip=5.0,
    averaging=0.9,
)


class Break(Callback):
    """Fails at a step."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == self.step:
            raise RuntimeError("the power went out")


def assert_same(one, other):
    for name, tensor in one.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name


@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param(
            CNNRecipe(steps=7, batch_size=2, warmup=2, dropout=0.3), marks=pytest.mark.slow, id="Sketch-a-Net"
        ),
        pytest.param(SMALL, id="averaged"),
    ],
)
def test_a_run_that_breaks_off_ends_with_the_same_weights(recipe, drawings_file, tmp_path):
    whole = train_cnn(drawings_file, tmp_path / "whole", recipe, every=2)
    with pytest.raises(RuntimeError, match="power"):
        train_cnn(drawings_file, tmp_path / "broken", recipe, every=2, callbacks=[Break(5)])
    assert read_checkpoint(tmp_path / "broken" / "state.safetensors")["global_step"] == 4
    assert_same(whole, train_cnn(drawings_file, tmp_path / "broken", recipe, every=2))


def test_a_run_that_has_ended_is_given_more_steps(drawings_file, tmp_path):
    # Its state every 4 steps: the one that it goes on from, before step 5, is not among them.
    longer = replace(SMALL, steps=12)
    train_cnn(drawings_file, tmp_path / "extended", SMALL, every=4)
    extended = train_cnn(drawings_file, tmp_path / "extended", longer, every=4)
    assert_same(train_cnn(drawings_file, tmp_path / "whole", longer, every=4), extended)


def test_another_recipe_in_the_folder_of_a_training_is_refused(drawings_file, tmp_path):
    falling = replace(SMALL, steps=3, schedule="cosine")
    train_cnn(drawings_file, tmp_path, falling, every=2)
    with pytest.raises(ValueError, match="learning rate depends on"):
        train_cnn(drawings_file, tmp_path, replace(falling, steps=6), every=2)
    with pytest.raises(ValueError, match=r"weight_decay=0.05, and the recipe has 0.1"):
        train_cnn(drawings_file, tmp_path, replace(falling, weight_decay=0.1), every=2)


class Draws(Callback):
    """Draws random numbers of its own."""

    def on_train_batch_start(self, *_):
        torch.rand(3)


def test_what_a_step_drops_follows_from_the_seed_and_its_number(drawings_file, tmp_path):
    """So it does on a GPU, whose generator is in no state."""
    plain = train_cnn(drawings_file, tmp_path / "plain", SMALL)
    assert_same(plain, train_cnn(drawings_file, tmp_path / "drawn", SMALL, callbacks=[Draws()]))
    reseeded = train_cnn(drawings_file, tmp_path / "reseeded", replace(SMALL, seed=1))
    assert not torch.equal(plain.fc.weight, reseeded.fc.weight)


def test_it_takes_one_device(drawings_file, tmp_path, monkeypatch):
    class Made(Exception):
        pass

    def trainer(**arguments):
        raise Made(arguments["devices"])

    monkeypatch.setattr(cnn.L, "Trainer", trainer)
    with pytest.raises(Made, match=r"^1$"):
        train_cnn(drawings_file, tmp_path, SMALL)


@pytest.mark.parametrize("left", ["state.safetensors", "before-decay.safetensors"])
def test_other_drawings_in_the_folder_of_a_training_are_refused(left, drawings, tmp_path):
    recipe = replace(SMALL, steps=3)
    train_cnn(drawings, tmp_path, recipe, every=2)
    ({*tmp_path.glob("*.safetensors")} - {tmp_path / left}).pop().unlink()
    for other, what in (
        (replace(drawings, points=drawings.points[::-1]), "drawings"),
        (replace(drawings, label=drawings.label[::-1]), "labels"),
        (replace(drawings, classes=drawings.classes[::-1]), "classes"),
    ):
        with pytest.raises(
            CheckpointError, match=rf"another training, with other {what}\. Give another folder"
        ):
            train_cnn(other, tmp_path, recipe)
    train_cnn(drawings, tmp_path, recipe)


def test_what_was_thrown_away_stays_so(drawings_file, tmp_path):
    slower = replace(SMALL, learning_rate=1e-4)
    train_cnn(drawings_file, tmp_path / "again", slower, every=2)
    with pytest.raises(RuntimeError, match="power"):  # before there is a state of its own
        train_cnn(drawings_file, tmp_path / "again", SMALL, resume=False, every=9, callbacks=[Break(1)])
    assert not list((tmp_path / "again").glob("*.safetensors"))
    whole = train_cnn(drawings_file, tmp_path / "whole", SMALL, every=2)
    assert_same(whole, train_cnn(drawings_file, tmp_path / "again", SMALL, every=2))


def test_it_is_the_loop_that_one_would_write_by_hand(drawings_file, tmp_path):
    """Warm-up, constant rate and decay, weight decay of matrices only, clipping, averaging: in plain torch."""
    recipe = replace(SMALL, clip=0.5, dropout=0.0)
    trained = train_cnn(drawings_file, tmp_path, recipe, every=100)

    drawings = DrawingSet.load(drawings_file)
    batches = PrefixBatches(
        drawings,
        drawings.split()[0],
        recipe.preprocessing,
        recipe.augmentation,
        recipe.batch_size,
        recipe.steps,
    )
    torch.manual_seed(recipe.seed)
    network = SketchResNet(len(drawings.classes), dropout=0.0, **recipe.arguments)
    network = network.to(memory_format=torch.channels_last)
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), fused=True)
    average = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for step, rate in enumerate([0.5, 1, 1, 1, 1, 2 / 2.8, 1 / 2.8]):
        images, labels = batches.batch(step)
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * rate
        with torch.autocast("cpu", torch.bfloat16):
            scores = network(images)
        loss = F.cross_entropy(scores.float(), labels, label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        assert (
            torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5) > 0.5
        )  # so that it has something to do
        optimizer.step()
        stays = min(0.9, (step + 1) / (step + 10))
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                average[name] = stays * average[name] + (1 - stays) * tensor.detach()
    network.load_state_dict(average)
    expected = network.fold().eval()
    for name, tensor in expected.state_dict().items():
        torch.testing.assert_close(trained.state_dict()[name], tensor, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schedule", "step"), ("decay", 1.5), ("decay", "a"), ("averaging", 1.0), ("clip", 0.0), ("steps", "many"),
        ("learning_rate", float("nan")), ("channels", "colour"), ("arguments", {"classes": 3}),
    ],
)  # fmt: skip
def test_a_recipe_says_what_is_wrong_with_it(field, value):
    with pytest.raises(ValueError, match=field if field != "arguments" else "classes"):
        CNNRecipe(**{field: value})
