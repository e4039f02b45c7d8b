"""fit: it learns, it stops and goes on at any step, and says what does not fit."""

import signal

import numpy as np
import pytest
import torch
from fit_run import RECIPE, network, pictures, run
from PIL import Image
from torch import nn

import sketchwidgets as sw
from sketchwidgets.training import CheckpointError, Recipe, RecordEvolution, Views, fit
from sketchwidgets.training.checkpoints import read_checkpoint
from sketchwidgets.training.fitting import scores
from sketchwidgets.training.fitting._pictures import StrokePictures

CPU = {"accelerator": "cpu", "progress": False}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"))


def test_it_learns_and_leaves_what_it_learned(whole):
    assert whole.finished
    assert whole.accuracy == 1.0
    loss = whole.history["loss"][1]
    assert loss[-5:].mean() < 0.2 * loss[:3].mean()
    assert not whole.network.training
    weights, facts = sw.models.load_weights(whole.folder / "network.safetensors")
    assert all(torch.equal(weights[name], tensor) for name, tensor in whole.network.state_dict().items())
    assert facts["recipe"]["learning_rate"] == 0.05
    assert whole.figure().sections[0].tiles[0].series[0][0] == "training"
    rms = whole.network[0].weight.detach().square().mean((1, 2, 3)).sqrt()
    assert float(rms.max()) <= RECIPE.filter_radius * (1 + 1e-6)
    assert any(whole.folder.rglob("events.out.tfevents*"))


@pytest.mark.parametrize(
    "stop", [1, 4, 8]
)  # a step; after a validation; when one is due and a state is written
def test_a_run_that_is_stopped_goes_on_as_if_it_had_not_been(whole, tmp_path, stop):
    told = []

    def until(progress):
        told.append(progress)
        return progress.step != stop

    first = run(tmp_path, callback=until)
    assert first.step == stop
    assert not first.finished
    assert first.accuracy is None
    again = run(tmp_path)
    state, expected = (read_checkpoint(f.folder / "state.safetensors") for f in (again, whole))
    assert_equal(state, {**expected, "callbacks": state["callbacks"]})
    for name, (steps, values) in whole.history.curves.items():
        np.testing.assert_array_equal(again.history[name], (steps, values), err_msg=name)
    assert run(tmp_path).step == whole.steps  # a run that is done is only read


@pytest.mark.parametrize("validation", [True, False])
@pytest.mark.parametrize("stop", [None, 3, 8])  # at its end; on the way; at its end by the callback
def test_a_training_is_given_more_epochs(tmp_path, stop, validation):
    from dataclasses import replace

    recipe = RECIPE if validation else replace(RECIPE, schedule="constant")
    keywords = {} if validation else {"validation": None}
    once = run(tmp_path / "once", recipe=replace(recipe, epochs=4), **keywords)
    short = replace(recipe, epochs=2)
    first = run(tmp_path / "more", recipe=short, callback=lambda told: told.step != stop, **keywords)
    assert first.step == stop if stop == 3 else first.finished
    more = run(tmp_path / "more", recipe=replace(recipe, epochs=4), **keywords)
    assert (more.step, more.steps, more.accuracy) == (16, 16, once.accuracy)
    state, expected = (read_checkpoint(f.folder / "state.safetensors") for f in (more, once))
    assert_equal(state, {**expected, "callbacks": state["callbacks"]})
    for name, curve in once.history.curves.items():
        np.testing.assert_array_equal(more.history[name], curve, err_msg=name)
    with pytest.raises(CheckpointError, match="has made 16 steps, and 2 epochs have 8"):
        run(tmp_path / "more", recipe=short, **keywords)


def test_more_epochs_on_a_cosine_are_refused_with_the_reason(tmp_path):
    from dataclasses import replace

    recipe = replace(RECIPE, schedule="cosine", epochs=1)
    run(tmp_path, recipe=recipe)
    with pytest.raises(
        CheckpointError, match="of 1 epochs, now 2: on the cosine schedule every learning rate"
    ):
        run(tmp_path, recipe=replace(recipe, epochs=2))
    with pytest.raises(CheckpointError, match=r"another recipe: epochs 1, learning_rate 0.05, now 2, 0.1"):
        run(tmp_path, recipe=replace(recipe, epochs=2, learning_rate=0.1))


def assert_equal(found, expected):
    """Equal trees of tensors and plain values, bit for bit."""
    if isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_equal(found[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_equal(one, other)
    else:
        assert found == expected


def test_progress_counts_steps_epochs_and_time(tmp_path):
    told = []
    run(tmp_path, callback=told.append)
    steps = [p for p in told if p.values]
    assert [p.step for p in steps] == list(range(1, 25))
    assert steps[-1].finished
    assert steps[5].epoch == 1.5
    assert steps[0].validation == {}
    assert steps[4].validated == 4
    assert set(steps[4].validation) == {"loss", "accuracy", "top5"}
    assert steps[-2].pictures_per_second > 0
    assert steps[-2].seconds_left > 0
    assert steps[0].values["rate"] == 0.05


def test_the_same_seed_gives_the_same_and_another_one_another(whole, tmp_path):
    from dataclasses import replace

    other = run(tmp_path, recipe=replace(RECIPE, seed=1))
    assert not torch.equal(other.network[0].weight, whole.network[0].weight)


def test_snapshots_for_the_evolution(tmp_path):
    recorded = RecordEvolution(tmp_path / "epochs", (0, 1, 2), network="network", epoch_steps=4)
    run(tmp_path, callbacks=[recorded])
    found = sw.evolution(tmp_path / "epochs", network().eval(), torch.rand(5, 1, 16, 16), progress=False)
    assert found.epochs == (0, 1, 2)


def test_mixed_precision_learns_too(tmp_path):
    from dataclasses import replace

    assert run(tmp_path, recipe=replace(RECIPE, precision="bf16-mixed")).accuracy > 0.9


class Shapes:
    """A torch data set of PIL images, or of sketches."""

    classes = ("line", "cross")

    def __init__(self, strokes):
        self.strokes = strokes

    def __len__(self):
        return 12

    def __getitem__(self, i):
        label = i % 2
        if self.strokes:
            lines = [[(0, 0), (90, 9 * i)], [(0, 90), (90, 0)]][: label + 1]
            return sw.Sketch(lines), label
        pixels = np.full((30, 40, 3), 255, np.uint8)
        pixels[:, 10 * label : 10 * label + 12] = i
        return Image.fromarray(pixels), label


@pytest.mark.parametrize("strokes", [True, False])
def test_data_sets_of_sketches_and_of_pictures(tmp_path, strokes):
    recipe = Recipe(epochs=4, batch_size=6, learning_rate=0.02, views=Views(size=20))
    found = fit(network(0.0), Shapes(strokes), recipe, tmp_path, **CPU)
    assert found.classes == ("line", "cross")
    assert found.step == 8
    assert found.scores(Shapes(strokes)).shape == (12, 3)
    assert found.history["loss"][1][-1] < found.history["loss"][1][0]


def test_drawings_of_an_npz_with_changed_strokes(drawings_file, drawings, tmp_path):
    augmentation = sw.training.Augmentation()
    recipe = Recipe(epochs=1, batch_size=16, views=Views(size=20), augmentation=augmentation)
    net = nn.Sequential(nn.Flatten(), nn.Linear(256, 6))
    net.input_size = 16
    assert fit(net, drawings_file, recipe, tmp_path / "a", **CPU).step == 5
    train, held_out = drawings.split()
    again = fit(net, (drawings, train), recipe, tmp_path / "b", validation=(drawings, held_out), **CPU)
    assert again.accuracy is not None
    six = nn.Sequential(nn.Conv2d(6, 4, 16), nn.Flatten(), nn.Linear(4, 6))
    six.input_size = 16
    changes = sw.training.Augmentation(removal=0.5, deformation=0.5)
    by_order = Recipe(epochs=1, batch_size=16, views=Views(size=20), augmentation=changes)
    assert fit(six, (drawings, train[:16]), by_order, tmp_path / "c", **CPU).step == 1
    with pytest.raises(ValueError, match="no strokes"):
        fit(network(), pictures(), recipe, tmp_path / "d", **CPU)


def test_scores_are_those_of_ten_views(whole):
    images, labels = pictures(4, 2)
    found = scores(whole.network, (images, labels), whole.recipe, whole.mean)
    ink = 1 - torch.from_numpy(images).float()[:, None] / 255 - whole.mean
    parts = [ink[..., t : t + 16, s : s + 16] for t, s in ((0, 0), (4, 0), (0, 4), (4, 4), (2, 2))]
    with torch.no_grad():
        expected = sum(whole.network(part) + whole.network(part.flip(-1)) for part in parts)
    torch.testing.assert_close(found, expected)


def test_what_does_not_fit_is_named(whole, tmp_path):
    from dataclasses import replace

    def refuses(message, kind=ValueError, net=None, data=None, recipe=RECIPE, folder=tmp_path, **keywords):
        keywords = {**CPU, "validation": pictures(21, 1), **keywords}
        with pytest.raises(kind, match=message):
            fit(net or network(), pictures() if data is None else data, recipe, folder, **keywords)

    slower = replace(RECIPE, learning_rate=0.01)
    refuses(
        "another recipe: learning_rate 0.05, now 0.01", CheckpointError, recipe=slower, folder=whole.folder
    )
    refuses("another number of pictures: 60, now 30", CheckpointError, data=pictures(30), folder=whole.folder)
    refuses("another classes|another network", CheckpointError, net=Renamed(), folder=whole.folder)
    refuses("validation", validation=None)
    refuses("every", every=0)
    refuses("max_steps", TypeError, max_steps=3)
    refuses("part of the state", strategy="fsdp")
    refuses("needs CUDA", recipe=replace(RECIPE, precision="16-mixed"))
    refuses("recipe must be", TypeError, recipe="fast")
    refuses("torch.nn.Module", TypeError, net="alexnet")
    refuses("input_size", net=nn.Linear(3, 3))
    refuses("has 3 classes, the data 5", data=(*pictures(), list("abcde")))
    refuses("views of the recipe are cut from 12", recipe=replace(RECIPE, views=Views(size=12)))
    refuses("data must be", TypeError, data=3)
    refuses("data is empty", data=(np.zeros((0, 9, 9), np.uint8), np.zeros(0, int)))
    refuses("uint8", data=(np.zeros((2, 9, 9)), [0, 1]))
    refuses("labels must be 2", data=(np.zeros((2, 9, 9), np.uint8), [0, 1, 2]))
    refuses("no file of drawings", FileNotFoundError, data="nothing.npz")


class Renamed(nn.Sequential):
    """The same layers by another name."""

    def __init__(self):
        super().__init__(*network())
        self.input_size = 16


def test_an_interrupt_stops_between_two_steps_and_leaves_the_handler(whole, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    told = []

    def interrupt(progress):
        told.append(progress)
        if progress.step == 7:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="the same call goes on"):
        run(tmp_path, callback=interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    assert (told[-1].step, told[-1].ended, told[-1].finished) == (7, True, False)
    again = run(tmp_path)
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], tensor)

    def twice(progress):
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "twice", callback=twice)
    assert signal.getsignal(signal.SIGINT) is before


def test_the_bar_counts_steps_and_epochs(tmp_path, capsys):
    run(tmp_path, progress=True)
    shown = capsys.readouterr()
    last = (shown.out + shown.err).replace("\r", "\n").strip().splitlines()[-1]
    assert last.startswith("training: 100%")
    assert "24/24" in last
    assert "epoch=6.0" in last
    recipe = Recipe(epochs=1, batch_size=12, views=Views(size=20))
    fit(network(), Shapes(True), recipe, tmp_path / "read", accelerator="cpu")
    assert "reading data: 100%" in capsys.readouterr().err


def test_as_network_prepares_what_the_training_has_seen(whole):
    images, _ = pictures(4, seed=7)
    network = whole.as_network()
    assert (network.classes, network.size, network.resize) == (("0", "1", "2"), (16, 16), 20)
    seen = RECIPE.views.centre(1 - torch.from_numpy(images)[:, None] / 255, 16, whole.mean)
    for image, expected in zip(images, seen, strict=True):
        torch.testing.assert_close(network.prepare(image)[0], expected, atol=1e-5, rtol=0)
    with torch.no_grad():
        torch.testing.assert_close(network.scores(seen), whole.network(seen).softmax(1))


def test_what_fit_returns_goes_where_a_network_does(whole):
    images, _ = pictures(1, seed=7)
    network = whole.as_network()
    (layer, *_) = network.layers()
    asked = {
        "project": lambda given: sw.project(given, images[0], layer, top=2)[layer].images,
        "occlusion": lambda given: sw.occlusion(given, images[0], size=4, stride=4, progress=False).heat,
        "switch_off": lambda given: sw.switch_off(given, images[0], {layer: [0]}).after,
        "widget": lambda given: sw.ProjectionPanels(given, images[0], layers=[layer]).network.classes,
    }
    for name, ask in asked.items():
        np.testing.assert_array_equal(ask(whole), ask(network), err_msg=name)


def test_as_network_draws_as_wide_and_as_strong_as_the_training(tmp_path):
    sketches, labels, classes = sw.training.draw_shapes(1)
    drawings = sw.training.pack_sketches(sketches, labels, classes)
    network = sw.models.create("sketch_a_net", classes=10, width=1 / 64)
    recipe = sw.training.sketch_a_net_recipe(epochs=1, batch_size=5)
    fitted = fit(network, drawings, recipe, tmp_path, **CPU)
    ours = fitted.as_network().prepare(sketches[3])
    (theirs,) = recipe.views.centre(StrokePictures(drawings).load(np.array([3]), 256, 1, True), 225)
    assert float(theirs.max()) == 255
    assert float(ours.max()) == pytest.approx(255)
    # The middle of 256 pixels is half a pixel from that of 225.
    boxes = [image[0, ..., :].nonzero() for image in (ours[0][None], theirs[None])]
    for ink in (lambda box: box.amin(0), lambda box: box.amax(0)):
        assert (ink(boxes[0]) - ink(boxes[1])).abs().max() <= 1
