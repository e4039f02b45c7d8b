"""Every block of MatConvNet against its formula, layer by layer, from files of every kind."""

import matconvnet_forward as mcn
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mat_files import StructArray, save

import sketchwidgets as sw

versions = pytest.mark.parametrize("version", ["5", "5 packed", "7.3"])


def assert_close(found, expected):
    assert found.shape == expected.shape
    scale = max(1.0, np.abs(expected).max())
    assert np.abs(found - expected).max() < 1e-5 * scale


@versions
def test_a_simplenn_of_every_layer(version, tmp_path, numbers, layer_outputs):
    f1, b1 = numbers(5, 3, 4, 6), numbers(1, 6)
    f2 = numbers(3, 3, 3, 8)  # of half the channels: two groups
    gain, shift = numbers(8, 1), numbers(8, 1)
    moments = np.concatenate([numbers(8, 1), np.abs(numbers(8, 1)) + 0.1], 1)
    f3, b3 = numbers(4, 2, 5, 8), numbers(10, 1)
    f4, b4 = numbers(8, 5, 10, 7), numbers(1, 7)
    layers = [
        {"type": "conv", "weights": [f1, b1], "pad": np.array([[2, 1, 0, 1]]), "stride": np.array([[2, 1]])},
        {"type": "relu", "leak": 0.1},
        {
            "type": "pool",
            "method": "max",
            "pool": np.array([[3, 3]]),
            "stride": 2.0,
            "pad": np.array([[0, 1, 0, 1]]),
        },
        {"type": "lrn", "param": np.array([[5, 2, 0.3, 0.75]])},
        {"type": "conv", "weights": [f2, np.zeros((0, 0))], "pad": 2.0, "dilate": np.array([[1, 2]])},
        {"type": "bnorm", "weights": [gain, shift, moments], "epsilon": 1e-4},
        {"type": "sigmoid"},
        {
            "type": "pool",
            "method": "avg",
            "pool": np.array([[3, 2]]),
            "stride": np.array([[1, 2]]),
            "pad": np.array([[1, 2, 0, 1]]),
        },
        {
            "type": "convt",
            "weights": [f3, b3],
            "upsample": np.array([[1, 2]]),
            "crop": np.array([[2, 1, 1, 0]]),
            "numGroups": 2.0,
        },
        {"type": "dropout", "rate": 0.5},
        {"type": "conv", "weights": [f4, b4]},
        {"type": "softmax"},
    ]
    meta = {"normalization": {"imageSize": np.array([[20, 11, 4]])}}
    path = save(tmp_path / "net.mat", version, net={"layers": layers, "meta": meta})
    x = numbers(20, 11, 4).astype(np.float64)
    expected = [mcn.conv(x, f1, b1, (2, 1, 0, 1), (2, 1))]
    expected.append(mcn.relu(expected[-1], 0.1))
    expected.append(mcn.pool(expected[-1], (3, 3), (2, 2), (0, 1, 0, 1)))
    expected.append(mcn.lrn(expected[-1], (5, 2, 0.3, 0.75)))
    expected.append(mcn.conv(expected[-1], f2, None, (2, 2, 2, 2), dilate=(1, 2)))
    expected.append(mcn.bnorm(expected[-1], gain, shift, moments))
    expected.append(mcn.sigmoid(expected[-1]))
    expected.append(mcn.pool(expected[-1], (3, 2), (1, 2), (1, 2, 0, 1), "avg"))
    expected.append(mcn.convt(expected[-1], f3, b3, (1, 2), (2, 1, 1, 0), 2))
    expected.append(expected[-1])
    expected.append(mcn.conv(expected[-1], f4, b4))

    network = sw.models.from_matconvnet(path)
    outputs = layer_outputs(network, x)
    assert list(outputs) == [f"{layer['type']}{i}" for i, layer in enumerate(layers[:-1], 1)]
    for found, wanted in zip(outputs.values(), expected, strict=True):
        assert_close(found, wanted)
    assert network.left_out == (("softmax12", "the scores before it are returned"),)
    assert network.input_size == (20, 11)


@versions
def test_an_old_simplenn_without_what_may_be_missing(version, tmp_path, numbers, layer_outputs):
    filters, biases = numbers(3, 3, 2, 5), numbers(1, 5)
    lone = numbers(3, 3, 5)  # one filter: MATLAB drops the last dimension
    layers = [
        {"type": "conv", "filters": filters, "biases": biases, "filtersMomentum": filters},
        {"type": "relu"},
        {"type": "normalize"},
        {"type": "conv", "filters": lone, "biases": np.zeros((0, 0))},
        {"type": "softmaxloss", "class": 1.0},
    ]
    path = save(tmp_path / "old.mat", version, layers=layers, other=numbers(2, 2))
    x = numbers(9, 8, 2).astype(np.float64)
    a = mcn.conv(x, filters, biases)
    b = mcn.relu(a)
    c = mcn.lrn(b, (5, 1, 1e-4 / 5, 0.75))
    d = mcn.conv(c, lone[..., None])
    network = sw.models.from_matconvnet(path)
    outputs = layer_outputs(network, x)
    for found, wanted in zip(outputs.values(), (a, b, c, d), strict=True):
        assert_close(found, wanted)
    assert network.conv4.bias is None


@versions
def test_a_dagnn_with_branches_in_any_order(version, tmp_path, numbers, layer_outputs):
    fa, fb, fc = numbers(3, 3, 3, 4), numbers(1, 1, 3, 4), numbers(3, 3, 8, 4)
    ba, factor, shift = numbers(4, 1), numbers(1, 1, 4), numbers(1, 1, 4)
    moments = np.concatenate([numbers(4, 1), np.abs(numbers(4, 1)) + 0.2], 1)
    ft = numbers(4, 4, 4, 4)

    def layer(name, kind, inputs, outputs, params=(), **block):
        return {
            "name": name,
            "type": f"dagnn.{kind}",
            "inputs": list(inputs),
            "outputs": list(outputs),
            "params": list(params),
            "block": block,
        }

    layers = [
        layer("loss", "Loss", ("score", "label"), ("objective",), loss="softmaxlog"),
        layer("prob", "SoftMax", ("score",), ("probabilities",)),
        layer("cut", "Crop", ("up", "input"), ("score",), crop=np.array([[1, 2]])),
        layer("up", "ConvTranspose", ("act",), ("up",), ("ft",), hasBias=False, upsample=np.array([[1, 1]])),
        layer("join", "Concat", ("a", "b"), ("ab",), dim=3.0),
        layer("conv.a", "Conv", ("input",), ("a",), ("fa", "ba"), hasBias=True, pad=np.array([[1, 1, 1, 1]])),
        layer("conv.b", "Conv", ("input",), ("b",), ("fb",), hasBias=False, stride=np.array([[1, 1]])),
        layer("mix", "Conv", ("ab",), ("mixed",), ("fc",), hasBias=False, pad=1.0),
        layer("sum", "Sum", ("mixed", "a", "b"), ("total",)),
        layer("scale", "Scale", ("total",), ("scaled",), ("factor", "shift"), hasBias=True),
        layer("bn", "BatchNorm", ("scaled",), ("normed",), ("g", "h", "m"), epsilon=1e-4),
        layer("act", "ReLU", ("normed",), ("act",), opts=["leak", 0.2]),
    ]
    values = {"fa": fa, "ba": ba, "fb": fb, "fc": fc, "factor": factor, "shift": shift, "ft": ft}
    values |= {"g": numbers(4, 1), "h": numbers(4, 1), "m": moments}
    params = StructArray({"name": name, "value": value} for name, value in values.items())
    net = {"layers": StructArray(layers), "params": params, "meta": np.zeros((0, 0))}
    path = save(tmp_path / "dag.mat", version, net=net, stats={"train": 1.0})
    x = numbers(7, 6, 3).astype(np.float64)
    wanted = {"conv_a": mcn.conv(x, fa, ba, (1, 1, 1, 1)), "conv_b": mcn.conv(x, fb)}
    wanted["join"] = np.concatenate([wanted["conv_a"], wanted["conv_b"]], 2)
    wanted["mix"] = mcn.conv(wanted["join"], fc, None, (1, 1, 1, 1))
    wanted["sum"] = wanted["mix"] + wanted["conv_a"] + wanted["conv_b"]
    wanted["scale"] = wanted["sum"] * factor + shift
    wanted["bn"] = mcn.bnorm(wanted["scale"], values["g"], values["h"], moments)
    wanted["act"] = mcn.relu(wanted["bn"], 0.2)
    wanted["up"] = mcn.convt(wanted["act"], ft)
    wanted["cut"] = mcn.crop_like(wanted["up"], x, (1, 2))
    network = sw.models.from_matconvnet(path)
    assert network.source.format == "MatConvNet DagNN"
    outputs = layer_outputs(network, x)
    assert sorted(outputs) == sorted(wanted)
    for name, expected in wanted.items():
        assert_close(outputs[name], expected)
    assert dict(network.left_out) == {"loss": "a loss", "prob": "the scores before it are returned"}

    part = sw.models.from_matconvnet(path, output="mixed")
    assert [name for name, _ in part.named_children()] == ["conv_a", "conv_b", "join", "mix"]
    assert ("bn", "does not lead to the output") in part.left_out


@settings(max_examples=25)
@given(st.data())
def test_the_geometry_of_pools(data):
    """Sizes are rounded down; max takes no padding; an average counts the pixels that are there."""
    from sketchwidgets.models.importers.matconvnet._blocks import pool
    from sketchwidgets.models.importers.matconvnet._fields import Fields

    kernel = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    pad = tuple(data.draw(st.integers(0, kernel[i // 2] - 1)) for i in range(4))
    size = data.draw(st.tuples(st.integers(4, 9), st.integers(4, 9)))
    method = data.draw(st.sampled_from(["max", "avg"]))
    x = np.random.default_rng(0).standard_normal((*size, 2)) - 3  # below zero: padding of zeros would win
    values = {
        "method": method,
        "pool": np.array([kernel]),
        "stride": np.array([stride]),
        "pad": np.array([pad]),
    }
    module = pool(Fields(values, "here"), [], [2]).module
    found = module(torch.from_numpy(x).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    assert np.allclose(found, mcn.pool(x, kernel, stride, pad, method), atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
def test_contrast_normalisation_over_any_number_of_channels(size, numbers):
    """Torch divides alpha by the number, and counts an even number's odd channel on the other side."""
    from sketchwidgets.models.importers.matconvnet._blocks import local_response
    from sketchwidgets.models.importers.matconvnet._fields import Fields

    x = numbers(4, 3, 7).astype(np.float64)
    param = np.array([[size, 1.5, 0.4, 0.6]])
    module = local_response(Fields({"param": param}, "here"), [], [7]).module
    found = module(torch.from_numpy(x).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    assert np.allclose(found, mcn.lrn(x, param[0]), atol=1e-12)


@pytest.mark.parametrize("side", [8, 9, 12])
def test_pads_behind_are_the_rounding_up_of_caffe(side, tmp_path, numbers):
    """Networks that MatConvNet took over from Caffe have a pad of stride - 1 at the bottom and the right."""
    layers = [
        {"type": "conv", "weights": [np.ones((1, 1, 1, 1), np.float32), np.zeros((1, 1), np.float32)]},
        {"type": "pool", "method": "max", "pool": 3.0, "stride": 2.0, "pad": np.array([[0, 1, 0, 1]])},
    ]
    network = sw.models.from_matconvnet(save(tmp_path / "net.mat", "5", net={"layers": layers}))
    x = torch.from_numpy(numbers(1, 1, side, side))
    assert torch.equal(network(x), torch.nn.MaxPool2d(3, 2, ceil_mode=True)(x))


def test_filters_are_not_flipped(tmp_path):
    filters = np.arange(6, dtype=np.float32).reshape(2, 3, 1, 1, order="F")
    layers = [{"type": "conv", "weights": [filters, np.zeros((1, 1), np.float32)]}]
    network = sw.models.from_matconvnet(save(tmp_path / "net.mat", "5", net={"layers": layers}))
    x = torch.zeros(1, 1, 4, 5)
    x[0, 0, 1, 2] = 1
    # A point at (1, 2), seen from (0, 1), is at (1, 1) of the window: the filter's own value there.
    assert network(x)[0, 0, 0, 1] == filters[1, 1, 0, 0] == 3


def test_a_fully_connected_layer_sees_rows_and_columns_as_they_are(tmp_path, numbers):
    """A vector in MATLAB runs down the columns first, in Caffe and torch along the rows."""
    images = numbers(4, 6, 3)
    weights = numbers(5, 4 * 6 * 3)
    filters = weights.T.reshape(4, 6, 3, 5, order="F")
    layers = [{"type": "conv", "weights": [filters, np.zeros((1, 5), np.float32)]}]
    network = sw.models.from_matconvnet(save(tmp_path / "net.mat", "7.3", net={"layers": layers}))
    found = network(torch.from_numpy(images).permute(2, 0, 1)[None])
    assert found.shape == (1, 5)
    assert np.allclose(found[0].detach(), weights @ images.ravel(order="F"), atol=1e-4)


def test_batch_normalisation_has_the_deviation_with_epsilon_in_it(tmp_path, numbers):
    moments = np.array([[1.0, 2.0], [-1.0, 0.011]], np.float32)
    weights = [numbers(2, 1), numbers(2, 1), moments]
    layers = [{"type": "bnorm", "weights": weights, "epsilon": 1e-4}]
    network = sw.models.from_matconvnet(save(tmp_path / "net.mat", "5", net={"layers": layers}))
    norm = network.bnorm1
    assert norm.eps == 1e-4
    assert torch.allclose(norm.running_var, torch.tensor([4 - 1e-4, 0.011**2 - 1e-4]), rtol=1e-3)


def test_dropout_does_nothing_unless_trained(tmp_path, numbers):
    layers = [
        {"type": "conv", "weights": [np.ones((1, 1, 1, 1), np.float32), np.zeros((1, 1))]},
        {"type": "dropout", "rate": 0.25},
    ]
    network = sw.models.from_matconvnet(save(tmp_path / "net.mat", "5", net={"layers": layers}))
    x = torch.from_numpy(numbers(1, 1, 40, 40))
    assert network.dropout2.p == 0.25
    assert torch.equal(network(x), x)
    torch.manual_seed(0)
    trained = network.train()(x)
    kept = trained != 0
    assert torch.allclose(trained[kept], x[kept] / 0.75)


def test_a_gate_computed_from_the_whole_map(tmp_path, numbers, layer_outputs):
    """Squeeze and excitation, as in networks that were added to MatConvNet later."""
    filters, gate = numbers(3, 3, 1, 4), numbers(1, 1, 4, 4)
    layers = [
        ("conv", "Conv", ["x"], ["a"], ["f"], {"hasBias": False}),
        ("squeeze", "GlobalPooling", ["a"], ["s"], [], {"method": "avg"}),
        ("fc", "Conv", ["s"], ["t"], ["g"], {"hasBias": False}),
        ("act", "Tanh", ["t"], ["u"], [], {}),
        ("gate", "Scale", ["a", "u"], ["b"], [], {"hasBias": False}),
        ("beside", "Concat", ["a", "b"], ["c"], [], {"dim": 2.0}),
    ]
    keys = ("name", "type", "inputs", "outputs", "params", "block")
    structs = StructArray(
        dict(zip(keys, (row[0], f"dagnn.{row[1]}", *row[2:]), strict=True)) for row in layers
    )
    params = StructArray([{"name": "f", "value": filters}, {"name": "g", "value": gate}])
    path = save(tmp_path / "gate.mat", "7.3", net={"layers": structs, "params": params})
    x = numbers(6, 7, 1).astype(np.float64)
    a = mcn.conv(x, filters)
    u = np.tanh(mcn.conv(a.mean((0, 1), keepdims=True), gate))
    found = layer_outputs(sw.models.from_matconvnet(path), x)
    assert_close(found["act"], u)
    assert_close(found["beside"], np.concatenate([a, a * u], 1))
