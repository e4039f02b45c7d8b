"""What a file says about its input and classes: preprocessing, names, and how a network is looked into."""

import numpy as np
import pytest
import torch
from mat_files import FunctionHandle, StructArray, save

import sketchwidgets as sw
from sketchwidgets.models.importers import ImagePreprocessing

NOTHING = np.zeros((0, 0))


def net_of(numbers, channels=3, outputs=2, **more):
    layers = [
        {"type": "conv", "name": "conv1", "weights": [numbers(5, 5, channels, 4), numbers(1, 4)], "pad": 2.0},
        {"type": "relu", "name": "relu1"},
        {"type": "conv", "name": "fc", "weights": [numbers(8, 6, 4, outputs), NOTHING]},
    ]
    return {"layers": layers, **more}


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_normalization_and_classes_of_a_new_network(version, tmp_path, numbers):
    average = np.abs(numbers(8, 6, 3)) * 100
    normalization = {
        "imageSize": np.array([[8.0, 6, 3]]),
        "averageImage": average,
        "border": np.array([[2.0, 2]]),
        "interpolation": "bicubic",
        "keepAspect": True,
    }
    classes = {"name": ["n01", "n02"], "description": ["a cat", "Hütte"]}
    meta = {"normalization": normalization, "classes": classes}
    network = sw.models.from_matconvnet(save(tmp_path / "net.mat", version, net=net_of(numbers, meta=meta)))
    preparation = network.preprocessing
    assert (network.input_size, network.channels) == ((8, 6), 3)
    assert network.class_names == ("a cat", "Hütte")
    assert (preparation.channel_order, preparation.ink, preparation.scale) == ("rgb", "negative", 1)
    assert (preparation.resize, preparation.interpolation) == (8, "bicubic")
    assert torch.equal(preparation.mean, torch.from_numpy(average).permute(2, 0, 1).float())

    photo = (np.arange(8 * 6 * 3).reshape(8, 6, 3) % 256).astype(np.uint8)
    network.preprocessing = ImagePreprocessing((8, 6), 3, mean=preparation.mean)  # no border: the photo fits
    prepared = network.prepare(photo)
    assert np.allclose(prepared[0].permute(1, 2, 0), photo - average, atol=1e-3)


def test_an_old_network_has_them_beside_its_layers(tmp_path, numbers):
    more = {
        "normalization": {"imageSize": np.array([[8.0, 6]]), "averageImage": np.array([[[10.0, 20, 30]]])},
        "classes": {"description": ["x", "y"]},
    }
    network = sw.models.from_matconvnet(save(tmp_path / "net.mat", "5", net=net_of(numbers, **more)))
    assert network.input_size == (8, 6)
    assert network.class_names == ("x", "y")
    assert network.preprocessing.mean.tolist() == [10, 20, 30]


def test_a_mean_beside_the_layers_and_no_size(tmp_path, numbers):
    net = net_of(numbers, channels=1)
    net["layers"][0]["pad"] = 0.0
    net["layers"][2]["weights"][0] = numbers(20, 20, 4, 2)
    path = save(tmp_path / "net.mat", "5", layers=net["layers"], imageMean=np.float32(107.5))
    network = sw.models.from_matconvnet(path)
    assert network.input_size == (24, 24)  # the smallest that 5x5 filters and then 20x20 ones take
    assert network.preprocessing.mean.tolist() == [107.5]
    assert network.preprocessing.ink == "negative"


def test_a_network_for_any_size_gets_a_usual_one(tmp_path, numbers):
    net = net_of(numbers, channels=1)
    net["layers"].pop()
    path = save(tmp_path / "net.mat", "5", net=net)
    assert sw.models.from_matconvnet(path).input_size == (128, 128)
    assert sw.models.from_matconvnet(path, input_size=(40, 50)).input_size == (40, 50)
    assert sw.models.from_matconvnet(path).preprocessing.ink == "positive"
    assert sw.models.from_matconvnet(path, ink="negative").preprocessing.ink == "negative"


def test_the_size_of_a_dagnn_may_be_that_of_its_input(tmp_path, numbers):
    block = {"hasBias": False, "pad": 0.0}
    layer = {
        "name": "c",
        "type": "dagnn.Conv",
        "inputs": ["x"],
        "outputs": ["y"],
        "params": ["f"],
        "block": block,
    }
    params = StructArray([{"name": "f", "value": numbers(3, 3, 1, 2)}])
    for meta in (
        {"inputs": {"name": "x", "size": np.array([[21.0, 23, 1, 10]])}},
        {"inputSize": ["x", np.array([[21.0, 23, 1, 10]])]},
    ):
        net = {"layers": StructArray([layer]), "params": params, "meta": meta}
        network = sw.models.from_matconvnet(save(tmp_path / "net.mat", "5", net=net))
        assert network.input_size == (21, 23)
        assert network(torch.zeros(1, 1, 21, 23)).shape == (1, 2, 19, 21)


def test_average_images_of_another_size(tmp_path, numbers):
    average = np.abs(numbers(10, 10, 3))
    meta = {"normalization": {"imageSize": np.array([[8.0, 6, 3]]), "averageImage": average}}
    network = sw.models.from_matconvnet(save(tmp_path / "net.mat", "5", net=net_of(numbers, meta=meta)))
    assert torch.equal(network.preprocessing.mean, torch.from_numpy(average[1:9, 2:8]).permute(2, 0, 1))
    meta["normalization"]["averageImage"] = average[:4]
    network = sw.models.from_matconvnet(save(tmp_path / "net.mat", "5", net=net_of(numbers, meta=meta)))
    assert np.allclose(network.preprocessing.mean, average[:4].mean((0, 1)), atol=1e-6)


def test_what_is_no_data_does_not_matter_where_no_layer_needs_it(tmp_path, numbers):
    net = net_of(numbers, meta={"trainOpts": FunctionHandle()})
    network = sw.models.from_matconvnet(save(tmp_path / "net.mat", "7.3", net=net))
    assert network.channels == 3


def test_names_that_are_not_as_many_as_outputs_are_left_out(tmp_path, numbers):
    path = save(tmp_path / "net.mat", "5", net=net_of(numbers, meta={"classes": {"name": ["only one"]}}))
    with pytest.warns(UserWarning, match="1 class names for 2 outputs"):
        network = sw.models.from_matconvnet(path)
    assert network.class_names is None


def test_which_variable(tmp_path, numbers):
    net = net_of(numbers)
    path = save(tmp_path / "net.mat", "5", best=net, options={"rate": 1.0})
    assert sw.models.from_matconvnet(path).channels == 3
    path = save(tmp_path / "two.mat", "7.3", best=net, last=net_of(numbers, channels=1))
    with pytest.raises(
        sw.models.importers.NetworkFileError, match=r"several variables have layers \('best', 'last'\)"
    ):
        sw.models.from_matconvnet(path)
    assert sw.models.from_matconvnet(path, variable="last").channels == 1
    with pytest.raises(ValueError, match="variable must be one of those in two"):
        sw.models.from_matconvnet(path, variable="first")


def test_a_network_takes_over_what_it_says_and_is_looked_into(tmp_path, numbers):
    average = np.abs(numbers(8, 6, 3)) * 50
    meta = {
        "normalization": {"imageSize": np.array([[8.0, 6, 3]]), "averageImage": average},
        "classes": {"description": ["cat", "dog"]},
    }
    imported = sw.models.from_matconvnet(save(tmp_path / "pets.mat", "5", net=net_of(numbers, meta=meta)))
    network = sw.Network.of(imported)
    assert (network.name, network.size, network.channels) == ("pets", (8, 6), 3)
    assert (network.ink, network.classes) == ("negative", ("cat", "dog"))
    photo = np.random.default_rng(0).integers(0, 256, (30, 20, 3), dtype=np.uint8)
    prepared = network.prepare(photo)
    assert torch.allclose(prepared, imported.prepare(photo), atol=1e-3)
    # As a person sees it: what is subtracted comes back.
    small = (prepared + imported.preprocessing.mean)[0].permute(1, 2, 0).round()
    assert np.abs(network.picture(prepared)[0].astype(float) - small.numpy()).max() <= 1
    assert {name for name, _ in network.top(prepared, 2)[0]} == {"cat", "dog"}
    assert network.layers() == ("relu1",)
    assert network.class_layer() == "fc"

    projections = sw.project(imported, prepared, top=3, rule="deconvnet")
    assert projections["relu1"].images.shape == (1, 3, 3, 8, 6)
    # One unit of the first layer goes back through its own filter.
    unit = projections["relu1"]
    channel, (row, column) = int(unit.channels[0, 0]), unit.positions[0, 0].tolist()
    expected = torch.zeros(3, 12, 10)
    expected[:, row : row + 5, column : column + 5] = unit.activations[0, 0] * imported.conv1.weight[channel]
    assert torch.allclose(unit.images[0, 0], expected[:, 2:10, 2:8], atol=1e-3)

    # And the other way round: grey levels less their mean are what both climb in.
    climbed = [sw.maximize(model, "fc", 1, steps=3, progress=False) for model in (imported, network)]
    assert torch.equal(climbed[0].images, climbed[1].images)

    panels = sw.ProjectionPanels(imported, photo, top=2)
    try:
        assert panels.settle(60)
        assert list(panels.result.projections) == ["relu1"]
    finally:
        panels.close()


def test_projections_go_through_pads_that_differ_and_layers_of_this_package(tmp_path, numbers):
    layers = [
        {"type": "conv", "weights": [numbers(3, 3, 1, 4), numbers(1, 4)], "pad": np.array([[1, 0, 0, 1]])},
        {"type": "relu"},
        {"type": "pool", "method": "max", "pool": 3.0, "stride": 2.0, "pad": np.array([[0, 1, 0, 1]])},
        {"type": "conv", "weights": [numbers(3, 3, 4, 5), numbers(1, 5)], "pad": 1.0},
        {"type": "relu"},
    ]
    meta = {"normalization": {"imageSize": np.array([[16.0, 16, 1]])}}
    network = sw.models.from_matconvnet(save(tmp_path / "n.mat", "5", net={"layers": layers, "meta": meta}))
    image = torch.from_numpy(numbers(1, 1, 16, 16)).requires_grad_()
    found = sw.project(network, image.detach(), top=1, rule="backprop")["relu5"]
    channel, (row, column) = int(found.channels[0, 0]), found.positions[0, 0].tolist()
    unit = network(image)[0, channel, row, column]
    (gradient,) = torch.autograd.grad(unit, image)
    assert torch.allclose(found.images[0, 0], unit.detach() * gradient[0], atol=1e-4)
