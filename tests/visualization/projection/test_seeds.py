"""Where a projection starts: units of choice, whole maps, class scores."""

import numpy as np
import pytest
import torch
from toy_nets import Branches, GlobalHead, LayerNormalized, Residual, RuledRelu, images, seeded

import sketchwidgets as sw
from sketchwidgets.visualization import ProjectionError, project, record

RULES = ("deconvnet", "guided", "backprop")
PATHS = ("windows", "autograd")


def seeded_oracle(model, x, layer, seeds, rule):
    """What autograd through ReLUs rewritten by hand makes of any signal on a layer's output."""
    x = x.clone().requires_grad_()
    kept = []
    handle = model.get_submodule(layer).register_forward_hook(lambda m, i, o: kept.append(o))
    try:
        with RuledRelu(rule):
            model(x.clone())
    finally:
        handle.remove()
    return torch.autograd.grad(kept[0], x, seeds(kept[0].detach()))[0]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("rule", RULES)
def test_units_of_choice_start_where_they_are_asked_for(rule, path):
    model, x = seeded(Residual), images(n=3)
    channels = torch.tensor([[1, 4], [7, 0], [2, 2]])
    positions = torch.tensor([[[0, 0], [10, 8]], [[5, 3], [3, 5]], [[9, 2], [2, 7]]])
    options = {"rule": rule, "ties": "first", "path": path, "channels": channels, "positions": positions}
    result = project(model, x, "out", **options, signal="unit")["out"]
    scaled = project(model, x, "out", **options)["out"]
    assert torch.equal(result.channels, channels)
    assert torch.equal(result.positions, positions)
    alive = 0
    for rank in range(2):
        at = (torch.arange(3), channels[:, rank], *positions[:, rank].T)

        def seeds(maps, at=at):
            signal = torch.zeros_like(maps)
            signal[at] = (maps[at] > 0).double()
            return signal

        expected = seeded_oracle(model, x, "out", seeds, rule)
        assert torch.allclose(result.images[:, rank], expected, rtol=0, atol=1e-12)
        value = record(model, x, "out").maps("out")[at]
        assert torch.equal(result.activations[:, rank], value)
        assert torch.equal(result.dead[:, rank], value == 0)
        assert torch.allclose(
            scaled.images[:, rank], expected * value[:, None, None, None], rtol=0, atol=1e-12
        )
        alive += int((value > 0).sum())
    assert alive >= 2


def test_channels_go_to_their_maximum_and_hold_for_every_image():
    model, x = seeded(Branches), images(n=2)
    everything = project(model, x, "end", top=4)["end"]
    for channels in ([3, 0], (3, 0), np.array([3, 0]), torch.tensor([[3, 0], [3, 0]])):
        asked = project(model, x, "end", channels=channels)["end"]
        assert asked.channels.tolist() == [[3, 0], [3, 0]]
        for i in range(2):
            for rank, channel in enumerate((3, 0)):
                same = everything.channels[i].tolist().index(channel)
                assert torch.equal(asked.positions[i, rank], everything.positions[i, same])
                assert torch.equal(asked.images[i, rank], everything.images[i, same])


def test_one_channel_of_nine_images_as_in_an_atlas():
    model, x = seeded(Residual), images(n=9)
    channels = torch.full((9, 1), 5)
    positions = torch.stack([torch.arange(9), torch.arange(9) % 4], dim=1)[:, None]
    together = project(model, x, "out", channels=channels, positions=positions)["out"]
    for i in range(9):
        alone = project(
            model, x[i : i + 1], "out", channels=channels[i : i + 1], positions=positions[i : i + 1]
        )["out"]
        assert torch.allclose(together.images[i], alone.images[0], rtol=0, atol=1e-12)
        assert torch.equal(together.boxes[i], alone.boxes[0])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("net", "layer"), [(Residual, "out"), (Branches, "end"), (GlobalHead, "act")])
def test_whole_maps_start_with_their_values(net, layer, rule, path):
    model, x = seeded(net), images(n=2)
    result = project(model, x, layer, top=3, rule=rule, signal="map", ties="first", path=path)[layer]
    assert result.signal == "map"
    for rank in range(3):

        def seeds(maps, rank=rank):
            signal, at = torch.zeros_like(maps), (torch.arange(2), result.channels[:, rank])
            signal[at] = maps[at]
            return signal

        expected = seeded_oracle(model, x, layer, seeds, rule)
        assert expected.flatten(1).any(1).tolist() == (~result.dead[:, rank]).tolist()
        assert torch.allclose(result.images[:, rank], expected, rtol=0, atol=1e-11)
        for i in range(2):
            (top, left, bottom, right), crop = result.boxes[i, rank].tolist(), result.crops(i)[rank]
            assert torch.equal(result.images[i, rank, :, top:bottom, left:right], crop)


def test_whole_maps_are_ranked_by_their_largest_singular_value():
    model, x = seeded(Residual), images(n=2)
    recording = record(model, x, "out")
    result = recording.project("out", 8, signal="map")
    norms = torch.linalg.matrix_norm(recording.maps("out"), ord=2)
    ranked = norms.sort(dim=1, descending=True)
    alive = ranked.values > 1e-9
    assert torch.equal(result.channels[alive], ranked.indices[alive])
    maps = recording.maps("out")
    assert torch.equal(result.activations, maps.amax((2, 3)).gather(1, result.channels))
    assert torch.equal(result.dead, ~(result.activations > 0))


def test_a_whole_channels_last_map():
    model, x = seeded(LayerNormalized), images()
    maps = record(model, x, "act").maps("act")
    result = project(model, x, "act", rule="backprop", signal="map", channels=[2, 5])["act"]
    general = project(model, x, "act", rule="backprop", signal="map", channels=[2, 5], path="autograd")["act"]
    assert result.activations.tolist() == maps[..., [2, 5]].amax((1, 2)).tolist()
    assert torch.allclose(result.images, general.images, rtol=0, atol=1e-12)


@pytest.mark.parametrize("path", PATHS)
def test_a_class_score_may_be_negative(path):
    torch.manual_seed(0)
    model = sw.models.create("sketch_a_net", classes=12).double().eval()
    x = (torch.rand(2, 1, 225, 225) > 0.95).double()
    scores = model(x.requires_grad_())
    classes = [int(scores[0].argmax()), int(scores[0].argmin())]
    assert scores[0, classes[1]] < 0
    result = project(
        model, x.detach(), "fc8", rule="backprop", channels=classes, signal="unit", ties="first", path=path
    )["fc8"]
    for rank, chosen in enumerate(classes):
        (expected,) = torch.autograd.grad(scores[:, chosen].sum(), x, retain_graph=True)
        assert torch.allclose(result.images[:, rank], expected, rtol=0, atol=1e-12)
    assert not result.dead.any()
    as_activation = project(model, x.detach(), "fc8", channels=classes, path=path)["fc8"]
    assert torch.equal(as_activation.dead, as_activation.activations <= 0)
    assert not as_activation.images[as_activation.dead].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"positions": torch.zeros(2, 1, 2).long()}, "positions needs channels"),
        ({"channels": []}, "channels must be a sequence of numbers or"),
        ({"channels": [0.5]}, "channels must be whole numbers, not torch.float32"),
        ({"channels": "3"}, "channels must be whole numbers"),
        ({"channels": [0, 8]}, "channels: 8 is not one of the 8 channels of the layer, 0 to 7"),
        ({"channels": [-1]}, "channels: -1 is not one of"),
        ({"channels": torch.zeros(3, 1).long()}, r"channels must be .* \(2, t\), a row for each image, not \(3, 1\)"),
        ({"channels": [1], "positions": torch.zeros(2, 2).long()}, r"positions must be \(2, 1, 2\)"),
        (
            {"channels": [1], "positions": torch.tensor([[[0, 0]], [[0, 10]]])},
            "the columns in positions: 10 is not one of the layer's 10 columns, 0 to 9",
        ),
        (
            {"channels": [1], "positions": torch.zeros(2, 1, 2).long(), "signal": "map"},
            "positions has no meaning with signal='map'",
        ),
    ],
)  # fmt: skip
def test_units_that_do_not_exist_are_named(arguments, message):
    with pytest.raises(ProjectionError, match=f"layer 'out': .*{message}"):
        project(seeded(Residual), images(n=2), "out", **arguments)


def test_a_misspelt_option_names_the_public_function():
    model, x = seeded(Residual), images()
    with pytest.raises(TypeError, match=r"^project\(\) got an unexpected keyword argument 'tops'"):
        project(model, x, tops=3)
    with pytest.raises(TypeError, match=r"Recording.project\(\) got an unexpected keyword argument 'tops'"):
        record(model, x).project("out", tops=3)
