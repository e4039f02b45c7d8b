"""Views, groups of parameters, filters, recipes, batches of several processes: against what the papers print."""

import numpy as np
import pytest
import torch
from fit_run import pictures
from scipy import ndimage
from torch import nn

import sketchwidgets as sw
from sketchwidgets.training import Recipe, Views, read_history, renormalize_filters
from sketchwidgets.training.fitting._batches import Batches, TestBatches
from sketchwidgets.training.fitting._groups import initialise, parameter_groups
from sketchwidgets.training.fitting._pictures import as_pictures


def test_views_are_parts_of_the_picture():
    size, side = 20, 16
    picture = torch.arange(size * size, dtype=torch.float32).view(1, 1, size, size) / size**2
    parts = {
        tuple(view.flatten().tolist())
        for t in range(5)
        for s in range(5)
        for part in [picture[0, 0, t : t + side, s : s + side]]
        for view in (part, part.flip(-1))
    }
    rng = np.random.default_rng(0)
    found = Views(size=size, crops="random").random(picture.expand(300, -1, -1, -1), side, rng)
    seen = {tuple(view.flatten().tolist()) for view in found}
    assert seen <= parts
    assert len(seen) == 50
    ten = Views(size=size, crops="ten").random(picture.expand(100, -1, -1, -1), side, rng)
    every = Views(size=size).every(picture, side)[0]
    wanted = {tuple(view.flatten().tolist()) for view in every}
    assert len(wanted) == 10
    assert {tuple(view.flatten().tolist()) for view in ten} == wanted
    centre = Views(size=size, span=255.0).centre(picture, side, torch.ones(1, size, size))
    torch.testing.assert_close(centre, picture[..., 2:18, 2:18] * 255 - 1)


def test_turning_is_that_of_scipy():
    picture = np.random.default_rng(0).random((24, 24)).astype(np.float32)
    smooth = ndimage.gaussian_filter(picture, 2)
    views = Views(size=24, mirror=0.0, rotation=5, rotated=1.0)
    generator = np.random.default_rng(3)
    generator.random(1)
    angle = int(generator.integers(-5, 5, 1, endpoint=True)[0])
    assert angle
    found = views.random(torch.from_numpy(smooth)[None, None], 24, np.random.default_rng(3))[0, 0]
    expected = ndimage.rotate(smooth, angle, reshape=False, order=1)
    np.testing.assert_allclose(found[4:-4, 4:-4], expected[4:-4, 4:-4], atol=2e-3)


def test_a_batch_is_the_same_for_any_number_of_processes():
    recipe = Recipe(epochs=2, batch_size=39, views=Views(size=20, rotation=9, rotated=0.6))
    source = as_pictures(pictures())
    whole = Batches(source, recipe, 16, 1)
    for step in (0, 1):
        images, labels, weight = whole[step]
        assert images.shape == (39, 1, 16, 16)
        assert weight == 1.0
        parts = [Batches(source, recipe, 16, 1, rank=rank, processes=4)[step] for rank in range(4)]
        assert torch.equal(torch.cat([part[0] for part in parts]), images)
        assert torch.equal(torch.cat([part[1] for part in parts]), labels)
        assert sum(part[2] * 1 for part in parts) / 4 == pytest.approx(1.0)
    assert not torch.equal(whole[0][0], whole[1][0])
    assert len(whole) == 2
    tests = [TestBatches(source, recipe, 16, 1, rank=rank, processes=2) for rank in range(2)]
    assert torch.cat([labels for part in tests for _, labels in part]).tolist() == source.labels.tolist()
    with pytest.raises(ValueError, match="cannot be shared by 40"):
        Batches(source, recipe, 16, 1, rank=0, processes=40)


def test_an_epoch_sees_every_picture_once():
    recipe = Recipe(epochs=2, batch_size=12, views=Views(size=None, mirror=0.0))
    images = np.repeat(np.arange(60, dtype=np.uint8), 16).reshape(60, 4, 4)
    batches = Batches(as_pictures((images, np.arange(60))), recipe, 4, 1)
    for epoch in (0, 1):
        labels = torch.cat([batches[5 * epoch + k][1] for k in range(5)])
        assert sorted(labels.tolist()) == list(range(60))
    for shown, label in zip(*batches[3][:2], strict=True):
        assert float(255 * (1 - shown[0, 0, 0])) == pytest.approx(int(label), abs=1e-4)


def test_layers_learn_at_their_own_rates():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 3), nn.Flatten(), nn.Linear(8, 2)
    )
    recipe = Recipe(learning_rate=1.0, weight_decay=0.1, bias_rate=2.0, head_rate=10.0, depth_decay=0.5)
    rates = {
        id(p): (g["highest"], g["weight_decay"]) for g in parameter_groups(net, recipe) for p in g["params"]
    }
    assert rates[id(net[4].weight)] == (10.0, 0.1)
    assert rates[id(net[4].bias)] == (20.0, 0.0)
    assert rates[id(net[2].weight)] == (0.5, 0.1)
    assert rates[id(net[2].bias)] == (1.0, 0.0)
    assert rates[id(net[0].weight)][0] < rates[id(net[2].weight)][0]
    assert rates[id(net[1].weight)][1] == 0.0
    only_last = parameter_groups(net, Recipe(depth_decay=0.0))
    assert {id(p) for g in only_last for p in g["params"]} == {id(p) for p in net[4].parameters()}
    with pytest.raises(ValueError, match="no parameter"):
        parameter_groups(net, Recipe(depth_decay=0.0, head_rate=0.0))


def test_filters_are_renormalized_by_hand():
    conv = nn.Conv2d(2, 3, 5)
    with torch.no_grad():
        conv.weight[0] *= 100
        conv.weight[1] *= 1e-3
    before, bias = conv.weight.detach().clone(), conv.bias.detach().clone()
    expected = before.clone()
    for k in range(3):
        rms = before[k].double().square().mean().sqrt()
        if rms > 0.1:
            expected[k] = (before[k].double() * 0.1 / rms).float()
    assert renormalize_filters(nn.Sequential(conv), 0.1) == int(
        (before.square().mean((1, 2, 3)).sqrt() > 0.1).sum()
    )
    torch.testing.assert_close(conv.weight.detach(), expected)
    assert torch.equal(conv.weight[1], before[1])
    assert torch.equal(conv.bias, bias)
    with pytest.raises(ValueError, match="radius"):
        renormalize_filters(conv, 0)


def test_the_recipes_have_the_values_of_the_papers():
    ours = sw.training.sketch_a_net_recipe()
    assert (ours.batch_size, ours.learning_rate, ours.epochs, ours.bias_rate) == (135, 1e-3, 500, 2.0)
    assert (ours.filter_std, ours.bias, ours.decay_biases) == (0.01, 0.01, False)
    assert (ours.views.size, ours.views.rotation, ours.views.rotated, ours.views.span) == (
        256,
        5,
        0.55,
        255.0,
    )
    zeiler = sw.training.zeiler_recipe()
    assert (zeiler.batch_size, zeiler.learning_rate, zeiler.momentum, zeiler.filter_radius) == (
        128,
        1e-2,
        0.9,
        0.1,
    )
    assert (zeiler.epochs, zeiler.schedule, zeiler.views.crops, zeiler.views.mean) == (
        70,
        "plateau",
        "ten",
        True,
    )
    alexnet = sw.training.alexnet_pictionary_recipe()
    assert (alexnet.head_rate, alexnet.head_rate * alexnet.bias_rate, alexnet.views.mirror) == (10, 20, 0)
    assert alexnet.rate(19_999, 20_000) == 1.0
    fine = sw.training.fine_tuning_recipe(warmup=10, epochs=3)
    assert fine.rate(0, 100) == pytest.approx(0.1)
    assert fine.rate(10, 100) == 1.0
    assert fine.rate(55, 100) == pytest.approx(0.5)
    net = sw.models.create("sketch_a_net", classes=5)
    initialise(net, ours)
    assert float(net.fc6.weight.detach().std()) == pytest.approx(0.01, rel=0.01)
    assert set(net.fc8.bias.tolist()) == {float(np.float32(0.01))}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0), ("batch_size", 1.5), ("learning_rate", 0), ("learning_rate", float("nan")), ("momentum", 1),
        ("optimizer", "lamb"), ("schedule", "linear"), ("weight_decay", -1), ("annealing", 1), ("depth_decay", 1.1),
        ("filter_radius", 0), ("seed", -1), ("bias", float("inf")), ("views", None), ("augmentation", 3),
    ],
)  # fmt: skip
def test_a_recipe_says_which_value_is_out_of_range(field, value):
    with pytest.raises(ValueError, match=field):
        Recipe(**{field: value})


@pytest.mark.parametrize(
    "change",
    [
        {"crops": "five"}, {"test": "all"}, {"size": 0}, {"mirror": 2}, {"span": 0}, {"rotation": 200}, {"size": "a"},
        {"rotation": "a"}, {"rotated": None}, {"crops": ["ten"]}, {"ink": "yes"}, {"own": 1},
    ],
)  # fmt: skip
def test_views_say_which_value_is_out_of_range(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        Views(**change)


def test_a_history_goes_on_where_a_run_was_cut_off(tmp_path):
    for version, text in (
        (0, "epoch,loss,step\n0,3,0\n0,2,1\n0,1.5,2\n0,1"),
        (2, "loss,step\n9,2\n8,3\n"),
        (10, "loss,step\nnan,4\n"),
    ):
        folder = tmp_path / "log" / f"version_{version}"
        folder.mkdir(parents=True)
        (folder / "metrics.csv").write_text(text)
    steps, values = read_history(tmp_path)["loss"]
    assert steps.tolist() == [0, 1, 2, 3, 4]
    assert values[:4].tolist() == [3, 2, 9, 8]
    assert np.isnan(values[4])
    assert "loss" in repr(read_history(tmp_path))
    with pytest.raises(FileNotFoundError):
        read_history(tmp_path / "none")


def test_six_channels_are_the_order_of_the_strokes(drawings):
    source = as_pictures((drawings, np.array([3, 8])))
    found = source.load(np.array([0, 1]), 32, 6, True)
    whole = source.load(np.array([0, 1]), 32, 1, True)
    assert torch.equal(found[:, 5:], whole)
    torch.testing.assert_close(found[:, :3].amax(1, keepdim=True), whole)
    assert torch.equal(1 - source.load(np.array([0, 1]), 32, 3, False), whole.expand(-1, 3, -1, -1))


def test_sketches_and_labels_are_data_as_they_are():
    sketches, labels, classes = sw.training.draw_shapes(2)
    found = as_pictures((sketches, labels, classes))
    packed = as_pictures(sw.training.pack_sketches(sketches, labels, classes))
    assert (found.classes, found.labels.tolist()) == (packed.classes, labels.tolist())
    chosen = np.array([3, 8])
    assert torch.equal(found.load(chosen, 64, 1, True), packed.load(chosen, 64, 1, True))
    assert as_pictures((sketches, labels)).classes == tuple(map(str, range(10)))
    with pytest.raises(ValueError, match="labels must be 20 whole numbers"):
        as_pictures((sketches, labels[:3]))
    with pytest.raises(ValueError, match="sketches is empty"):
        sw.training.pack_sketches([], [])


class Timed:
    """A data set of sketches with times, one of them something else."""

    classes = ("a", "b")

    def __init__(self, n, other=None):
        self.n, self.other = n, other

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        drawn = sw.Sketch([[(0, 0, 0), (i + 1, 5, 9)], [(2, 2, 20), (3, 3, 30)]])
        return (self.other if self.other is not None and i == 3 else drawn), i % 2


def test_reading_drawings_shows_a_bar_and_keeps_only_what_is_drawn(capsys, tmp_path):
    found = as_pictures(Timed(5), "validation", progress=True)
    shown = capsys.readouterr().err
    assert "reading validation: 100%" in shown
    assert "5.00/5.00" in shown
    assert found.drawings.points.dtype == np.float32
    assert found.drawings.points.base is None
    assert found.drawings.points.tolist()[4:6] == [[0, 0], [2, 5]]
    assert found.drawings.times is None
    line = '{"word": "cat", "key_id": "50", "drawing": [[[0, 9, 9], [0, 7, 8]]]}'
    (tmp_path / "cat.ndjson").write_text(line)
    for progress in (True, False):
        assert as_pictures(tmp_path, progress=progress).classes == ("cat",)
        assert ("reading drawings: 100%" in capsys.readouterr().err) == progress
    as_pictures(Timed(5))
    assert capsys.readouterr().err == ""
    with pytest.raises(ValueError, match="data: item 3 has no strokes"):
        as_pictures(Timed(5, sw.Sketch([])))
    with pytest.raises(TypeError, match="data: item 3 is a str"):
        as_pictures(Timed(5, "cat"))


@pytest.mark.parametrize("ink", [True, False])
def test_paper_stays_paper_when_a_picture_is_turned(ink):
    views = Views(size=32, ink=ink, rotation=45, rotated=1.0)
    paper = torch.full((4, 1, 32, 32), 0.0 if ink else 1.0)
    turned = views.random(paper, 32, np.random.default_rng(0))
    torch.testing.assert_close(turned, paper, atol=1e-6, rtol=0)
