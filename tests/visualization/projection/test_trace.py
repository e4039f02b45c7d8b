"""A trace shows what a projection does: by hand, against `project`, and by the masks of the papers' ReLU figure."""

import pytest
import torch
import toy_nets
from torch import nn
from toy_nets import NETS, RELU_NETS, images, seeded

from sketchwidgets.visualization import ProjectionError, project, trace

RULES = ("backprop", "deconvnet", "guided")


@pytest.fixture
def by_hand():
    """A row of five pixels, two filters, an overlapping pool with a tie, and one filter over both maps."""
    model = nn.Sequential(
        nn.Conv2d(1, 2, 1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d((1, 3), (1, 2)),
        nn.Conv2d(2, 1, (1, 2)),
        nn.ReLU(),
    ).eval()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([2.0, -1.0]).view(2, 1, 1, 1))
        model[3].weight.copy_(torch.tensor([[3.0, -1.0], [-1.0, 2.0]]).view(1, 2, 1, 2))
        model[0].bias.zero_()
        model[3].bias.zero_()
    return model, torch.tensor([1.0, -1.0, 3.0, 2.0, 3.0]).view(1, 1, 1, 5)


def rows(maps):
    return maps[:, 0].tolist()


def test_a_network_worked_out_on_paper(by_hand):
    traced = trace(*by_hand, "4")
    assert (traced.channel, traced.position, traced.activation, traced.dead) == (0, (0, 0), 11.0, False)
    top, upper, pool, relu, lower = traced.steps
    assert [step.kind for step in traced.steps] == ["rectify", "filter", "unpool", "rectify", "filter"]
    assert [step.name for step in traced.steps] == ["4", "3", "2", "1", "0"]

    # Up: 2x and -x; of each three neighbours the largest; 3a - b of the one map and 2d - c of the other.
    assert rows(relu.forward_input) == [[2, -2, 6, 4, 6], [-1, 1, -3, -2, -3]]
    assert rows(relu.forward_output) == rows(pool.forward_input) == [[2, 0, 6, 4, 6], [0, 1, 0, 0, 0]]
    assert rows(pool.forward_output) == [[6, 6], [1, 0]]
    assert rows(top.forward_input) == rows(top.forward_output) == [[11]]
    # The second window of the first map is tied at its two ends, the one of the second map everywhere.
    assert pool.switches[:, 0, :, 1].tolist() == [[2, 2], [1, 3]]
    assert pool.switches[..., 0].eq(0).all()

    for rule in RULES:
        assert rows(top.signals[rule][0]) == rows(top.signals[rule][1]) == [[11]]
        assert rows(upper.signals[rule][1]) == rows(pool.signals[rule][0]) == [[33, -11], [-11, 22]]
        # Both windows of the first map have their switch at 2: 33 - 11.
        assert rows(pool.signals[rule][1]) == rows(relu.signals[rule][0])
        assert rows(relu.signals[rule][0]) == [[0, 0, 22, 0, 0], [0, -11, 0, 22, 0]]
    assert {rule: rows(relu.signals[rule][1]) for rule in RULES} == {
        "backprop": [[0, 0, 22, 0, 0], [0, -11, 0, 0, 0]],
        "deconvnet": [[0, 0, 22, 0, 0], [0, 0, 0, 22, 0]],
        "guided": [[0, 0, 22, 0, 0], [0, 0, 0, 0, 0]],
    }
    assert {rule: rows(lower.signals[rule][1])[0] for rule in RULES} == {
        "backprop": [0, 11, 44, 0, 0],
        "deconvnet": [0, 0, 44, -22, 0],
        "guided": [0, 0, 44, 0, 0],
    }
    assert all(torch.equal(traced.pixels[rule], lower.signals[rule][1]) for rule in RULES)
    assert "2 of 3 values pass (x > 0); 40\N{NO-BREAK SPACE}% of" in relu.report("backprop")
    assert "1 of 3 values pass (x > 0 and R > 0)" in relu.report("guided")
    assert pool.report("guided") == "4 values on 2 of 2 maps go to 3 places, adding up where they meet."
    assert "Windows overlap" in pool.explanation


def test_the_figure_of_the_papers():
    """Springenberg et al. 2015, figure 1: a map, a signal that arrives, and what each rule makes of it."""
    x = torch.tensor([[1.0, -1, 5], [2, -5, -7], [-3, 2, 4]])
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU(), nn.Conv2d(1, 1, 3)).eval()
    with torch.no_grad():
        model[0].weight.fill_(1)
        model[0].bias.zero_()
        # The filter over the whole map is the signal that comes down from a seed of 1.
        model[2].weight.copy_(torch.tensor([[-2.0, 3, -1], [6, -3, 1], [2, -1, 3]])[None, None])
    relu = trace(model, x[None, None], "2", channel=0, signal="unit").step("1")
    assert relu.forward_output[0].tolist() == [[1, 0, 5], [2, 0, 0], [0, 2, 4]]
    assert {rule: relu.signals[rule][1][0].tolist() for rule in RULES} == {
        "backprop": [[-2, 0, -1], [6, 0, 0], [0, -1, 3]],
        "deconvnet": [[0, 3, 0], [6, 0, 1], [2, 0, 3]],
        "guided": [[0, 0, 0], [6, 0, 0], [0, 0, 3]],
    }


def test_a_trace_draws_a_row_for_each_step():
    traced = trace(seeded(toy_nets.Residual), images(), "out")
    one = traced.figure(steps=["conv1"])
    assert [section.title for section in one.sections] == ["", "conv1 · filter (convolution 3×3, stride 2)"]
    for options in ({}, {"channels": None}, {"channels": 9, "whole": True, "same_scale": True}):
        figure = traced.figure(**options)
        assert [len(section.tiles) for section in figure.sections] == [4] * (1 + len(traced.steps))
    assert "branches gets the whole signal" in traced._repr_html_()


def test_another_policy_for_ties_moves_a_switch(by_hand):
    traced = trace(*by_hand, "4", ties="first")
    assert traced.step("2").switches[1, 0, :, 1].tolist() == [1, 2]
    assert rows(traced.pixels["deconvnet"]) == [[0, 0, 22, 0, 0]]


@pytest.mark.parametrize("net", NETS)
def test_a_trace_ends_in_the_projection(net):
    model, x = seeded(net), images()
    rules = RULES if net in RELU_NETS else ("backprop",)
    layers = list(project(model, x, top=1))
    for layer in layers[-2:]:
        traced = trace(model, x, layer, rules=rules)
        for rule in rules:
            (expected,) = project(model, x, layer, 1, rule, path="windows").values()
            torch.testing.assert_close(traced.pixels[rule], expected.images[0, 0], rtol=1e-12, atol=1e-14)
            assert (traced.channel, list(traced.position)) == (
                int(expected.channels),
                expected.positions[0, 0].tolist(),
            )
            check_flow(traced, rule)


def check_flow(traced, rule):
    """What arrives at a step is the sum of what was sent to it; the ReLUs' masks are those of the figure."""
    sent = {"pixels": torch.zeros_like(traced.pixels[rule])}
    for step in traced.steps:
        before, after = step.signals[rule]
        assert before.shape == step.forward_output.shape
        if step.above:
            torch.testing.assert_close(before, sent[step.title], rtol=1e-12, atol=0)
        assert torch.equal(after, step.branches[rule][0])
        for below, signal, maps in zip(step.below, step.branches[rule], step.forward_inputs, strict=True):
            assert signal.shape == maps.shape
            sent[below] = sent[below] + signal if below in sent else signal
        if step.operation == "relu":
            x = step.forward_input
            mask = {
                "backprop": x > 0,
                "deconvnet": before > 0,
                "guided": (x > 0) & (before > 0),
            }[rule]
            assert torch.equal(after, before * mask)
            assert (after != 0).any()
    torch.testing.assert_close(sent["pixels"], traced.pixels[rule], rtol=1e-12, atol=0)


def test_units_and_maps_of_choice():
    model, x = seeded(toy_nets.InPlace), images()
    for options, asked in (
        ({"channel": 3, "position": (2, 1)}, {"channels": [3], "positions": [[[2, 1]]]}),
        ({"channel": 5, "signal": "map"}, {"channels": [5], "signal": "map"}),
        ({"channel": 4, "signal": "unit"}, {"channels": [4], "signal": "unit"}),
    ):
        traced = trace(model, x, "4", **options)
        for rule in RULES:
            expected = project(model, x, "4", rule=rule, **asked)["4"]
            assert torch.equal(traced.pixels[rule], expected.images[0, 0])
            assert traced.dead == bool(expected.dead)
    logit = trace(model, x, "10", channel=2, signal="unit", rules="backprop")
    inputs = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(inputs)[0, 2], inputs)
    assert (logit.pixels["backprop"] - gradient[0]).abs().max() < 1e-12 * gradient.abs().max()


def test_branches_are_listed_and_sums_are_said():
    traced = trace(seeded(toy_nets.Residual), images(), "out")
    added = next(step for step in traced.steps if step.operation == "sum")
    assert set(added.below) == {"norm2", "short"}
    assert added.explanation.startswith("2 maps were added")
    assert [torch.equal(*added.branches[rule]) for rule in RULES] == [True] * 3
    # The stem's output went into the block and into its shortcut: two signals meet there.
    stem = next(step for step in traced.steps if set(step.above) == {"conv1", "short"})
    assert stem.operation == "relu"
    assert [step.kind for step in traced.steps if step.name.startswith("norm")] == ["normalize"] * 3
    titles = [step.title for step in traced.steps]
    assert len(set(titles)) == len(titles)
    joined = trace(seeded(toy_nets.Branches), images(), "end").steps
    (cat,) = (step for step in joined if step.operation == "concatenation")
    assert len(cat.below) == 3
    assert [len(part) for part in cat.branches["guided"]] == [4, 4, 2]


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_left_as_it_is(by_hand, fails):
    model, x = by_hand
    if fails:
        with pytest.raises(ProjectionError, match="takes 1 channel, not"):
            trace(model, x.repeat(1, 3, 1, 1), "4")
    else:
        trace(model, x, "4")
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "9"}, "no layer '9'"),
        ({"layer": ["4"]}, "name of one layer"),
        ({"channel": 1}, "channels: 1 is not one of"),
        ({"channel": "x"}, "channels must be whole numbers"),
        ({"channel": 0, "position": (0, 3)}, "columns in positions: 3"),
        ({"position": (0, 0)}, "position needs channel"),
        ({"rules": ["lrp"]}, "rule must be one of .* not 'lrp'"),
        ({"rules": []}, "rules is empty"),
        ({"signal": "ones"}, "signal must be one of"),
        ({"ties": "last"}, "ties must be one of"),
    ],
)
def test_bad_arguments_are_named(by_hand, options, message):
    with pytest.raises(ProjectionError, match=message):
        trace(*by_hand, **{"layer": "4"} | options)


def test_what_cannot_be_traced_is_named(by_hand):
    model, x = by_hand
    with pytest.raises(ProjectionError, match=r"one image \(1, C, H, W\), not 2"):
        trace(model, x.repeat(2, 1, 1, 1), "4")
    with pytest.raises(ProjectionError, match="upsample_nearest2d"):
        trace(seeded(toy_nets.Upsampled), images(), "act2")
    tanh = seeded(toy_nets.Activated, nn.Tanh())
    with pytest.raises(ProjectionError, match=r"'relu'.*deconvnet.*not defined.*tanh"):
        trace(tanh, images(), "relu")
    assert trace(tanh, images(), "relu", rules="backprop").pixels["backprop"].any()
    with pytest.raises(KeyError, match="no step 'conv9'; there are 4, 3"):
        trace(model, x, "4").step("conv9")
