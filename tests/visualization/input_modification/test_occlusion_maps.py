"""What occlusion maps are: by hand, against captum, fills, callbacks, errors, and the model left as it was."""

from itertools import product

import numpy as np
import pytest
import torch
from captum.attr import Occlusion as CaptumOcclusion
from torch import Tensor, nn

import sketchwidgets as sw
from sketchwidgets.visualization.input_modification._occlusion_result import heat_of
from sketchwidgets.visualization.input_modification._patches import filling, positions_along


def quiet(model, image, *args, **kwargs):
    return sw.occlusion(model, image, *args, progress=False, **kwargs)


class Sum(nn.Module):
    """Two maps that are the image and twice the image; two scores, their sums."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Conv2d(1, 2, 1, bias=False)
        self.maps.weight.data = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.maps(x).sum((2, 3))


@pytest.fixture
def small() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 9, 3),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(9 * 8 * 7, 6),
    ).eval()
    return net, torch.randn(1, 3, 20, 18)


@pytest.mark.parametrize("method", ["incremental", "forward"])
def test_by_hand(method):
    image = torch.tensor([[[[1.0, 2.0, 0.0, 0.0], [3.0, 4.0, 0.0, 1.0]]]])
    found = quiet(Sum().eval(), image, target=0, size=2, stride=1, fill=0.0, method=method)
    # Three positions in one row; map 1 is the stronger one, and sums to 22.
    assert (found.layer, found.channel, found.method) == ("maps", 1, method)
    assert found.boxes.tolist() == [[[0, 0, 2, 2], [0, 1, 2, 3], [0, 2, 2, 4]]]
    assert found.activity.tolist() == [[2.0, 10.0, 20.0]]
    assert found.activity_before == 22.0
    # What is covered, doubled: (1, 2, 3, 4), (2, 4), (1).
    change = 2 * torch.tensor([30.0, 20.0, 1.0], dtype=torch.float64).sqrt()
    assert torch.allclose(found.change, change[None])
    heat = torch.stack([change[0], change[0] + change[1], change[1] + change[2], change[2]])
    assert torch.allclose(found.heat, (heat / heat.max()).expand(2, 4))
    scores = torch.tensor([[1.0, 2.0], [5.0, 10.0], [10.0, 20.0]])
    assert torch.allclose(found.probability, scores.softmax(1)[None, :, 0])
    assert found.label.tolist() == [[1, 1, 1]]
    assert found.top_classes.shape == (1, 3, 2)
    assert found.probability_before == pytest.approx(float(torch.tensor([11.0, 22.0]).softmax(0)[0]))
    assert found.occluded(0, 1).tolist() == [[[1.0, 0.0, 0.0, 0.0], [3.0, 0.0, 0.0, 1.0]]]


@pytest.mark.parametrize(("size", "stride"), [((5, 4), (3, 2)), ((6, 6), (6, 6)), ((3, 5), (1, 4))])
def test_against_captum(small, size, stride):
    net, image = small
    net, image = net.double(), image.double()
    baseline = image.mean((2, 3), keepdim=True)
    found = quiet(net, image, target=2, size=size, stride=stride, fill="mean", overhang=False)
    attribution = CaptumOcclusion(lambda x: net(x).softmax(1)).attribute(
        image,
        sliding_window_shapes=(3, *size),
        strides=(3, *stride),
        baselines=baseline.expand_as(image),
        target=2,
        perturbations_per_eval=8,
    )
    # Captum averages, over all patches that cover a pixel, how much each lowers the score.
    lowered, covered = torch.zeros(2, 20, 18, dtype=torch.float64)
    for box, probability in zip(
        found.boxes.reshape(-1, 4).tolist(), found.probability.reshape(-1), strict=True
    ):
        place = (slice(box[0], box[2]), slice(box[1], box[3]))
        lowered[place] += found.probability_before - probability
        covered[place] += 1
    assert covered.min() > 0
    assert torch.allclose(attribution[0, 0].double(), lowered / covered, atol=1e-7)


def test_positions():
    assert positions_along(10, 4, 3, overhang=False).tolist() == [[0, 4], [3, 7], [6, 10]]
    assert positions_along(11, 4, 3, overhang=False).tolist() == [[0, 4], [3, 7], [6, 10], [9, 11]]
    # As FeatureVis has them: from 1 - size + stride, counted from 1.
    assert positions_along(6, 4, 2, overhang=True).tolist() == [[0, 2], [0, 4], [2, 6], [4, 6]]


@pytest.mark.parametrize("overhang", [False, True])
def test_every_patch_covers_something(overhang):
    assert positions_along(32, 8, 20, overhang).tolist() == [[0, 8], [20, 28]]
    assert positions_along(30, 8, 28, overhang).tolist() == [[0, 8], [28, 30]]
    for length, size, stride in product(range(1, 14), range(1, 14), range(1, 20)):
        if size > length:
            continue
        first, last = positions_along(length, size, stride, overhang).T
        assert ((first >= 0) & (first < last) & (last <= length)).all()
        if stride <= size:  # then no pixel is left out
            assert first[0] == 0
            assert last[-1] == length
            assert (first[1:] <= last[:-1]).all()


def test_a_stride_beyond_the_size():
    found = quiet(Sum().eval(), torch.rand(1, 1, 32, 32), size=8, stride=20, fill=0.0)
    assert found.boxes.tolist() == [
        [[0, 0, 8, 8], [0, 20, 8, 28]],
        [[20, 0, 28, 8], [20, 20, 28, 28]],
    ]
    assert (found.change > 0).all()


def test_heat_counts_whole_patches():
    """Not only a square of side `stride` of each, as FeatureVis does."""
    boxes = torch.tensor([[[0, 0, 3, 3], [0, 2, 3, 5]]])
    heat = heat_of((4, 6), boxes, torch.tensor([[1.0, 3.0]]))
    assert heat[0].tolist() == [0.25, 0.25, 1.0, 0.75, 0.75, 0.0]
    assert heat[3].tolist() == [0.0] * 6


def test_several_runs_in_the_heat_map(small):
    net, image = small
    both = quiet(net, image, size=6, stride=3, further=[((4, 8), 4)])
    alone = [quiet(net, image, size=6, stride=3), quiet(net, image, size=(4, 8), stride=4)]
    heat = sum(one.heat for one in alone)
    assert torch.allclose(both.heat, heat / heat.max())
    assert torch.equal(both.activity, alone[0].activity)
    assert float(both.heat.max()) == pytest.approx(1.0)


def test_fills(small):
    _, image = small
    means = filling(image, "mean", 0)[:, 0, 0]
    assert torch.allclose(means, image.mean((0, 2, 3)))
    grey = filling(image, "grey", 0)[:, 0, 0]
    assert torch.allclose(grey, (image.amin((0, 2, 3)) + image.amax((0, 2, 3))) / 2)
    noise = filling(image, "noise", 1)
    assert torch.equal(noise, filling(image, "noise", 1))
    assert not torch.equal(noise, filling(image, "noise", 2))
    assert (noise <= image.amax((2, 3))[0][:, None, None]).all()
    assert filling(image, 0.5, 0).unique().tolist() == [0.5]
    assert filling(image, [1, 2, 3], 0)[:, 3, 3].tolist() == [1.0, 2.0, 3.0]
    own = torch.rand(3, 20, 18)
    assert torch.equal(filling(image, own, 0), own)
    drawing = torch.zeros(1, 1, 20, 20)
    drawing[..., 5:15, 7] = 1
    assert filling(drawing, "paper", 0).unique().tolist() == [0.0]
    assert filling(1 - drawing, "paper", 0).unique().tolist() == [1.0]


def test_paper_on_blank_paper_changes_nothing():
    """Only the patches over ink are evaluated."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 8, 5), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 28 * 28, 4)).eval()
    drawing = torch.zeros(1, 1, 32, 32)
    drawing[..., 4:9, 5] = 1
    seen = []
    found = quiet(
        net, drawing, size=8, stride=8, fill="paper", callback=lambda state: seen.append(state.total)
    )
    assert set(seen) == {2}
    over_ink = torch.zeros(4, 4, dtype=torch.bool)
    over_ink[:2, 0] = True
    assert torch.equal(found.change > 0, over_ink)
    assert (found.activity[~over_ink] == found.activity_before).all()


def test_nothing_changes_a_blank_image(small):
    net, _ = small
    found = quiet(net, torch.full((1, 3, 20, 18), 0.25), size=5, fill=0.25)
    assert found.method == "incremental"
    assert found.change.abs().max() == 0
    assert (found.probability == found.probability_before).all()
    assert found.heat.abs().max() == 0


def test_a_callback_stops(small):
    net, image = small
    states = []

    def stop(state) -> bool:
        states.append((state.done, state.total, int(state.activity.isfinite().sum())))
        return False

    found = quiet(net, image, size=4, stride=2, method="forward", batch_size=5, callback=stop)
    assert states == [(5, found.done.numel(), 5)]
    assert int(found.done.sum()) == 5
    assert found.activity.isnan().sum() == found.done.numel() - 5
    assert (found.label == -1).sum() == found.done.numel() - 5
    assert found.heat.isfinite().all()
    assert "stopped after 5" in repr(found)
    assert "<svg" in found._repr_html_() or "<img" in found._repr_html_()


def test_probabilities_are_not_squashed_again(small):
    net, image = small
    with_softmax = nn.Sequential(*net, nn.Softmax(1)).eval()
    a, b = (quiet(model, image, size=8, layer="1") for model in (net, with_softmax))
    assert torch.allclose(a.probability, b.probability, atol=1e-6)


def test_layers_and_channels(small):
    net, image = small
    assert quiet(net, image, size=8).layer == "4"
    linear = quiet(net, image, size=8, layer="6", channel=2)
    with torch.no_grad():
        assert linear.activity_before == pytest.approx(float(net(image)[0, 2]))
        expected = net(linear.occluded(1, 1)[None])[0, 2]
    assert float(linear.activity[1, 1]) == pytest.approx(float(expected), abs=1e-5)
    # Before the in-place activation that follows.
    before = quiet(net, image, size=8, layer="0", channel=1)
    with torch.no_grad():
        assert before.activity_before == pytest.approx(float(net[0](image)[0, 1].sum()), rel=1e-4)


@pytest.mark.parametrize("method", ["auto", "forward"])
def test_the_model_is_left_as_it_was(small, method):
    net, image = small
    weights = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    copy = image.clone()
    quiet(net, image, size=6, method=method)
    with pytest.raises(RuntimeError, match="stop"):
        quiet(net, image, size=6, method=method, callback=_fail)
    assert torch.equal(image, copy)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in net.state_dict().items())
    for module in net.modules():
        assert not {**module._forward_hooks, **module._forward_pre_hooks, **module._backward_hooks}
    assert all(parameter.grad is None and parameter.requires_grad for parameter in net.parameters())
    assert torch.is_grad_enabled()


def _fail(_state):
    raise RuntimeError("stop")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size must be a whole number of at least 1"),
        ({"size": (4, 5, 6)}, "size must be"),
        ({"size": 19}, r"size \(19, 19\) is larger than the image, 20 x 18"),
        ({"size": 4, "stride": 0}, "stride must be a whole number of at least 1"),
        ({"further": [(4, 0)]}, r"stride of further\[0\]"),
        ({"further": [3]}, "further must be pairs"),
        ({"fill": "blue"}, "fill must be one of 'mean'"),
        ({"fill": [1.0, 2.0]}, r"fill must be a number, or of shape \(3,\)"),
        ({"fill": float("nan")}, "fill must be finite"),
        ({"seed": None}, "seed must be a whole number"),
        ({"target": 6}, "target must be the name or the index of one of 6 classes, not 6"),
        ({"channel": 9}, "channel must be a whole number from 0 to 8"),
        ({"layer": "nothing"}, "the model has no layer 'nothing'"),
        ({"layer": "5"}, None),
        ({"top": 0}, "top must be"),
        ({"method": "magic"}, "method must be one of"),
        ({"batch_size": 0}, "batch_size must be"),
    ],
)
def test_errors_name_the_argument(small, options, message):
    net, image = small
    if message is None:
        assert quiet(net, image, **options).activity.shape == (19, 17)  # flattened maps: one value each
        return
    with pytest.raises(ValueError, match=message):
        quiet(net, image, **options)


def test_errors_of_model_and_image(small):
    net, image = small
    with pytest.raises(ValueError, match=r"must be a torch\.nn\.Module"):
        quiet(lambda x: x, image)
    with pytest.raises(ValueError, match=r"floating point, not torch\.uint8"):
        quiet(net, (255 * torch.rand(3, 20, 18)).byte())
    with pytest.raises(ValueError, match=r"\(1, C, H, W\), not \(2, 3, 20, 18\)"):
        quiet(net, image.expand(2, -1, -1, -1))
    with pytest.raises(ValueError, match="image must be finite"):
        quiet(net, image * float("nan"))
    with pytest.raises(ValueError, match=r"image is torch\.float64, and the model is torch\.float32"):
        quiet(net, image.double())
    with pytest.raises(ValueError, match="class scores"):
        quiet(net[:2].eval(), image)
    net[0].train()
    with pytest.raises(ValueError, match="module '0' of the model is in training mode"):
        quiet(net, image)


def test_numpy_images_and_figures(small):
    net, image = small
    found = quiet(net, image[0].numpy(), size=np.int64(6))
    figure = found.figure(classes=["a", "b", "c", "d", "e", "f"])
    tiles = figure.sections[0].tiles
    assert len(tiles) == 5
    assert tiles[3].ramp[0] == "heat"
    assert tiles[2].pixels.shape[:2] == tuple(found.activity.shape)
    assert {text for _, text in tiles[4].legend} <= set("abcdef")
    assert figure.to_png(scale=1).startswith(b"\x89PNG")


def test_a_network_prepares_and_names(small):
    """Of a recogniser: one recurrent step. By name, with paper in a drawing."""
    network = sw.Network.of(sw.Recognizer.load(device="cpu"))
    sketch = sw.Sketch([[(0, 0), (50, 80), (100, 0)]])
    half = network.size[0] // 2
    found = sw.occlusion(network, sketch, "carrot", size=half, stride=half + 1, progress=False)
    assert found.method == "incremental"
    assert torch.allclose(found.probabilities_before, network.scores(network.prepare(sketch))[0], atol=1e-5)
    assert network.class_name(found.target) == "carrot"
    assert found.filling.abs().max() == 0
    assert "probability of carrot" in found.figure().sections[0].tiles[3].caption
    with pytest.raises(ValueError, match="'unicorn fish' is not a class"):
        sw.occlusion(network, sketch, "unicorn fish")
    net, image = small
    named = sw.Network(net, size=(20, 18), classes=list("uvwxyz"))
    assert quiet(named, image, size=6).classes == tuple("uvwxyz")
