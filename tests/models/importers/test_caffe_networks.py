"""Networks of Caffe in use: real weights on a photo, projections, the command line."""

import numpy as np
import pytest
import torch
from caffe_files import Net, alexnet, blob, caffemodel, inception, resnet
from torch import nn
from typer.testing import CliRunner

import sketchwidgets as sw
from sketchwidgets.cli import app
from sketchwidgets.models.importers import NetworkFileError


def squeezenet(weights, size=227):
    """SqueezeNet v1.0 (Iandola et al. 2016) as its authors' prototxt has it."""
    net = Net(3, size)
    arrays = {name: weights[name] for name in weights}

    def conv(name, bottom, key, param):
        w, b = arrays[f"{key}__w"], arrays[f"{key}__b"]
        text = f"convolution_param {{ num_output: {len(w)} kernel_size: {w.shape[2]} {param} }}"
        net.add("Convolution", name, bottom, None, text, [w, b])
        return net.relu(f"relu_{name}", name)

    def fire(number, x):
        x = conv(f"fire{number}/squeeze1x1", x, f"fire{number}__conv1x1_1", "")
        parts = [
            conv(
                f"fire{number}/expand{side}x{side}",
                x,
                f"fire{number}__conv{side}x{side}_2",
                f"pad: {side // 2}",
            )
            for side in (1, 3)
        ]
        return net.add("Concat", f"fire{number}/concat", " ".join(parts))

    x = conv("conv1", "data", "conv1", "stride: 2")
    for number in range(1, 10):
        if number > 1:
            x = fire(number, x)
        if number in (1, 4, 8):
            x = net.pool(f"pool{number}", x, "pool: MAX kernel_size: 3 stride: 2")
    x = net.add("Dropout", "drop9", x, x, "dropout_param { dropout_ratio: 0.5 }")
    x = net.pool("pool10", conv("conv10", x, "conv_final", ""), "pool: AVE global_pooling: true")
    net.add("Softmax", "prob", x)
    return net


@pytest.fixture(scope="module")
def real(shared, tmp_path_factory):
    """SqueezeNet's real weights, written as prototxt and caffemodel, and read."""
    path = shared / "models" / "squeezenet_v1.0.npz"
    if not path.is_file():
        pytest.skip(f"{path.name} is not there")
    names = pytest.importorskip("torchvision.models").SqueezeNet1_0_Weights.DEFAULT.meta["categories"]
    prototxt, model = squeezenet(np.load(path)).write(tmp_path_factory.mktemp("squeezenet"))
    return sw.models.from_caffe(prototxt, model, mean=[104, 117, 123], class_names=names)


def test_real_weights_know_a_photo(real):
    data = pytest.importorskip("skimage.data")
    network = sw.Network.of(real)
    for photo, expected in ((data.coffee(), "espresso"), (data.chelsea(), "tabby")):
        top = network.top(network.prepare(photo), k=5)[0]
        assert expected in [name for name, _ in top], top
    # The same picture in the order and the range of the file.
    assert torch.allclose(real.prepare(data.coffee()), network.prepare(data.coffee()), atol=1e-3)


def test_real_weights_are_those_of_torchvisions_graph(real):
    """The same numbers in torchvision's own SqueezeNet, whose pools round up too."""
    other = pytest.importorskip("torchvision.models").squeezenet1_0(weights=None).eval()
    weights = [p.detach() for p in real.parameters()]
    # Of a fire module, torchvision has squeeze, 1x1, 3x3 as well.
    for parameter, values in zip(other.parameters(), weights, strict=True):
        parameter.data = values
    images = torch.randn(1, 3, 227, 227, generator=torch.Generator().manual_seed(0)) * 50
    torch.testing.assert_close(real(images), other(images), rtol=1e-5, atol=1e-5)


def test_real_weights_written_again(real, tmp_path):
    paths = sw.models.to_caffe(real, tmp_path / "s.prototxt", tmp_path / "s.caffemodel")
    again = sw.models.from_caffe(*paths[:2], class_names=paths[2])
    images = torch.randn(1, 3, 227, 227, generator=torch.Generator().manual_seed(0)) * 50
    assert torch.equal(again(images), real(images))
    assert again.class_names == tuple(" ".join(name.split()) for name in real.class_names)
    assert again.preprocessing.mean.tolist() == [104, 117, 123]


@pytest.mark.parametrize("graph", [alexnet, inception, resnet])
@pytest.mark.parametrize("rule", ["deconvnet", "guided", "backprop"])
def test_every_layer_is_projected_the_same_on_both_paths(graph, rule, tmp_path):
    network = sw.models.from_caffe(*graph().write(tmp_path)).eval()
    images = torch.randn((1, 3, *network.input_size), generator=torch.Generator().manual_seed(1))
    layers = sw.Network.of(network).layers()
    assert len(layers) >= 2
    last = network.graph[-1][0]
    for name in (*layers, last):
        windows, autograd = (
            sw.project(network, images, name, top=2, rule=rule, path=path)[name]
            for path in ("windows", "autograd")
        )
        scale = autograd.images.abs().max().clamp_min(1e-6)
        torch.testing.assert_close(windows.images / scale, autograd.images / scale, rtol=0, atol=1e-4)


def test_of_a_module_of_several_branches_its_output_is_looked_at(tmp_path):
    network = sw.Network.of(sw.models.from_caffe(*inception().write(tmp_path)).eval())
    assert network.layers() == ("conv1/relu", "i/output")
    every = network.layers(every=True)
    assert len(every) == 7
    assert "i/output" not in every


def test_layers_of_the_writer_are_projected_too(tmp_path):
    """A pool that rounds down is cut by rows and columns: known to the fast path."""
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()
    )
    network.eval()
    sw.models.to_caffe(network, tmp_path / "n.prototxt", tmp_path / "n.caffemodel", input_size=13)
    again = sw.models.from_caffe(tmp_path / "n.prototxt", tmp_path / "n.caffemodel")
    images = torch.rand(1, 3, 13, 13)
    found, expected = (sw.project(n, images, "4", path="windows")["4"] for n in (again, network))
    torch.testing.assert_close(found.images, expected.images)


def test_a_network_for_the_widgets(tmp_path):
    prototxt, model = alexnet().write(tmp_path)
    (tmp_path / "words.txt").write_text("".join(f"n0144000{i} thing {i}, or so\n" for i in range(10)))
    network = sw.Network.of(
        sw.models.from_caffe(prototxt, model, mean=[100, 110, 120], class_names=tmp_path / "words.txt")
    )
    assert (network.channel_order, network.size, network.classes[3]) == ("bgr", (67, 67), "thing 3, or so")
    photo = np.zeros((67, 67, 3), np.uint8)
    photo[..., 0] = 255  # red
    images = network.prepare(photo)
    torch.testing.assert_close(images[0, :, 0, 0], torch.tensor([-100.0, -110.0, 135.0]))
    assert np.abs(network.picture(images)[0].astype(int) - photo).max() <= 1
    assert network.scores(images).shape == (1, 10)


def test_mean_images(tmp_path):
    """A mean for every pixel, larger than the images: both are cropped at the centre."""
    prototxt, model = alexnet().write(tmp_path)
    mean = np.random.default_rng(0).uniform(90, 130, (3, 75, 75)).astype(np.float32)
    (tmp_path / "mean.binaryproto").write_bytes(blob(mean[None], style="old"))
    by_path, by_array = (
        sw.models.from_caffe(prototxt, model, mean=given) for given in (tmp_path / "mean.binaryproto", mean)
    )
    assert torch.equal(by_path.preprocessing.mean, torch.from_numpy(mean[:, 4:71, 4:71]))
    assert torch.equal(by_array.preprocessing.mean, by_path.preprocessing.mean)
    assert by_path.preprocessing.resize == 75
    # Named in the prototxt: only if it lies beside it, wherever the name points.
    data = (
        'layer { name: "d" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 67 dim: 67 } }'
    )
    for named, found in (("/x/../y/mean.binaryproto", True), ("../other.binaryproto", False)):
        text = alexnet().text.split("\n", 1)[1]
        prototxt.write_text(f'{data} transform_param {{ mean_file: "{named}" }} }}\n{text}')
        assert (sw.models.from_caffe(prototxt, model).preprocessing.mean is not None) == found
    (tmp_path / "mean.binaryproto").write_bytes(blob(mean[:, :60, :60]))
    with pytest.raises(NetworkFileError, match=r"a mean of the shape \(3, 60, 60\) for images \(3, 67, 67\)"):
        sw.models.from_caffe(prototxt, model, mean=tmp_path / "mean.binaryproto")
    with pytest.raises(ValueError, match="mean must be"):
        sw.models.from_caffe(prototxt, model, mean=3.5)


# --- the command line


def run_convert(*files):
    return CliRunner().invoke(app, ["convert", *map(str, files)])


def test_matconvnet_to_caffe_and_back(tmp_path):
    """The slide's last step: a Sketch-a-Net from MatConvNet for Caffe, and the other way."""
    network = sw.models.create("sketch_a_net", classes=4).eval()
    sw.models.to_matconvnet(network, tmp_path / "sketch.mat")
    done = run_convert(tmp_path / "sketch.mat", tmp_path / "sketch.prototxt")
    assert done.exit_code == 0, done.output
    assert [line.rsplit("/", 1)[-1] for line in done.output.split()] == [
        "sketch.prototxt",
        "sketch.caffemodel",
    ]
    caffe = sw.models.from_caffe(tmp_path / "sketch.prototxt", tmp_path / "sketch.caffemodel")
    done = run_convert(tmp_path / "sketch.prototxt", tmp_path / "sketch.caffemodel", tmp_path / "again.mat")
    assert done.exit_code == 0, done.output
    matconvnet = sw.models.from_matconvnet(tmp_path / "again.mat")
    images = torch.rand(1, 1, 225, 225)
    for read in (caffe, matconvnet):
        torch.testing.assert_close(read(images), network(images), rtol=1e-6, atol=1e-6)
    assert run_convert(tmp_path / "again.mat", tmp_path / "sketch.safetensors").exit_code == 0
    tensors, metadata = sw.models.load_weights(tmp_path / "sketch.safetensors")
    assert torch.equal(tensors["conv1.weight"], network.conv1.weight)
    assert metadata["input_size"] == [225, 225]


@pytest.mark.parametrize("name", ["charscnn", "sigma25", "DnCNN-epoch-50"])
def test_real_networks_of_matconvnet_for_caffe(name, shared, tmp_path):
    path = shared / "models" / "matconvnet" / f"{name}.mat"
    if not path.is_file():
        pytest.skip(f"{path.name} is not there")
    network = sw.models.from_matconvnet(path)
    sw.models.to_caffe(network, tmp_path / "n.prototxt", tmp_path / "n.caffemodel")
    again = sw.models.from_caffe(tmp_path / "n.prototxt", tmp_path / "n.caffemodel")
    images = torch.rand((1, network.channels, 32, 32), dtype=torch.float64) * 255
    # In double precision: BatchNorm and Scale round apart what torch does in one step.
    torch.testing.assert_close(again.double()(images), network.double()(images), rtol=1e-9, atol=1e-9)


def test_what_cannot_be_converted_is_said(tmp_path):
    prototxt, model = inception().write(tmp_path)
    for files, message in (
        ([prototxt], "give the files of a network"),
        ([prototxt, tmp_path / "a.mat"], "a network is"),
        ([prototxt, model, tmp_path / "a.onnx"], "ends in one of"),
        ([prototxt, model, model], "would be written over a file that is read"),
        ([prototxt, model, tmp_path / "none" / "a.mat"], "there is no folder"),
        ([tmp_path / "none.mat", tmp_path / "a.prototxt"], "none.mat"),
        ([prototxt, model, tmp_path / "a.mat"], ""),  # MatConvNet's SimpleNN has no branches
    ):
        done = run_convert(*files)
        assert done.exit_code, files
        assert done.output.startswith("Error: ")
        assert message in " ".join(done.output.split())
    (tmp_path / "bad.caffemodel").write_bytes(caffemodel({})[:3])
    done = run_convert(prototxt, tmp_path / "bad.caffemodel", tmp_path / "a.prototxt")
    assert "bad.caffemodel" in done.output
    assert not (tmp_path / "a.prototxt").exists()
