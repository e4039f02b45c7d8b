"""The study of online recognisers: what it measures, that it goes on where it was cut off, and how it shows itself."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from sketchwidgets.models import RecurrentClassifier, SketchResNet
from sketchwidgets.recognition import Preprocessing, Recognizer
from sketchwidgets.studies import (
    Member,
    OnlinePlan,
    OnlineRecognition,
    StudyCNN,
    online_recognition,
)
from sketchwidgets.studies.online._cnn import ReadyCNN
from sketchwidgets.training import DrawingSet
from sketchwidgets.training.evaluation.evaluate import SHARES, evaluate
from sketchwidgets.training.inputs.images import Augmentation
from sketchwidgets.training.recognizers.cnn import CNNRecipe
from sketchwidgets.training.recognizers.recurrent import RecurrentRecipe

CLASSES = ("cat", "dog", "bee")
PREPROCESSING = Preprocessing(96, 87.0, 2.0)
TINY = RecurrentRecipe(hidden_size=6, epochs=2, batch_size=16, weighting="linear")


@pytest.fixture(scope="module")
def drawings():
    """75 scribbles of three kinds, one to five strokes each; a third is kept apart."""
    rng = np.random.default_rng(5)
    n_strokes = rng.integers(1, 6, 75)
    stroke_len = rng.integers(2, 9, n_strokes.sum())
    return DrawingSet(
        rng.uniform(0, 255, (stroke_len.sum(), 2)).astype(np.float32),
        None,
        stroke_len,
        n_strokes,
        np.arange(75) // 3 % 3,
        np.arange(75, dtype=np.uint64) * 25 + (np.arange(75) % 3 > 0),
        CLASSES,
    )


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory):
    torch.manual_seed(0)
    cnn = SketchResNet(3, widths=(4, 8), blocks=(1, 1), norm=False)
    path = tmp_path_factory.mktemp("recognizer") / "tiny.safetensors"
    Recognizer(cnn, RecurrentClassifier(8, 6, 3), CLASSES, PREPROCESSING, "cpu").save(path, dtype="float32")
    return path


@pytest.fixture(scope="module")
def plan(recognizer):
    trained = CNNRecipe(
        steps=4,
        batch_size=4,
        warmup=1,
        network="sketch_resnet",
        arguments={"widths": [4], "blocks": [1]},
        preprocessing=Preprocessing(32, 29.0, 1.0),
        averaging=0.9,
    )
    members = (
        Member("given", TINY),
        Member("given"),
        Member("trained"),
        Member("trained", replace(TINY, cell="lstm", weighting="last")),
    )
    return OnlinePlan(
        (StudyCNN("given", str(recognizer), Augmentation(shift=1.0)), StudyCNN("trained", trained)),
        members,
        drawings=30,
        held_out=20,
    )


@pytest.fixture(scope="module")
def whole(drawings, plan, tmp_path_factory):
    return online_recognition(drawings, tmp_path_factory.mktemp("whole"), plan, progress=False)


def measured(drawings):
    """The twenty that the plan picks of those kept apart, of all classes."""
    return np.random.default_rng([0, 1]).permutation(drawings.split()[1])[:20]


def untimed(result):
    return [replace(row, milliseconds=(0.0, 0.0)) for row in result.rows]


def test_it_has_a_row_for_each_member(whole, plan):
    assert [row.name for row in whole.rows] == [member.name for member in plan.members]
    assert {row.total for row in whole.rows} == {20}
    alone, recurrent = whole["trained alone"], whole["trained + LSTM 6, last"]
    assert alone.parameters == (
        sum(p.numel() for p in SketchResNet(3, widths=(4,), blocks=(1,), norm=False).parameters()),
        0,
    )
    assert recurrent.parameters == (
        alone.parameters[0] - 4 * 3 - 3,
        sum(p.numel() for p in RecurrentClassifier(4, 6, 3, "lstm").parameters()),
    )
    assert whole.settings["measured_drawings"] == 20
    assert whole.settings["training_drawings"] == 30
    assert set(whole.settings["cpu_seconds"]) >= {
        "trained: training",
        "given: features",
        "given + GRU 6, linear",
    }


def test_milliseconds_say_of_which_device_they_are(whole, drawings, plan, tmp_path):
    device = ReadyCNN(plan.cnns[1], SketchResNet(3, widths=(4,), blocks=(1,)), PREPROCESSING).device.type
    assert {row.device for row in whole.rows} == {device}
    one = replace(plan, members=plan.members[1:2])
    (row,) = online_recognition(drawings, tmp_path, one, progress=False).rows
    file = tmp_path / "given" / "milliseconds.json"
    assert json.loads(file.read_text()) == {device: row.milliseconds[0]}
    # Another device is measured anew; a number alone is of a version that had but one.
    for noted, kept in (({"other": 9e9}, False), (9e9, True)):
        shutil.rmtree(tmp_path / "rows")
        file.write_text(json.dumps(noted))
        (row,) = online_recognition(drawings, tmp_path, one, progress=False).rows
        assert (row.milliseconds[0] == 9e9) is kept


def test_a_cnn_alone_is_measured_as_it_sees_the_canvas(whole, drawings, recognizer):
    cnn = Recognizer.load(recognizer, "cpu").cnn
    held_out = measured(drawings)
    right, top5, last = np.zeros(10, int), 0, []
    for index in held_out:
        canvas, best = PREPROCESSING.canvas(), []
        for stroke in drawings.strokes(index):
            canvas.add(stroke)
            with torch.inference_mode():
                best.append(int(cnn(canvas.image).argmax()) == drawings.label[index])
        right += [best[int(np.ceil(share * len(best) / 100 - 1e-9)) - 1] for share in SHARES]
        top5 += 1  # of three classes
        last.append(best[-1])
    row = whole["given alone"]
    # The study computes in bfloat16, and an image may lie on the edge between two classes.
    assert np.abs(np.array(row.right) - right).max() <= 2
    assert (row.named.each != last).sum() <= 2
    assert row.top5 == top5


def test_a_recurrent_row_is_what_evaluate_says_of_the_recogniser(drawings, plan, recognizer, tmp_path):
    """Measured by other code: stroke by stroke through a Recognizer made of the same parts."""
    one = replace(plan, members=plan.members[:1])
    row = online_recognition(drawings, tmp_path, one, progress=False).rows[0]
    from sketchwidgets.training.checkpoints import read_checkpoint

    state = read_checkpoint(tmp_path / "members" / "given-gru-6-linear" / "last.ckpt")["state_dict"]
    network = RecurrentClassifier(8, 6, 3)
    network.load_state_dict({name.removeprefix("network."): tensor for name, tensor in state.items()})
    cnn = Recognizer.load(recognizer, "cpu").cnn
    made = Recognizer(cnn, network, CLASSES, PREPROCESSING, "cpu")
    held_out = measured(drawings)
    found = evaluate(made, drawings, held_out, progress=False)
    assert np.abs(row.by_share - list(found.by_share.values())).max() <= 0.1
    labels = drawings.label[held_out]
    last = np.array([made.recognize(drawings.strokes(i))[-1].probabilities.argmax() for i in held_out])
    each = [(last[labels == label] == label).mean() for label in range(3)]
    assert row.average_accuracy == pytest.approx(np.mean(each), abs=0.15)
    assert (row.named.each != (last == labels)).sum() <= 2


def test_a_study_that_is_cut_off_again_and_again_ends_with_the_same_rows(
    whole, drawings, plan, tmp_path, monkeypatch
):
    from sketchwidgets.training.inputs import images

    rasterize, left = images.rasterize_polylines, 0

    def breaking(*arguments):
        nonlocal left
        left -= 1
        if left < 0:
            raise RuntimeError("the power went out")
        return rasterize(*arguments)

    monkeypatch.setattr(images, "rasterize_polylines", breaking)
    seen: list[str] = []

    def cut(row):
        seen.append(row.name)
        if seen == ["given + GRU 6, linear"]:
            raise RuntimeError("the power went out")

    result, runs = None, 0
    while result is None:
        left, runs = 5, runs + 1  # images of a step, of the next, and of two validations among them
        assert runs < 20
        try:
            result = online_recognition(drawings, tmp_path, plan, every=1, progress=False, callback=cut)
        except RuntimeError as error:
            assert "power" in str(error)  # noqa: PT017
    assert runs >= 3
    assert untimed(result) == untimed(whole)
    # All there: nothing is computed, and no more members than are asked for are trained.
    left = 0
    again = online_recognition(drawings, tmp_path, plan, progress=False)
    assert again.rows == result.rows
    assert OnlineRecognition.open(tmp_path / "result.json").rows == result.rows


def test_a_callback_ends_it_with_the_rows_so_far(drawings, plan, tmp_path):
    result = online_recognition(drawings, tmp_path, plan, progress=False, callback=lambda row: False)
    assert [row.name for row in result.rows] == ["given + GRU 6, linear"]


def test_a_folder_of_another_study_is_refused(drawings, plan, tmp_path):
    one = replace(plan, members=plan.members[1:2])
    online_recognition(drawings, tmp_path, one, progress=False)
    with pytest.raises(ValueError, match="otherwise than this plan asks"):
        online_recognition(drawings, tmp_path, replace(one, held_out=10), progress=False)
    with pytest.raises(ValueError, match="'small', 'full' or an OnlinePlan"):
        online_recognition(drawings, tmp_path, "medium")


def test_a_folder_belongs_to_the_weights_of_its_cnns(drawings, plan, recognizer, tmp_path):
    """Not to the path alone: another recogniser may be written there."""
    path = tmp_path / "mine.safetensors"
    shutil.copyfile(recognizer, path)
    one = replace(plan, cnns=(StudyCNN("given", str(path)),), members=plan.members[1:2])
    rows = online_recognition(drawings, tmp_path / "study", one, progress=False).rows
    assert online_recognition(drawings, tmp_path / "study", one, progress=False).rows == rows
    other = Recognizer.load(path, device="cpu")
    with torch.no_grad():
        next(other.cnn.parameters()).mul_(2)
    other.save(path, dtype="float32")
    with pytest.raises(ValueError, match=r"CNN 'given': .* holds a study of other weights"):
        online_recognition(drawings, tmp_path / "study", one, progress=False)


def test_a_recogniser_of_other_classes_is_refused(drawings, plan, tmp_path):
    other = replace(drawings, classes=("cat", "dog", "owl"))
    with pytest.raises(ValueError, match=r"given: .* does not know the same classes"):
        online_recognition(other, tmp_path, plan, progress=False)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"members": (Member("none"),)}, "reads 'none'"),
        ({"members": (Member("given"), Member("given"))}, "two members called"),
        ({"members": ()}, "no members"),
        ({"drawings": 0}, "drawings must be at least 1"),
    ],
)
def test_a_plan_that_is_none_is_refused(plan, changes, match):
    with pytest.raises(ValueError, match=match):
        replace(plan, **changes)


def test_the_plans_vary_what_the_paper_does():
    for plan in (OnlinePlan.small(), OnlinePlan.full(seed=3)):
        recipes = [member.recurrent for member in plan.members if member.recurrent]
        assert {cnn.name for cnn in plan.cnns} == {
            member.cnn for member in plan.members if not member.recurrent
        }
        assert {recipe.cell for recipe in recipes} == {"gru", "lstm"}
        assert {recipe.weighting for recipe in recipes} == {"uniform", "linear", "exponential", "last"}
        assert {512, 1024, 2048} <= {recipe.hidden_size for recipe in recipes}
        assert {recipe.seed for recipe in recipes} == {plan.seed}
    assert len(OnlinePlan.full().members) == 2 + 2 * 2 * 4 * 4


def test_another_seed_trains_another_recurrent_part(drawings, plan, whole, tmp_path):
    again = replace(plan, members=(replace(plan.members[0], another_seed=True),))
    row = online_recognition(drawings, tmp_path, again, progress=False).rows[0]
    assert row.another_seed
    recipe = replace(TINY, seed=1)
    direct = online_recognition(
        drawings, tmp_path / "direct", replace(plan, members=(Member("given", recipe),)), progress=False
    ).rows[0]
    assert (row.right, row.named) == (direct.right, direct.named)
    assert again.members[0].slug == "given-gru-6-linear-another-seed"
    with pytest.raises(ValueError, match="another_seed needs a recurrent part"):
        Member("given", another_seed=True)


def test_the_command_says_what_is_wrong(tmp_path):
    from sketchwidgets.cli import app

    for arguments, message in (
        ([str(tmp_path / "none.npz")], "there is no file of drawings"),
        ([str(tmp_path), "--scale", "huge"], "--scale must be small or full"),
    ):
        done = CliRunner().invoke(
            app, ["study", "online-recognition", *arguments, "--out", str(tmp_path / "out")]
        )
        assert done.exit_code == 1
        assert message in done.output
