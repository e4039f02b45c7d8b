"""Tables of pictures: which drawings, what is counted, and that they open and draw themselves again."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

import sketchwidgets as sw
from sketchwidgets.models import RecurrentClassifier, SketchResNet
from sketchwidgets.recognition import Preprocessing, Recognizer
from sketchwidgets.studies import (
    MethodComparison,
    NetworkComparison,
    NetworkPlan,
    PicturePlan,
    PictureRow,
    TaughtNetwork,
    method_comparison,
    network_comparison,
)
from sketchwidgets.studies._folder import StudyFolder
from sketchwidgets.studies.pictures import _maps
from sketchwidgets.studies.pictures._encoding import decode, encode
from sketchwidgets.studies.pictures._taught import teach
from sketchwidgets.training import DrawingSet, Fitted, Recipe, Views

CLASSES = ("cat", "dog", "bee")
FRAME = Preprocessing(96, 87.0, 2.0)
PLAN = PicturePlan(shown=1, measured=2)


@pytest.fixture(scope="module")
def drawings():
    """60 scribbles, 20 of them kept apart."""
    rng = np.random.default_rng(5)
    n_strokes = np.full(60, 2)
    return DrawingSet(
        rng.uniform(0, 255, (480, 2)).astype(np.float32),
        None,
        np.full(120, 4),
        n_strokes,
        np.arange(60) % 3,
        np.arange(60, dtype=np.uint64) * 25 + (np.arange(60) % 4 > 0),
        CLASSES,
    )


@pytest.fixture(scope="module")
def recognizer(drawings):
    """Of random weights, whose classes are moved so that it names two classes right."""
    torch.manual_seed(0)
    cnn = SketchResNet(3, widths=(4, 8), blocks=(1, 1), norm=False).eval()
    with torch.no_grad():
        features = torch.cat(
            [as_network(cnn).prepare(sw.Sketch(drawings.strokes(i))) for i in drawings.split()[1]]
        )
        scores = cnn(features)
        last = [m for m in cnn.modules() if isinstance(m, torch.nn.Linear | torch.nn.Conv2d)][-1]
        last.bias.sub_(scores.median(0).values)
    return Recognizer(cnn, RecurrentClassifier(8, 6, 3), CLASSES, FRAME, "cpu")


def as_network(cnn):
    return sw.Network(cnn, size=96, preprocessing=FRAME, classes=CLASSES)


@pytest.fixture(scope="module")
def methods(drawings, recognizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("methods")
    chosen = ("occlusion", "gradient", "guided backprop", "deconvnet", "inversion")
    return folder, method_comparison(
        drawings, folder, PLAN, network=recognizer, methods=chosen, progress=False
    )


def test_the_drawings_are_drawn_by_lot_and_named_right(methods, drawings, recognizer):
    _, result = methods
    ids, named = result.settings["key_ids"], result.settings["classes"]
    assert len(set(named)) == 2
    for key_id, name in zip(ids, named, strict=True):
        index = int(np.flatnonzero(drawings.key_id == int(key_id))[0])
        assert drawings.key_id[index] % 25 == 0
        network = as_network(recognizer.cnn)
        image = network.prepare(sw.Sketch(drawings.strokes(index)))
        assert network.top(image, 1)[0][0][0] == drawings.classes[drawings.label[index]] == name


def test_the_gradient_is_autograds(recognizer):
    """Of an image without equal pixels: where a maximum is not the only one, a projection takes the middle one."""
    network = as_network(recognizer.cnn)
    image = torch.rand(1, 1, 96, 96, generator=torch.Generator().manual_seed(0))
    heat = _maps.class_map(network, image, 1, "gradient")
    image.requires_grad_()
    recognizer.cnn(image)[0, 1].backward()
    torch.testing.assert_close(heat, image.grad[0, 0].abs(), rtol=1e-4, atol=1e-6)


def test_a_row_is_the_map_of_its_drawing(methods, drawings, recognizer):
    _, result = methods
    row, network = result["network, gradient"], as_network(recognizer.cnn)
    index = int(np.flatnonzero(drawings.key_id == int(result.settings["key_ids"][0]))[0])
    image = network.prepare(sw.Sketch(drawings.strokes(index)))
    heat = _maps.class_map(network, image, int(drawings.label[index]), "gradient")
    paper = network.picture(image)[0] / 255
    near = torch.zeros(96, 96, dtype=torch.bool)
    for y, x in np.argwhere(paper < 0.5):
        near[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = True
    assert row.on_ink[0] == pytest.approx(float(heat[near].sum() / heat.sum()), abs=1e-4)
    shown = decode(row.pictures[0]) / 255
    np.testing.assert_allclose(shown, (heat / heat.flatten().quantile(0.995)).clamp(0, 1), atol=0.003)


def test_all_rows_show_themselves_and_open_again(methods, tmp_path):
    folder, result = methods
    assert [row.kind for row in result.rows] == ["drawing", "heat", "heat", "heat", "heat", "picture"]
    again = MethodComparison.open(folder / "result.json")
    assert again.rows == result.rows
    figure = again.figure()
    assert [section.title for section in figure.sections][:2] == ["drawing", "occlusion"]
    for suffix, start in (("png", b"\x89PNG"), ("svg", b"<svg"), ("pdf", b"%PDF")):
        figure.save(tmp_path / f"table.{suffix}")
        assert (tmp_path / f"table.{suffix}").read_bytes().startswith(start)
    assert len(result.orderings()) == 4
    assert len(result.table().splitlines()) == 2 + 4
    json.loads(result.to_json())


def test_what_is_done_stays_done(methods, drawings, recognizer, monkeypatch):
    folder, result = methods
    monkeypatch.setattr(_maps, "class_map", None)
    seen = []

    def stop(row):
        seen.append(row.method)
        return len(seen) < 3

    again = method_comparison(
        drawings,
        folder,
        PLAN,
        network=recognizer,
        methods=("occlusion", "gradient"),
        progress=False,
        callback=stop,
    )
    assert again.rows == result.rows[:3]
    with pytest.raises(ValueError, match="otherwise than this plan asks"):
        method_comparison(drawings, folder, replace(PLAN, seed=1), network=recognizer, progress=False)
    # Others of the same key_ids, as drawings of one's own have that are numbered one after the other.
    others = replace(drawings, points=drawings.points[::-1])
    with pytest.raises(ValueError, match="holds a study of other data"):
        method_comparison(others, folder, PLAN, network=recognizer, progress=False)


def test_networks_stand_beside_themselves_untrained(drawings, recognizer, tmp_path):
    other = as_network(SketchResNet(3, widths=(4,), blocks=(1,), norm=False).eval())
    plan = NetworkPlan(shown=1, measured=2)
    result = network_comparison(
        drawings, tmp_path, plan, networks={"one": recognizer, "two": other}, progress=False
    )
    names = [row.network for row in result.rows]
    assert names == ["one", "one", "SketchResNet", "untrained one"]
    assert len(result["one, guided backprop"].untrained) == 2
    assert not result["untrained one, guided backprop"].untrained
    assert [ordering.sentence for ordering in result.orderings()] == [
        "Training puts the maps of one on the lines."
    ]
    assert NetworkComparison.open(tmp_path / "result.json").rows == result.rows


def test_a_folder_belongs_to_the_weights_of_its_networks(drawings, recognizer, tmp_path):
    """Two networks with other weights look the same: they have one name, and take the same images."""
    one, other = (as_network(with_other_weights(seed)) for seed in (1, 2))
    assert str(one) == str(other)
    plan = NetworkPlan(shown=1, measured=2)

    def compared(network):
        networks = {"first": recognizer, "second": network}
        return network_comparison(drawings, tmp_path, plan, networks=networks, progress=False)

    rows = compared(one).rows
    with pytest.raises(ValueError, match=r"networks\['second'\]: .* holds a study of other weights"):
        compared(other)
    noted = json.loads((tmp_path / "data.json").read_text())
    assert set(noted) == {"data", "networks['first']", "networks['second']"}
    # A folder of a version that noted no weights goes on as it did.
    (tmp_path / "data.json").write_text(json.dumps({"data": noted["data"]}))
    assert compared(one).rows == rows


def test_a_folder_belongs_to_the_weights_of_its_network(methods, drawings, recognizer):
    other = Recognizer(with_other_weights(1), recognizer.recurrent, CLASSES, FRAME, "cpu")
    with pytest.raises(ValueError, match=r"network: .* holds a study of other weights"):
        method_comparison(drawings, methods[0], PLAN, network=other, progress=False)


def with_other_weights(seed):
    with sw.models.seeded(seed):
        return SketchResNet(3, widths=(4, 8), blocks=(1, 1), norm=False).eval()


RECIPE = Recipe(
    epochs=2, batch_size=8, optimizer="adamw", learning_rate=1e-3, views=Views(size=36, test="centre")
)
TAUGHT = NetworkPlan(
    shown=1, measured=2, classes=3, per_class=8, taught=(TaughtNetwork("mine", "lenet", RECIPE, 32),)
)


def test_networks_are_taught_for_the_table(drawings, recognizer, tmp_path):
    result = network_comparison(drawings, tmp_path, TAUGHT, networks={"one": recognizer}, progress=False)
    assert [row.network for row in result.rows] == ["one", "one", "mine", "untrained one", "untrained mine"]
    row = result["mine, guided backprop"]
    # Counted anew, from what lies in the folder.
    fitted = Fitted.load(tmp_path / "networks" / "mine")
    assert fitted.step == fitted.steps == 2 * (24 // 8)
    apart = drawings.split()[1]
    said = fitted.scores((drawings, apart)).argmax(1).numpy()
    assert (row.right, row.total) == (int((said == drawings.label[apart]).sum()), len(apart))
    assert 0 < row.untrained[0] < 1
    assert result["untrained mine, guided backprop"].total is None
    assert result.settings["taught"]["mine"]["recipe"]["epochs"] == 2
    assert result.settings["taught_drawings"] == 24
    assert "top-1 (95 %)" in result.table()
    assert [o.sentence for o in result.orderings()][1:] == ["Training puts the maps of mine on the lines."]
    again = NetworkComparison.open(tmp_path / "result.json")
    assert again.rows == result.rows
    assert "right" in again.figure().sections[1].caption
    (section,) = again.by_drawing(0).sections
    assert [tile.caption.split(":")[0] for tile in section.tiles] == ["drawing", "one", "mine"]
    assert section.tiles[2].description == "mine, guided backprop, drawing 1"
    with pytest.raises(IndexError):
        again.by_drawing(7)
    json.loads(again.to_json())


def test_a_network_that_is_taught_already_is_not_taught_again(drawings, recognizer, tmp_path, monkeypatch):
    first = network_comparison(drawings, tmp_path, TAUGHT, networks={"one": recognizer}, progress=False)
    steps = []
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda *_, **__: steps.append(1))
    again = network_comparison(drawings, tmp_path, TAUGHT, networks={"one": recognizer}, progress=False)
    assert again.rows == first.rows
    assert not steps
    others = replace(drawings, points=drawings.points[::-1])
    with pytest.raises(ValueError, match="holds a study of other data"):
        network_comparison(others, tmp_path, TAUGHT, networks={"one": recognizer}, progress=False)


def test_a_network_of_photographs_is_taught_from_its_weights(drawings, recognizer, tmp_path):
    pytest.importorskip("efficientnet_lite_pytorch")
    recipe = replace(RECIPE, epochs=1, views=Views(size=40, test="centre"))
    plan = replace(
        TAUGHT, taught=(TaughtNetwork("EfficientNet-Lite0, fine-tuned", "efficientnet_lite0", recipe, 32),)
    )
    photographs = sw.Network.efficientnet_lite0()
    named = {"one": recognizer, "EfficientNet-Lite0": photographs}
    result = network_comparison(drawings, tmp_path, plan, networks=named, progress=False)
    assert [row.network for row in result.rows][2:] == [
        "EfficientNet-Lite0",
        "EfficientNet-Lite0, fine-tuned",
        "untrained one",
    ]
    assert "which knew photographs" in result.orderings()[1].sentence
    # As it learned them: (x - 127) / 128 of 0..255, paper bright.
    module = teach(plan.taught[0], drawings, plan, StudyFolder(tmp_path), False).network
    assert float(module.prepare(np.full((40, 40), 255, np.uint8)).max()) == pytest.approx(1.0)
    start = photographs.module.state_dict()["_conv_stem.weight"]
    moved = module.module.state_dict()["_conv_stem.weight"] - start
    assert 0 < float(moved.norm() / start.norm()) < 0.5


def test_wrong_plans_of_networks_are_refused(drawings, recognizer, tmp_path):
    with pytest.raises(ValueError, match="two networks called 'mine'"):
        replace(TAUGHT, taught=TAUGHT.taught * 2)
    with pytest.raises(ValueError, match="classes"):
        NetworkPlan(shown=1, measured=2, classes=1)
    with pytest.raises(ValueError, match="wants 9 classes, and data has 3"):
        network_comparison(drawings, tmp_path, replace(TAUGHT, classes=9), networks={"one": recognizer})
    with pytest.raises(ValueError, match="both have one called 'mine'"):
        network_comparison(drawings, tmp_path, TAUGHT, networks={"mine": recognizer})
    text = encode(np.zeros((2, 2), np.uint8))
    with pytest.raises(ValueError, match="right 3 times of 2"):
        PictureRow("n", "m", "picture", (text,), right=3, total=2)


def test_correlation_is_spearmans_near_ink():
    rng = np.random.default_rng(0)
    first, second = (torch.from_numpy(rng.integers(0, 9, (6, 6)).astype(np.float32)) for _ in range(2))
    near = torch.from_numpy(rng.random((6, 6)) < 0.7)
    oracle = stats.spearmanr(first[near], second[near]).statistic
    assert _maps.correlation(first, second, near) == pytest.approx(oracle)
    assert _maps.correlation(first, torch.ones(6, 6), near) == 0
    assert _maps.ink_share(torch.zeros(6, 6), near) == 0


@pytest.mark.parametrize("text", ["", "%%", "AAAA", encode(np.zeros((2, 3), np.uint8))[:-4]])
def test_text_that_is_no_picture_is_refused(text):
    with pytest.raises(ValueError, match="not a picture"):
        decode(text)


def test_a_bomb_is_not_unpacked():
    import base64
    import zlib

    bomb = base64.b64encode(bytes((2, 2)) + zlib.compress(bytes(5_000_000), 9)).decode()
    with pytest.raises(ValueError, match="not a picture"):
        decode(bomb)


def test_rows_that_do_not_fit_are_refused():
    text = encode(np.zeros((2, 2), np.uint8))
    with pytest.raises(ValueError, match="has 1 pictures, 0 drawings under"):
        PictureRow("n", "m", "heat", (text,))
    rows = (PictureRow("n", "a", "picture", (text,)), PictureRow("n", "b", "picture", (text, text)))
    with pytest.raises(ValueError, match="different numbers of drawings"):
        MethodComparison(rows)


def test_wrong_arguments_are_named(drawings, recognizer, tmp_path):
    with pytest.raises(ValueError, match=r"methods must be of .* not 'magic'"):
        method_comparison(drawings, tmp_path, PLAN, network=recognizer, methods=("magic",))
    with pytest.raises(ValueError, match="names drawings of only"):
        method_comparison(drawings, tmp_path, PicturePlan(1, 4), network=recognizer, progress=False)
    with pytest.raises(ValueError, match="does not know"):
        method_comparison(
            replace(drawings, classes=("cat", "dog", "owl")),
            tmp_path,
            PLAN,
            network=recognizer,
            progress=False,
        )


@pytest.mark.parametrize("kind", [MethodComparison, NetworkComparison])
def test_what_was_measured_is_there(kind):
    result = kind.measured()
    assert result.settings["scale"] == "small"
    assert len(result.settings["key_ids"]) == result.settings["measured_drawings"]
    assert {ordering.holds for ordering in result.orderings()} <= {"yes", "undecided", "no"}
    assert len(result.figure().sections) == len(result.rows)
