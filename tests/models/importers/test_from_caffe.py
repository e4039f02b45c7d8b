"""Caffe networks give Caffe's numbers, layer by layer; the oracle is numpy, and OpenCV where it still reads Caffe."""

import math

import numpy as np
import pytest
import torch
from caffe_files import Net, alexnet, inception, resnet
from caffe_oracle import run

import sketchwidgets as sw
from sketchwidgets.models.importers import NetworkFileError


def outputs(module, images):
    """What every child returns, by name."""
    kept = {}
    hooks = [
        child.register_forward_hook(lambda m, i, o, name=name: kept.__setitem__(name, o))
        for name, child in module.named_children()
    ]
    with torch.no_grad():
        kept["result"] = module(torch.as_tensor(images, dtype=torch.float32))
    for hook in hooks:
        hook.remove()
    return kept


def images_for(network, n=2, seed=0):
    shape = (n, network.channels, *network.input_size)
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def assert_same_as_oracle(net, tmp_path, tolerance=2e-5, **style):
    network = sw.models.from_caffe(*net.write(tmp_path, **style))
    images = images_for(network)
    expected, found = run(net, images), outputs(network, images)
    for name, made in found.items():
        if name in expected:
            value = made[-1] if isinstance(made, tuple) else made
            assert value.shape == expected[name].shape, name
            scale = max(np.abs(expected[name]).max(), 1e-3)
            np.testing.assert_allclose(
                value.numpy(), expected[name], atol=tolerance * scale, rtol=0, err_msg=name
            )
    return network, found


GRAPHS = {
    "bvlc_alexnet": alexnet,
    "caffenet": lambda: alexnet(caffenet=True),
    "inception": inception,
    "resnet": resnet,
}


@pytest.mark.parametrize("graph", GRAPHS)
def test_whole_graphs_layer_by_layer(graph, tmp_path):
    net = GRAPHS[graph]()
    network, found = assert_same_as_oracle(net, tmp_path)
    kept = [layer for layer in net.layers if layer[0] != "Softmax"]
    assert len(found) - 1 == len(kept)  # every layer is a child, up to the softmax
    assert network.left_out == (("prob", "Softmax: the scores before it are returned"),)
    assert not network.training


@pytest.mark.parametrize("graph", GRAPHS)
def test_opencv_agrees(graph, tmp_path):
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2.dnn, "readNetFromCaffe"):
        pytest.skip("this OpenCV does not read Caffe any more")
    prototxt, model = GRAPHS[graph]().write(tmp_path)
    network, other = (
        sw.models.from_caffe(prototxt, model),
        cv2.dnn.readNetFromCaffe(str(prototxt), str(model)),
    )
    other.enableFusion(False)
    images = images_for(network)
    for name, made in outputs(network, images).items():
        layers = [layer for layer in other.getLayerNames() if layer.replace(".", "_") == name]
        for layer in layers:
            other.setInput(images, "data")
            np.testing.assert_allclose(made, other.forward(layer).reshape(made.shape), rtol=1e-4, atol=1e-4)


# Sizes around every edge: windows that hang over, that end at the border, that would start beyond it.
@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize("rounding", ["CEIL", "FLOOR"])
@pytest.mark.parametrize("pad", [0, 1, 2])
def test_pools_at_every_size(method, rounding, pad, tmp_path):
    made = 0
    for size in (3, 5, 6, 7):
        for kernel in (2, 3, 5):
            for stride in (1, 2, 3):
                if pad >= kernel:
                    continue
                net = Net(2, size, size + 1)
                net.pool(
                    "pool",
                    "data",
                    f"pool: {method} kernel_size: {kernel} stride: {stride} pad: {pad} round_mode: {rounding}",
                )
                round_ = math.ceil if rounding == "CEIL" else math.floor
                last = [round_((side + 2 * pad - kernel) / stride) * stride for side in (size, size + 1)]
                # Caffe itself has no window there, or (unpadded) a last one without a pixel.
                if min(last) < 0 or (pad == 0 and (last[0] >= size or last[1] > size)):
                    with pytest.raises(NetworkFileError, match="'pool'"):
                        sw.models.from_caffe(*net.write(tmp_path))
                else:
                    assert_same_as_oracle(net, tmp_path)
                    made += 1
    assert made > 8


def test_a_pool_that_rounds_down_in_the_words_of_other_branches(tmp_path):
    net = Net(2, 8)
    net.pool("pool", "data", "kernel_size: 3 stride: 2 ceil_mode: false")
    network = sw.models.from_caffe(*net.write(tmp_path))
    assert network(torch.zeros(1, 2, 8, 8)).shape == (1, 2, 3, 3)


def layer(kind, param="", blobs=(), channels=4, size=6, bottoms="data"):
    net = Net(channels, size, size + 1)
    net.add(
        kind,
        "x",
        bottoms,
        None,
        param,
        [b if isinstance(b, list) else net.random.standard_normal(b) for b in blobs],
    )
    return net


LAYERS = {
    "relu": layer("ReLU"),
    "leaky relu": layer("ReLU", "relu_param { negative_slope: 0.1 }"),
    "prelu": layer("PReLU", blobs=[(4,)]),
    "prelu shared": layer("PReLU", "prelu_param { channel_shared: true }", [(1,)]),
    "elu": layer("ELU", "elu_param { alpha: 0.7 }"),
    "sigmoid": layer("Sigmoid"),
    "tanh": layer("TanH"),
    "clip": layer("Clip", "clip_param { min: -0.5 max: 0.25 }"),
    "power": layer("Power", "power_param { power: 2 scale: 0.5 shift: 3 }"),
    "affine power": layer("Power", "power_param { scale: -0.5 shift: 3 }"),
    "dropout": layer("Dropout", "dropout_param { dropout_ratio: 0.9 }"),
    "flatten": layer("Flatten"),
    "reshape": layer("Reshape", "reshape_param { shape { dim: 0 dim: 2 dim: -1 dim: 7 } }"),
    "lrn": layer("LRN", "lrn_param { local_size: 3 alpha: 0.5 beta: 0.6 k: 2 }"),
    "lrn wider than the maps": layer("LRN", "lrn_param { local_size: 11 alpha: 0.5 beta: 0.6 }"),
    "lrn by default": layer("LRN"),
    "lrn within": layer(
        "LRN", "lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 alpha: 0.5 beta: 0.6 k: 9 }"
    ),
    "inner product": layer("InnerProduct", "inner_product_param { num_output: 5 }", [(5, 168), (5,)]),
    "inner product transposed": layer(
        "InnerProduct", "inner_product_param { num_output: 5 transpose: true bias_term: false }", [(168, 5)]
    ),
    "convolution": layer(
        "Convolution", "convolution_param { num_output: 6 kernel_size: 3 }", [(6, 4, 3, 3), (6,)]
    ),
    "convolution by sides": layer(
        "Convolution",
        "convolution_param { num_output: 6 kernel_h: 2 kernel_w: 3 stride_h: 1 stride_w: 2 pad_h: 1 pad_w: 0 }",
        [(6, 4, 2, 3), (6,)],
    ),
    "convolution in groups, dilated": layer(
        "Convolution",
        "convolution_param { num_output: 6 kernel_size: 3 group: 2 dilation: 2 pad: 2 bias_term: false }",
        [(6, 2, 3, 3)],
    ),
    "convolution by channel": layer(
        "Convolution", "convolution_param { num_output: 4 kernel_size: 3 group: 4 }", [(4, 1, 3, 3), (4,)]
    ),
    "deconvolution": layer(
        "Deconvolution",
        "convolution_param { num_output: 6 kernel_size: 4 stride: 2 pad: 1 group: 2 }",
        [(4, 3, 4, 4), (6,)],
    ),
    "batch norm": layer("BatchNorm", "batch_norm_param { eps: 0.01 }", [(4,), [9.0, 8.0, 7.0, 6.0], [3.0]]),
    "batch norm never trained": layer("BatchNorm", "", [(4,), [1.0, 1.0, 1.0, 1.0], [0.0]]),
    "scale": layer("Scale", "scale_param { bias_term: true }", [(4,), (4,)]),
    "scale over maps": layer("Scale", "scale_param { axis: 2 num_axes: 2 }", [(6, 7)]),
    "scale of all": layer("Scale", "scale_param { num_axes: -1 }", [(4, 6, 7)]),
    "scale by one number": layer("Scale", "scale_param { num_axes: 0 }", [()]),
    "bias": layer("Bias", "", [(4,)]),
    "bias by column": layer("Bias", "bias_param { axis: -1 }", [(7,)]),
    "sum": layer("Eltwise", bottoms="data data"),
    "weighted sum": layer("Eltwise", "eltwise_param { coeff: 1 coeff: -0.5 }", bottoms="data data"),
    "product": layer("Eltwise", "eltwise_param { operation: PROD }", bottoms="data data data"),
    "maximum": layer("Eltwise", "eltwise_param { operation: MAX }", bottoms="data data"),
    "concat": layer("Concat", bottoms="data data data"),
    "concat of rows": layer("Concat", "concat_param { axis: 2 }", bottoms="data data"),
    "concat, old field": layer("Concat", "concat_param { concat_dim: 1 }", bottoms="data data"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_kind_of_layer(name, tmp_path):
    _, found = assert_same_as_oracle(LAYERS[name], tmp_path)
    assert "x" in found


@pytest.mark.parametrize("style", ["new", "old", "loose", "double"])
@pytest.mark.parametrize("old_layers", [False, True])
def test_weights_in_every_style(style, old_layers, tmp_path):
    """Four sizes or a shape, packed or one by one, single or double, in layers of both formats."""
    assert_same_as_oracle(alexnet(size=51, width=4), tmp_path, style=style, old_layers=old_layers)


def test_the_old_format(tmp_path):
    old = {
        "Convolution": "CONVOLUTION",
        "ReLU": "RELU",
        "LRN": "LRN",
        "Pooling": "POOLING",
        "Softmax": "SOFTMAX",
    }
    old |= {"InnerProduct": "INNER_PRODUCT", "Dropout": "DROPOUT"}
    net = alexnet(size=51, width=4)
    new = sw.models.from_caffe(*net.write(tmp_path))
    for kind, label in old.items():
        net.lines = [line.replace(f'type: "{kind}"', f"type: {label}") for line in net.lines]
    net.lines = [line.replace("layer {", "layers {", 1) for line in net.lines]
    network = sw.models.from_caffe(*net.write(tmp_path, old_layers=True, style="old"))
    images = torch.from_numpy(images_for(network))
    assert torch.equal(network(images), new(images))
    assert [name for name, _ in network.named_children()] == [name for name, _ in new.named_children()]


def test_slices_splits_and_gates(tmp_path):
    net = Net(4, 6)
    net.add("Split", "split", "data", "a b")
    net.add("Slice", "halves", "a", "low high", "slice_param { slice_point: 1 axis: 1 }")
    net.add("Concat", "joined", "high low")
    net.pool("mean", "b", "pool: AVE global_pooling: true")
    net.add("Flatten", "flat", "mean")
    net.add("Sigmoid", "gate", "flat", "flat")
    net.add("Scale", "gated", "joined flat", None, "scale_param { axis: 0 }")
    assert_same_as_oracle(net, tmp_path)


def test_a_crop_to_the_size_of_another(tmp_path):
    net = Net(2, 9)
    net.pool("small", "data", "kernel_size: 4 stride: 1")
    net.add("Crop", "crop", "data small", None, "crop_param { offset: 2 offset: 1 }")
    network = sw.models.from_caffe(net.write(tmp_path)[0])
    images = torch.rand(1, 2, 9, 9)
    assert torch.equal(network(images), images[:, :, 2:8, 1:7])


def test_of_a_slice_only_what_is_used(tmp_path):
    net = Net(4, 6)
    net.add(
        "Slice", "rows", "data", "top middle bottom", "slice_param { axis: 2 slice_point: 1 slice_point: 4 }"
    )
    net.add("Silence", "rest", "top bottom", "")
    net.relu("relu", "middle")
    net.layers = [layer for layer in net.layers if layer[0] != "Silence"]
    network = sw.models.from_caffe(*net.write(tmp_path))
    images = torch.from_numpy(images_for(network))
    assert torch.equal(network(images), images[:, :, 1:4].relu())


def test_layers_in_place_do_not_change_what_others_take(tmp_path):
    """In Caffe a blob is overwritten; a layer behind it sees the new value, one before it the old."""
    net = Net(3, 5)
    net.add("Power", "double", "data", "x", "power_param { scale: 2 }")
    net.add("Power", "kept", "x", "y", "power_param { shift: 1 }")
    net.relu("relu", "x")
    net.add("Eltwise", "sum", "x y", "x")
    network, _ = assert_same_as_oracle(net, tmp_path)
    images = torch.from_numpy(images_for(network))
    torch.testing.assert_close(network(images), (2 * images).relu() + 2 * images + 1)


TRAINING = """
name: "LeNet"
layer { name: "d" type: "Data" top: "data" top: "label" include { phase: TRAIN } transform_param { crop_size: 9 } }
layer { name: "d" type: "Data" top: "data" top: "label" include { phase: TEST }
        transform_param { crop_size: 12 mean_value: 104 mean_value: 117 mean_value: 123 scale: 0.5 mirror: true }
        data_param { source: "/data/lmdb" backend: LMDB batch_size: 50 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" param { lr_mult: 1 }
        convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "noise" type: "Noise" bottom: "conv" top: "conv" include { phase: TRAIN } }
layer { name: "aux" type: "InnerProduct" bottom: "conv" top: "aux" inner_product_param { num_output: 2 } }
layer { name: "aux_loss" type: "SoftmaxWithLoss" bottom: "aux" bottom: "label" top: "aux_loss" loss_weight: 0.3 }
layer { name: "staged" type: "Unknown" bottom: "conv" top: "z" include { stage: "deep" } }
layer { name: "late" type: "Unknown" bottom: "conv" top: "z" exclude { min_level: 0 } }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc" inner_product_param { num_output: 3 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy" include { phase: TEST } }
"""


def test_a_training_file_becomes_the_network_of_the_test_phase(tmp_path):
    path = tmp_path / "train_val.prototxt"
    path.write_text(TRAINING)
    network = sw.models.from_caffe(path)
    assert [name for name, _ in network.named_children()] == ["conv", "fc"]
    assert dict(network.left_out)["aux"] == "does not lead to the output"
    assert {"loss", "accuracy", "aux_loss"} < dict(network.left_out).keys()
    given = network.preprocessing
    assert (given.size, given.channels, given.scale, given.channel_order) == ((12, 12), 3, 0.5, "bgr")
    assert given.mean.tolist() == [104, 117, 123]
    assert network(torch.zeros(1, 3, 12, 12)).shape == (1, 3)
    again = sw.models.from_caffe(path, output="aux")
    assert again(torch.zeros(1, 3, 12, 12)).shape == (1, 2)


def test_random_weights_by_the_fillers_and_the_seed(tmp_path):
    net = Net(3, 8)
    fillers = {
        "constant": 'type: "constant" value: 0.5',
        "gaussian": 'type: "gaussian" std: 0.01 mean: 1',
        "uniform": 'type: "uniform" min: -2 max: -1',
        "xavier": 'type: "xavier"',
        "msra": 'type: "msra" variance_norm: FAN_OUT',
    }
    for name, filler in fillers.items():
        net.add(
            "Convolution",
            name,
            "data",
            None,
            f"convolution_param {{ num_output: 200 kernel_size: 5 weight_filler {{ {filler} }} }}",
        )
    net.add("Concat", "all", " ".join(fillers))
    path = tmp_path / "net.prototxt"
    path.write_text(net.text)
    network, same, other = (sw.models.from_caffe(path, seed=seed) for seed in (1, 1, 2))
    weight = {name: getattr(network, name).weight for name in fillers}
    assert (weight["constant"] == 0.5).all()
    assert abs(weight["gaussian"].mean() - 1) < 1e-3
    assert abs(weight["gaussian"].std() - 0.01) < 1e-3
    assert -2 <= weight["uniform"].min() < -1.9 < -1.1 < weight["uniform"].max() <= -1
    assert abs(weight["xavier"].abs().max() - np.sqrt(3 / 75)) < 1e-3
    assert abs(weight["msra"].std() - np.sqrt(2 / (200 * 25))) < 1e-3
    assert not network.xavier.bias.any()
    assert torch.equal(weight["msra"], same.msra.weight)
    assert not torch.equal(weight["msra"], other.msra.weight)
