"""MatConvNet files in order whose layers or graphs make no sense: an error that names the layer and the field."""

import numpy as np
import pytest
from mat_files import FunctionHandle, StructArray, conv, refused, save

import sketchwidgets as sw

NOTHING = np.zeros((0, 0))

pytestmark = pytest.mark.usefixtures("no_large_allocation")


@pytest.mark.parametrize(
    ("layers", "match"),
    [
        ([], "no layers"),
        ([{"type": "relu"}, {"type": "softmax"}], "no convolution"),
        ([{"type": "softmaxloss"}], "no layer that computes"),
        ([{"pad": 1.0}], "layer 1: 'type' should be a text, is missing"),
        (
            [conv(), {"type": "spiral", "name": "s"}],
            r"layer 2 \('s', 'spiral'\): layers of the type 'spiral'",
        ),
        ([conv(), {"type": "custom", "forward": "evil()"}, conv()], "a custom layer is MATLAB code"),
        ([{"type": "conv"}], "filters should be numbers, are missing"),
        ([conv(weights="abc")], "'weights' should be a cell array, is the text 'abc'"),
        ([conv(weights=["abc", NOTHING])], "filters should be numbers, are the text 'abc'"),
        ([conv(weights=[np.full((3, 3), np.nan), NOTHING])], "not finite"),
        ([conv(pad="abc")], "'pad' should be numbers, is the text 'abc'"),
        ([conv(pad=np.array([[1, 2, 3]]))], "1 or 4 whole numbers"),
        ([conv(pad=-1.0)], "whole numbers from 0 up"),
        ([conv(stride=0.0)], "whole numbers from 1 up"),
        ([conv(stride=1.5)], "whole numbers from 1 up"),
        ([conv(pad=1e300)], "whole numbers"),
        ([conv(dilate=float("inf"))], "finite"),
        ([conv(weights=[np.ones((1, 1, 1, 2)), np.ones((1, 3))])], "3 biases for 2 filters"),
        (
            [conv(), conv(weights=[np.ones((1, 1, 3, 2)), NOTHING])],
            "2 filters of 3 channels do not fit maps of 2",
        ),
        ([conv(), {"type": "pool", "pool": 2.0, "method": "median"}], "'max' or 'avg'"),
        ([conv(), {"type": "pool", "pool": 2.0, "pad": 2.0}], "not smaller than the pool"),
        ([conv(), {"type": "bnorm", "weights": [np.ones((2, 1)), np.ones((2, 1))]}], "no moments"),
        (
            [conv(), {"type": "bnorm", "weights": [np.ones((2, 1)), np.ones((2, 1)), np.zeros((2, 2))]}],
            "not above 0",
        ),
        ([conv(), {"type": "lrn", "param": np.array([[5.0, 1]])}], r"\[N kappa alpha beta\]"),
        ([conv(), {"type": "dropout", "rate": 2.0}], "'rate' should be in 0..1"),
        ([conv(), {"type": "loss"}, {"type": "relu"}], "a loss between layers"),
        ([1.0], "layer 1 should be a struct"),
    ],
)
def test_layers_that_make_no_sense(layers, match, tmp_path):
    refused(save(tmp_path / "net.mat", "5", net={"layers": layers, "meta": {}}), match)


def test_a_custom_layer_with_a_function_is_refused_by_name(tmp_path):
    layers = [conv(), {"type": "custom", "name": "mine", "forward": FunctionHandle()}, {"type": "relu"}]
    refused(
        save(tmp_path / "net.mat", "7.3", net={"layers": layers}),
        r"\('mine', 'custom'\): a custom layer is MATLAB",
    )


def test_layers_that_do_not_fit_the_size(tmp_path):
    big = [np.ones((9, 9, 1, 2), np.float32), NOTHING]
    meta = {"normalization": {"imageSize": np.array([[6.0, 6, 1]])}}
    path = save(tmp_path / "net.mat", "5", net={"layers": [conv(big)], "meta": meta})
    refused(path, "6 x 6 pixels are too small for layer 'conv1'")


def dag(*layers, params=("f",)):
    structs = StructArray(
        {
            "name": name,
            "type": f"dagnn.{kind}",
            "inputs": list(inputs),
            "outputs": list(outputs),
            "params": ["f"] if kind == "Conv" else [],
            "block": {"hasBias": False} if kind == "Conv" else {"dim": 3.0},
        }
        for name, kind, inputs, outputs in layers
    )
    values = StructArray({"name": name, "value": np.ones((1, 1, 1, 1), np.float32)} for name in params)
    return {"layers": structs, "params": values}


@pytest.mark.parametrize(
    ("net", "match"),
    [
        (
            dag(("a", "Conv", ["x", "z"], ["y"]), ("b", "Conv", ["y"], ["z"])),
            "'a', 'b' wait for each other in a circle",
        ),
        (dag(("a", "Sum", ["x", "w"], ["y"])), "variables that no layer makes: 'x', 'w'"),
        (dag(("a", "Conv", ["x"], ["y"]), ("b", "ReLU", ["x"], ["y"])), "two layers make the variable 'y'"),
        (dag(("a", "Conv", ["x"], ["y"]), params=["g"]), "the parameter 'f' is not in the file"),
        (
            dag(("a", "Spiral", ["x"], ["y"])),
            r"layer 'a' \(dagnn\.Spiral\): blocks of this type are not known",
        ),
        (dag(("a", "Conv", [], ["y"])), "needs inputs and outputs"),
        (dag(("a", "Conv", ["x"], ["y", "z"])), "has one output, not 2"),
        (dag(("a", "Loss", ["x", "label"], ["y"])), "no layer that computes"),
    ],
)
def test_graphs_that_make_no_sense(net, match, tmp_path):
    refused(save(tmp_path / "dag.mat", "5", net=net), match)


def test_layers_that_share_their_numbers_without_end(tmp_path):
    net = dag(*((f"c{i}", "Conv", [f"x{i}"], [f"x{i + 1}"]) for i in range(40)))
    path = save(tmp_path / "dag.mat", "5", net=net)
    assert len(sw.models.from_matconvnet(path).graph) == 40
    net["params"][0]["value"] = np.ones((300, 300, 1, 1), np.float32)
    refused(save(path, "5", net=net), "layers share parameters, and would use 3,600,000 numbers of 90,000")


def test_too_many_layers(tmp_path, monkeypatch):
    monkeypatch.setattr("sketchwidgets.models.importers.matconvnet._reader._MOST_LAYERS", 20)
    refused(save(tmp_path / "net.mat", "5", net={"layers": [{"a": 1.0}] * 21}), "21 layers; at most 20")


def test_a_circle_that_nothing_enters(tmp_path):
    net = dag(("in", "Conv", ["x"], ["a"]), ("p", "ReLU", ["q"], ["r"]), ("s", "ReLU", ["r"], ["q"]))
    refused(save(tmp_path / "dag.mat", "7.3", net=net), "'p', 's' wait for each other in a circle")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"input_size": 0}, "input_size must be"),
        ({"input_size": (3, 4, 5)}, "input_size must be"),
        ({"input_size": 1.5}, "input_size must be"),
        ({"ink": "blue"}, "ink must be one of"),
        ({"output": "nowhere"}, "output must be a value that a layer makes"),
    ],
)
def test_arguments_are_named(arguments, match, tmp_path):
    path = save(tmp_path / "net.mat", "5", net={"layers": [conv()]})
    with pytest.raises(ValueError, match=match):
        sw.models.from_matconvnet(path, **arguments)
