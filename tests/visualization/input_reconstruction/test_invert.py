"""Inversion: the energy and the steps against formulas by hand, what it recovers, how it stops and fails."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from reconstruction_nets import Small, seeded
from torch import nn

from sketchwidgets.sketch import Sketch
from sketchwidgets.visualization import INVERT_METHODS, InvertSettings, Network, ReconstructionError, invert
from sketchwidgets.visualization.input_reconstruction import Inversions
from sketchwidgets.visualization.input_reconstruction.invert import tv_weight

PUBLISHED = INVERT_METHODS["mahendran"]


def picture(channels=1, seed=0):
    return torch.rand((1, channels, 12, 10), generator=torch.Generator().manual_seed(seed)).double()


def undo(model, image, layer, **options):
    return invert(model, image, layer, **{"progress": False, **options})


def levels(result, i=0):
    return result.space.from_inputs(result.images[i : i + 1]).numpy()


def energy_of(model, x, target, norm, tv=1.0):
    """The paper's energy, written with numpy; x and target are levels (1, 1, h, w)."""
    features, wanted = (model(torch.from_numpy(each) / 255).detach().numpy() for each in (x, target))
    right, below = np.zeros_like(x), np.zeros_like(x)
    right[..., :-1] = np.diff(x, axis=3)
    below[..., :-1, :] = np.diff(x, axis=2)
    penalty = tv / 2 * (right**2 + below**2).sum() + 8e-10 / 2 * (x**6).sum()
    return ((features - wanted) ** 2).sum() / (wanted**2).sum() + penalty / norm**2


def test_the_energy_of_the_paper():
    model, image = seeded(Small), picture()
    layers = nn.Sequential(*list(model)[:4])
    result = undo(model, image, "3", method="mahendran", steps=8, repeats=2, mean=0.0)
    assert result.settings.tv == 100  # the second of three layers with weights
    target = image.numpy() * 255
    norm = np.linalg.norm(target)
    for i in range(2):
        wanted = energy_of(layers, levels(result, i), target, norm, tv=100)
        assert float(result.objective[-1, i]) == pytest.approx(wanted, rel=1e-9)
    features = layers(result.images).detach() - layers(image).detach()
    errors = features.square().sum((1, 2, 3)) / layers(image).detach().square().sum()
    np.testing.assert_allclose(result.error, errors)


def test_the_published_descent_step_by_step():
    model, image = seeded(Small), picture()
    settings = replace(
        PUBLISHED, schedule=replace(PUBLISHED.schedule, parts=((0.004, 3), (0.0004, 3))), tv=1.0
    )
    result = undo(model, image, "0", method=settings, repeats=1, seed=5)
    layer, target = model[0], image * 255
    norm = float(target.norm())
    x = torch.randn((1, 12, 10), generator=torch.Generator().manual_seed(5)).double()[None]
    x = x * norm / x.norm()
    velocity = torch.zeros_like(x)
    wanted = layer(image).detach()
    for step in range(6):
        x.requires_grad_()
        across, down = torch.zeros_like(x), torch.zeros_like(x)
        across = nn.functional.pad(x[..., 1:] - x[..., :-1], (0, 1))
        down = nn.functional.pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))
        regular = 0.5 * (across**2 + down**2).sum() + 4e-10 * (x**6).sum()
        loss = (layer(x / 255) - wanted).square().sum() * norm**2 / wanted.square().sum()
        (gradient,) = torch.autograd.grad(regular + loss, x)
        if step == 3:
            velocity = torch.zeros_like(x)
        velocity = 0.9 * velocity - (0.004 if step < 3 else 0.0004) * gradient
        x = (x + velocity).detach()
    np.testing.assert_allclose(levels(result), x.numpy(), rtol=1e-9, atol=1e-7)


def test_the_published_settings():
    assert PUBLISHED.schedule.parts == ((0.004, 100), (0.0004, 200), (0.00004, 100))
    assert (PUBLISHED.momentum, PUBLISHED.repeats, PUBLISHED.alpha, PUBLISHED.alpha_weight) == (
        0.9,
        4,
        6,
        8e-10,
    )
    featurevis = INVERT_METHODS["featurevis"]
    assert (featurevis.momentum, featurevis.schedule.steps, featurevis.alpha) == (0.9, 100, 6)
    # E = loss + sum |x|^6 / (H W 128^6) + TV / (H W 128^2 0.01^2)
    assert featurevis.alpha_weight / 2 == pytest.approx(1 / 128**6)
    assert featurevis.tv / 2 == pytest.approx(1 / (128**2 * 0.01**2))


def test_the_energy_of_featurevis():
    model, image = seeded(Small), picture()
    x = levels(undo(model, image, "0", method="featurevis", steps=1))
    result = undo(model, image, "0", method="featurevis", steps=1, start=torch.from_numpy(x / 255))
    right, below = np.diff(x, axis=3), np.diff(x, axis=2)
    wanted = ((x**6).sum() / 128**6 + ((right**2).sum() + (below**2).sum()) / 1.28**2) / 120
    features = model[0](torch.from_numpy(x) / 255).detach() - model[0](image).detach()
    wanted += float(features.square().sum() / model[0](image).detach().square().sum())
    assert float(result.objective[0, 0]) == pytest.approx(wanted, rel=1e-6)


def test_a_linear_layer_that_keeps_everything_gives_the_image_back():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(120, 150)).double().eval()
    nn.init.orthogonal_(model[1].weight)
    image = picture()
    for method, steps in (("mahendran", 400), ("sketch", 300)):
        result = undo(model, image, "1", method=method, tv=0.0, alpha_weight=0.0, steps=steps, shrink=0.0)
        error = (result.images - image).square().sum((1, 2, 3)) / image.square().sum()
        assert float(error.max()) < 1e-3, method
        assert float(result.objective[-1].max()) < 1e-3 * float(result.objective[0].min())


@pytest.mark.parametrize(("loss", "fall"), [("l2", 0.8), ("l1", 0.5), ("inner", 0.1)])
def test_the_energy_falls(loss, fall):
    result = undo(seeded(Small), picture(), "3", loss=loss, method="sketch", steps=60)
    first, last = float(result.objective[0, 0]), float(result.objective[-1, 0])
    assert last < first - fall * abs(first)


def test_losses_by_hand():
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False)).double().eval()
    nn.init.eye_(model[1].weight)
    image = torch.tensor([[[[0.6, 0.8]]]], dtype=torch.float64)
    start = torch.tensor([[[[0.5, 0.0]]]], dtype=torch.float64)
    plain = InvertSettings(tv=0.0, alpha_weight=0.0, repeats=1)
    for loss, wanted in (("l2", 0.01 + 0.64), ("l1", 0.9 / 1.4), ("inner", -0.3)):
        result = undo(model, image, "1", method=plain, loss=loss, start=start, steps=1)
        assert float(result.objective[0, 0]) == pytest.approx(wanted)


def test_only_the_centre_or_half_of_the_channels_is_compared():
    model, image = seeded(Small), picture()
    layer = nn.Sequential(*list(model)[:4])
    options = {"method": "sketch", "tv": 0.0, "shrink": 0.0, "steps": 40}
    wanted = layer(image).detach()
    centre = undo(model, image, "3", neighbourhood=2, **options)
    difference = (layer(centre.images).detach() - wanted)[..., 2:4, 1:3]
    share = difference.square().sum() / wanted[..., 2:4, 1:3].square().sum()
    assert float(centre.error[0]) == pytest.approx(float(share))
    assert share < 0.1
    # A corner that no compared position sees stays as it was.
    less = undo(model, image, "3", neighbourhood=2, **options | {"steps": 1})
    assert torch.equal(centre.images[..., 11, 9], less.images[..., 11, 9])
    for group, part in ((1, slice(0, 4)), (2, slice(4, 8))):
        half = undo(model, image, "3", filter_group=group, **options)
        difference = (layer(half.images).detach() - wanted)[:, part]
        share = difference.square().sum() / wanted[:, part].square().sum()
        assert float(half.error[0]) == pytest.approx(float(share))


def test_the_weight_of_the_variation_follows_the_depth():
    from torchvision.models import alexnet

    with torch.device("meta"):
        model = alexnet(weights=None)
    found = {
        layer: tv_weight(model, layer) for layer in ("features.0", "features.4", "features.6", "features.9")
    }
    assert found == {"features.0": 1, "features.4": 1, "features.6": 10, "features.9": 10}
    assert [tv_weight(model, layer) for layer in ("features.10", "features", "classifier.6", None)] == [
        100
    ] * 4


def test_repeats_come_from_different_noise_and_always_the_same():
    model, image = seeded(Small), picture()
    options = {"method": "mahendran", "steps": 4}
    result = undo(model, image, "1", seed=2, **options)
    assert result.seeds == (2, 3, 4, 5)
    assert torch.equal(result.images, undo(model, image, "1", seed=2, **options).images)
    alone = undo(model, image, "1", seed=4, repeats=1, **options)
    np.testing.assert_allclose(alone.images[0], result.images[2], atol=1e-9)


def test_several_layers_side_by_side():
    seen = []

    def callback(state):
        seen.append((state.layer, state.step))
        return len(seen) < 5

    result = undo(seeded(Small), picture(), ["0", "3", "6"], steps=3, callback=callback)
    assert isinstance(result, Inversions)
    assert list(result) == ["0", "3"]
    assert seen == [("0", 1), ("0", 2), ("0", 3), ("3", 1), ("3", 2)]
    assert result.stopped
    assert result["3"].stopped
    assert not result["0"].stopped
    figure = result.figure()
    assert figure.sections[0].tiles[0].caption == "the input"
    assert len(figure.sections[0].tiles) == 3
    with pytest.raises(KeyError, match="no layer 'x'; there are 0, 3"):
        result["x"]


def test_a_network_prepares_a_drawing():
    network = Network(seeded(Small, torch.float32), size=(12, 10))
    sketch = Sketch([[(0, 0), (10, 10)], [(0, 10), (10, 0)]])
    result = invert(network, sketch, "0", steps=20, progress=False)
    assert torch.equal(result.target, network.prepare(sketch))
    assert result.target_picture.min() < 100 < 200 < result.target_picture.max()  # dark ink on white
    assert "invert 0" in result.figure().to_svg()


def test_blank_paper_can_be_inverted():
    model = seeded(Small)
    result = undo(model, torch.zeros(1, 1, 12, 10), "0", method="mahendran", steps=5, repeats=1)
    assert torch.isfinite(result.objective).all()


def test_the_model_and_the_image_are_left_alone():
    model, image = seeded(Small), picture()
    before, pixels = copy.deepcopy(model.state_dict()), image.clone()
    undo(model, image, "1", steps=2)
    with pytest.raises(RuntimeError, match="in the middle"):
        undo(
            model,
            image,
            "1",
            steps=2,
            callback=lambda state: (_ for _ in ()).throw(RuntimeError("in the middle")),
        )
    assert torch.equal(image, pixels)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": "missing"}, "no layer 'missing'"),
        ({"layer": []}, "layer is empty"),
        ({"layer": 3}, "layer must be a name, several names or None, not 3"),
        ({"rate": "fast"}, "rate must be a number"),
        ({"image": "cat.png"}, "image must be a floating-point tensor .* not str"),
        ({"image": torch.zeros(1, 1, 12, 10, dtype=torch.uint8)}, "not torch.uint8"),
        ({"image": torch.zeros(2, 1, 12, 10)}, r"image must be \(1, C, H, W\)"),
        ({"image": torch.full((1, 1, 12, 10), torch.nan)}, "values that are not finite"),
        ({"loss": "huber"}, "loss must be one of"),
        ({"neighbourhood": 0}, "neighbourhood must be a whole number"),
        ({"neighbourhood": 99}, "neighbourhood must be at most 10"),
        ({"layer": "6", "neighbourhood": 1}, "layer '6' has no positions"),
        ({"filter_group": 3}, "filter_group must be None, 1 or 2"),
        ({"schedule": ()}, "schedule: a schedule is"),
        ({"rate": 0}, "rate: a schedule is"),
        ({"repeats": 0}, "repeats must be"),
        ({"seed": -1}, "seed must be"),
        ({"tv": -1}, "tv must be a number at least 0"),
        ({"method": "deepdream"}, "method must be one of 'mahendran'"),
        ({"method": "mahendran", "rate": 1e9}, "left the range of numbers in step .*: give a smaller rate"),
        ({"layer": "5", "image": torch.zeros(1, 1, 12, 10)}, "features of image at layer '5' are all 0"),
    ],
)
def test_bad_input_is_named(arguments, message):
    model = seeded(Small, torch.float32)
    if arguments.get("layer") == "5":
        for layer in (model[0], model[3]):
            nn.init.zeros_(layer.bias)
    call = {"model": model, "image": picture().float(), "layer": "0", "progress": False}
    with pytest.raises(ReconstructionError, match=message):
        invert(**(call | arguments))
