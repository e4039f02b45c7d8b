"""Activation maximisation: the steps against numpy, what it reaches, how it starts, stops and fails."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from reconstruction_nets import Small, seeded
from scipy import ndimage
from torch import nn

from sketchwidgets.visualization import (
    MAXIMIZE_METHODS,
    MaximizeSettings,
    Network,
    ReconstructionError,
    maximize,
)

PLAIN = MaximizeSettings(steps=1, rate=1.0, start="zero", clip=False)
SHAPE = (1, 12, 10)


def climb(model, *arguments, **options):
    return maximize(model, *arguments, **{"shape": SHAPE, "progress": False, **options})


def levels(result):
    return result.space.from_inputs(result.images).numpy()


def gradient_of(model, x, channel, scale):
    x = torch.from_numpy(x).requires_grad_()
    (gradient,) = torch.autograd.grad(model(x * scale)[0, channel], x)
    return gradient.numpy()


def test_plain_ascent_of_a_linear_unit_adds_its_weights():
    model = nn.Sequential(nn.Flatten(), nn.Linear(120, 3)).double().eval()
    result = climb(model, None, 1, method=replace(PLAIN, steps=3, rate=10.0))
    # x = 255 ink, and the network sees x / 255.
    wanted = 3 * 10 * model[1].weight[1].detach().view(1, *SHAPE) / 255
    np.testing.assert_allclose(levels(result), wanted, atol=1e-12)
    np.testing.assert_allclose(result.images, wanted / 255, atol=1e-12)
    assert result.activation[0] == pytest.approx(model(result.images)[0, 1].item())


def test_the_published_update_step_by_step():
    """Yosinski's loop written down once more with numpy and scipy, on the same noise."""
    model = seeded(Small)
    settings = replace(
        MAXIMIZE_METHODS["yosinski-a"],
        steps=6,
        rate=1e5,
        decay=0.05,
        blur_radius=1.0,
        contribution_percentile=20,
    )
    mean, std = 0.4, 0.5
    result = climb(model, None, 2, method=settings, mean=mean, std=std, seed=3)
    noise = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3)).double()
    x = 10 * noise.numpy()[None]
    x = np.clip(x + 255 * mean, 0, 255) - 255 * mean
    for step in range(6):
        gradient = gradient_of(model, x, 2, 1 / (255 * std))
        x = x + min(1e5, 2 / (gradient**2).sum()) * gradient
        x = x * 0.95
        if step % 4 == 0:
            x = ndimage.gaussian_filter(x[0, 0], 1.0)[None, None]
        norms = np.abs(x[0, 0])
        x = np.where(norms < np.percentile(norms, 50), 0, x)
        gains = np.abs(gradient * x)[0, 0]
        x = np.where(gains < np.percentile(gains, 20), 0, x)
        x = np.clip(x + 255 * mean, 0, 255) - 255 * mean
    np.testing.assert_allclose(levels(result), x, atol=1e-8)


def test_the_objective_is_the_score_less_the_penalties():
    model = seeded(Small)
    settings = replace(PLAIN, steps=4, policy="normalized", rate=20.0, l2=1e-5, tv=1e-6, start="noise")
    result = climb(model, None, 4, method=settings)
    x = levels(result)
    across, down = np.diff(x, axis=3), np.diff(x, axis=2)
    penalty = 1e-5 * (x**2).sum() + 1e-6 * ((across**2).sum() + (down**2).sum())
    assert float(result.objective[-1, 0]) == pytest.approx(float(result.activation[0]) - penalty, abs=1e-9)
    assert float(result.activation[0]) == pytest.approx(model(result.images)[0, 4].item())


@pytest.mark.parametrize(
    ("method", "steps", "gain"),
    [("simonyan", 20, 0.2), ("yosinski-a", 20, 0.2), ("yosinski-d", 20, 0.2), ("sketch", 20, 0.2)],
)
def test_methods_raise_their_objective(method, steps, gain):
    options = {"yosinski-a": {"rate": 1e8}, "sketch": {"jitter": 0}}.get(method, {})
    model = seeded(lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(320, 5)))
    result = climb(model, None, [0, 1], method=method, steps=steps, mean=0.5, seed=1, **options)
    assert (result.objective[-1] - result.objective[0]).min() > gain
    if result.settings.clip:
        assert levels(result).min() + 127.5 >= 0
        assert levels(result).max() - 127.5 <= 1e-9


@pytest.mark.parametrize("method", ["yosinski-b", "yosinski-c"])
def test_constant_rates_raise_their_objective(method):
    result = climb(seeded(Small), None, 1, method=method, steps=20, rate=1e6, mean=0.5)
    assert result.objective[-1, 0] > result.objective[0, 0] + 0.05


def test_a_rate_that_falls():
    model = nn.Sequential(nn.Flatten(), nn.Linear(120, 3)).double().eval()
    result = climb(model, None, 1, method=PLAIN, policy="normalized", rate=8.0, final_rate=2.0, steps=3)
    assert np.linalg.norm(levels(result)) == pytest.approx(8 + 4 + 2)


def test_the_published_settings():
    a, b, c, d = (MAXIMIZE_METHODS[f"yosinski-{letter}"] for letter in "abcd")
    assert [s.decay for s in (a, b, c, d)] == [0, 0.3, 1e-4, 0]
    assert [s.blur_radius for s in (a, b, c, d)] == [0.5, 0, 1.0, 0.5]
    assert [s.norm_percentile for s in (a, b, c, d)] == [50, 20, 0, 0]
    assert [s.contribution_percentile for s in (a, b, c, d)] == [0, 0, 0, 90]
    assert [s.steps for s in (a, b, c, d)] == [500, 750, 1000, 1000]
    assert [s.policy for s in (a, b, c, d)] == ["progress", "constant", "constant", "progress"]
    assert [s.rate for s in (a, b, c, d)] == [100, 100, 100, 1e8]
    assert {s.noise for s in (a, b, c, d)} == {10}


def test_a_unit_a_channel_and_the_centre():
    model = seeded(Small)
    centre = climb(model, "4", 3, method="simonyan", steps=2)
    assert centre.position == (3, 2)
    unit = climb(model, "4", 3, (1, 4), method="simonyan", steps=2)
    whole = climb(model, "4", 3, "all", method="simonyan", steps=2)
    maps = nn.Sequential(*list(model)[:5])
    assert float(unit.activation[0]) == pytest.approx(maps(unit.images)[0, 3, 1, 4].item())
    assert float(whole.activation[0]) == pytest.approx(maps(whole.images)[0, 3].mean().item())
    # The unit at row 1 sees nothing of the lowest rows, the channel all of them.
    assert np.abs(levels(unit)[..., 9:, :]).max() == 0
    assert np.abs(levels(whole)[..., 9:, :]).max() > 0


def test_images_do_not_depend_on_those_beside_them():
    model = seeded(Small)
    options = {"method": "sketch", "steps": 5, "start": "noise", "jitter": 2}
    together = climb(model, None, [2, 4], seed=[7, 1], **options)
    assert together.channels == (2, 2, 4, 4)
    assert together.seeds == (7, 1, 7, 1)
    alone = climb(model, None, 4, seed=1, **options)
    np.testing.assert_allclose(together.images[3], alone.images[0], atol=1e-9)
    assert torch.equal(alone.images, climb(model, None, 4, seed=1, **options).images)
    assert not torch.equal(together.images[2], together.images[3])


def test_jitter_shifts_what_the_network_sees():
    seen = []

    class Eye(nn.Module):
        def forward(self, x):
            seen.append(x.detach().clone())
            return x.flatten(1)

    start = torch.arange(120.0).view(1, *SHAPE) / 120
    climb(Eye().eval(), None, 0, shape=None, start=start, method=PLAIN, rate=1e-12, steps=30, jitter=2)
    offsets = [divmod(int(image.argmin()), 10) for image in seen]
    rows = {(row + 6) % 12 - 6 for row, _ in offsets}
    columns = {(column + 5) % 10 - 5 for _, column in offsets}
    assert rows == columns == {-2, -1, 0, 1, 2}


class Deaf(nn.Sequential):
    """A unit that is dead on blank paper: it needs 60 % of grey before it answers."""

    def __init__(self, rectifier):
        super().__init__(nn.Conv2d(1, 2, 1), rectifier)
        nn.init.constant_(self[0].weight, 1.0)
        nn.init.constant_(self[0].bias, -0.6)


@pytest.mark.parametrize("rectifier", [nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6()])
def test_a_dead_unit_is_climbed_by_what_comes_into_its_rectifier(rectifier):
    result = climb(Deaf(rectifier).eval(), "1", 0, method=PLAIN, policy="normalized", rate=50.0, steps=5)
    assert float(result.objective[0, 0]) == pytest.approx(-0.6)
    assert float(result.activation[0]) == pytest.approx(250 / 255 - 0.6, abs=1e-6)
    assert not result.dead.any()


def test_a_dead_unit_behind_a_functional_rectifier_is_woken_by_noise():
    class Functional(Deaf):
        def forward(self, x):
            return torch.relu(self[0](x))

    model = Functional(nn.Identity()).eval()
    result = climb(model, None, 0, method=PLAIN, policy="normalized", rate=50.0, steps=10, noise=80.0)
    assert result.activation[0] > 0.5


def test_what_nothing_excites_is_said_to_be_dead():
    class Never(nn.Module):
        def forward(self, x):
            return torch.relu(x.flatten(1) * 0 - 1)

    result = climb(Never().eval(), None, 0, steps=2)
    assert result.dead.tolist() == [True]
    assert torch.isfinite(result.images).all()
    assert result.tiles()[0].label == "dead"


def test_the_model_is_left_alone():
    model = seeded(Small)
    model[0].weight.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    flags = [p.requires_grad for p in model.parameters()]

    def stop(_state):
        raise RuntimeError("in the middle")

    for layer in ("1", "4", None):
        climb(model, layer, 0, steps=2)
        with pytest.raises(RuntimeError, match="in the middle"):
            climb(model, layer, 0, steps=2, callback=stop)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert [p.requires_grad for p in model.parameters()] == flags
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_the_forward_stops_at_the_layer_and_modes_do_not_matter():
    class Trap(Small):
        def __init__(self):
            super().__init__()
            self.append(Fails())

    class Fails(nn.Module):
        def forward(self, x):
            raise AssertionError("ran too far")

    model = seeded(Trap)
    with torch.no_grad():
        first = climb(model, "4", 1, steps=2).images
    with torch.inference_mode():
        second = climb(model, "4", 1, steps=2).images
    assert torch.equal(first, second)
    assert not first.requires_grad


def test_a_callback_sees_every_step_and_ends_the_climb():
    seen = []

    def callback(state):
        seen.append((state.step, state.steps, tuple(state.images.shape), state.pictures.shape))
        return state.step < 3

    result = climb(seeded(Small), None, [0, 1], steps=10, preview_every=2, callback=callback)
    assert seen == [(step, 10, (2, *SHAPE), (2, 12, 10)) for step in (1, 2, 3)]
    assert result.stopped
    assert result.steps == 3
    assert result.objective.shape == (4, 2)
    assert result.preview_steps == (2,)
    assert result.previews.shape == (1, 2, *SHAPE)
    assert result.preview_pictures(1).shape == (1, 12, 10)


def test_the_bar_counts_the_steps(capsys):
    climb(seeded(Small), None, 0, steps=3, progress=True)
    assert "3/3" in capsys.readouterr().err
    climb(seeded(Small), None, 0, steps=3, progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dtypes(dtype):
    result = climb(seeded(Small, dtype), None, 0, method="sketch", steps=4)
    assert result.images.dtype == dtype
    assert result.objective[-1, 0] > result.objective[0, 0]


def test_colours_and_a_network_that_knows_what_it_takes():
    network = Network(
        seeded(lambda: Small(3), torch.float32),
        size=(12, 10),
        mean=(0.5, 0.4, 0.3),
        std=0.25,
        classes=list("abcde"),
    )
    result = maximize(network, None, ["d", 1], steps=6, progress=False)
    assert result.method == "photo"
    assert result.names == ("d", "b")
    assert result.pictures.shape == (2, 12, 10, 3)
    np.testing.assert_allclose(result.pictures, network.picture(result.images), atol=1)
    values = result.images * 0.25 + torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1)
    assert float(values.min()) >= -1e-5
    assert float(values.max()) <= 1 + 1e-5
    assert "photo" in result.figure().to_svg()


def test_colours_in_another_order_are_climbed_alike():
    model = seeded(lambda: Small(3))
    flipped = copy.deepcopy(model)
    flipped[0].weight.data = flipped[0].weight.data.flip(1)
    one = Network(model, size=(12, 10), mean=0.5)
    other = Network(flipped, size=(12, 10), mean=0.5, channel_order="bgr")
    options = {"steps": 4, "progress": False, "start": "zero", "channel": 0, "layer": None}
    np.testing.assert_array_equal(maximize(one, **options).pictures, maximize(other, **options).pictures)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": "missing"}, "no layer 'missing'"),
        ({"channel": 5}, "channel must be below 5"),
        ({"channel": -1}, "channel must be whole numbers"),
        ({"channel": 1.5}, "channel must be whole numbers"),
        ({"channel": []}, "channel is empty"),
        ({"channel": "cat"}, "channel 'cat': this model has no class names"),
        ({"position": (0, 0)}, "the model has no positions"),
        ({"layer": "4", "position": (6, 0)}, r"position \(6, 0\) is outside of the 6 x 5 map"),
        ({"position": "centre"}, "position must be None, 'all' or"),
        ({"method": "deepdream"}, "method must be one of 'simonyan'"),
        ({"steps": 0}, "steps must be a whole number of at least 1"),
        ({"seed": "x"}, "seed must be whole numbers"),
        ({"seed": 1.5}, "seed must be whole numbers"),
        ({"rate": -1}, "rate must be a number above 0"),
        ({"decay": 2}, "decay must be a number at least 0 and at most 1"),
        ({"start": "ones"}, "start must be one of 'zero', 'noise'"),
        ({"start": torch.zeros(1, 3, 3)}, "start must be 'zero', 'noise' or finite images"),
        ({"shape": (12, 10)}, r"shape must be \(C, H, W\)"),
        ({"std": 0}, "std must be above 0"),
        ({"mean": (1, 2)}, "mean must be a number or 1 of them"),
        ({"value_range": (1, 0)}, "value_range must be two numbers"),
        ({"value_range": 255}, "value_range must be two numbers"),
        ({"preview_every": 0}, "preview_every must be"),
        ({"model": "resnet"}, "model must be a torch.nn.Module or a Network, not str"),
        ({"natural_colours": True}, "natural_colours needs 3 channels"),
    ],
)
def test_bad_input_is_named(arguments, message):
    call = {"model": seeded(Small), "layer": None, "channel": 0, "shape": SHAPE, "progress": False}
    with pytest.raises(ReconstructionError, match=message):
        maximize(**(call | arguments))


def test_other_bad_input():
    with pytest.raises(TypeError, match="unknown setting 'blur'; there are steps"):
        climb(seeded(Small), None, 0, blur=1)
    model = seeded(Small)
    model[1].train()
    with pytest.raises(ReconstructionError, match="'1' is in training mode"):
        climb(model, None, 0)
    with pytest.raises(ReconstructionError, match="give shape"):
        maximize(nn.Sequential(nn.Conv2d(1, 1, 3)).eval(), None, 0, progress=False)
    with pytest.raises(ReconstructionError, match="returns a tuple"):
        climb(Pair().eval(), None, 0)
    with pytest.raises(ReconstructionError, match="does not depend on the images"):
        climb(Constant().eval(), None, 0)


class Pair(nn.Module):
    def forward(self, x):
        return x, x


class Constant(nn.Module):
    def forward(self, x):
        return torch.ones(len(x), 2)
