"""A network with its way of preparing input: drawings, photos, and back to pictures."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tiny_recognizer import make_tiny
from torch import nn

import sketchwidgets as sw
from sketchwidgets.models import SketchANet
from sketchwidgets.recognition import Preprocessing
from sketchwidgets.visualization import Network

HOUSE = sw.Sketch([[(0, 40), (40, 0), (80, 40), (80, 90), (0, 90), (0, 40)], [(30, 90), (30, 60), (50, 60)]])


def classifier(channels=3, outputs=4, size=None):
    """Averages colours: what it says shows what it was given."""
    torch.manual_seed(3)
    net = nn.Sequential(
        nn.Conv2d(channels, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, outputs)
    )
    if size is not None:
        net.input_size = size
    return net.eval()


# Where networks come from


def test_the_bundled_recogniser_is_the_default():
    network = Network.of()
    recognizer = sw.Recognizer.load()
    assert network.classes == recognizer.classes
    assert network.ink == "positive"
    image = network.prepare(HOUSE)
    assert image.shape == (1, 1, *network.size)
    frame = recognizer.preprocessing
    assert torch.equal(image, sw.rasterize([HOUSE], frame.size, frame.stroke_width, frame.extent))
    # The CNN's own classifier, not the recurrent part.
    assert torch.allclose(network.scores(image), recognizer.cnn(image).softmax(1))
    assert network.top(image, 3)[0][0][0] in ("house", "barn")


def test_a_cnn_without_a_classifier_takes_one_recurrent_step():
    recognizer = make_tiny()
    network = Network.of(recognizer)
    image = network.prepare(HOUSE.prefix(1))
    # The first step of the recogniser is a step from the initial state.
    expected = recognizer.recognize(HOUSE.prefix(1))[0].probabilities
    assert np.allclose(network.scores(image)[0], expected, atol=1e-6)
    assert [name for name, _ in network.module.named_modules()] == ["", "conv", "relu", "fc"]
    assert network.module(image).shape == (1, 8)
    result = sw.project(network.module, image, network.layers(), top=2)
    assert result["relu"].images.shape == (1, 2, 1, 33, 33)


def test_a_network_is_itself():
    network = Network(classifier())
    assert Network.of(network) is network


def test_guesses_of_a_module():
    network = Network.of(classifier())
    assert (network.channels, network.size, network.ink) == (3, (224, 224), "negative")
    assert network.mean == pytest.approx((0.485, 0.456, 0.406))
    assert network.name == "Sequential"
    grey = Network.of(classifier(1, size=64))
    assert (grey.channels, grey.size, grey.mean, grey.std, grey.ink) == (1, (64, 64), (0,), (1,), "positive")
    assert Network.of(SketchANet(7).eval()).size == (225, 225)


# Drawings


def test_a_grey_network_with_imagenet_weights_says_what_it_wants():
    network = sw.models.create("resnet18_sketch", classes=3, channels=1).eval()
    assert (sw.Network.of(network).mean, sw.Network.of(network).ink) == ((0.0,), "positive")
    network.input_statistics = ((0.45,), (0.225,))  # as of one whose ImageNet weights were found
    guessed = sw.Network.of(network)
    assert (guessed.mean, guessed.std, guessed.ink) == ((0.45,), (0.225,), "negative")
    blank = guessed.prepare(np.full((224, 224), 255, np.uint8))
    torch.testing.assert_close(blank, torch.full((1, 1, 224, 224), (1 - 0.45) / 0.225))


@pytest.mark.parametrize("size", [33, 128, 224, 225, 299])
def test_a_drawing_fills_the_same_part_of_any_input(size):
    ink = Network(classifier(1), size=size).prepare(HOUSE)[0, 0]
    rows = (ink > 0.5).any(1).nonzero().flatten()
    extent = int(rows[-1] - rows[0])
    assert abs(extent - (200 + 3) / 225 * size) <= 2
    assert ink.shape == (size, size)


def test_photo_networks_see_dark_ink_on_white_paper():
    network = Network(classifier(3), size=224)
    image = network.prepare(HOUSE)
    assert image.shape == (1, 3, 224, 224)
    assert float(image[0, :, 0, 0].min()) == 1  # paper
    assert float(image.min()) < 0.05
    normalised = Network(classifier(3), size=224, mean=0.5, std=0.25).prepare(HOUSE)
    assert torch.allclose(normalised, (image - 0.5) / 0.25)


def test_a_longer_side_is_filled_with_paper():
    image = Network(classifier(1), size=(64, 100)).prepare(HOUSE)
    assert image.shape == (1, 1, 64, 100)
    assert torch.equal(image[..., 18:82], Network(classifier(1), size=64).prepare(HOUSE))
    assert not image[..., :18].any()


def test_six_channels_are_the_stroke_order():
    strokes = [[(10 * i, 0), (10 * i, 50)] for i in range(7)]
    sketch = sw.Sketch(strokes)
    network = Network(classifier(6), size=225)
    parts = network.prepare(sketch)[0]
    whole = sw.rasterize([sketch])[0, 0]
    assert torch.equal(parts[5], whole)
    assert torch.equal(torch.maximum(torch.maximum(parts[0], parts[1]), parts[2]), whole)
    assert torch.equal(torch.maximum(parts[0], parts[1]), parts[3])
    assert torch.equal(torch.maximum(parts[1], parts[2]), parts[4])
    drawn = [int(((part.amax(0) > 0.5).int().diff() == 1).sum()) for part in parts]  # runs of columns
    assert drawn == [3, 2, 2, 5, 4, 7]
    assert np.array_equal(
        network.picture(parts[None])[0], Network(classifier(1), size=225).picture(whole[None, None])[0]
    )
    assert not network.prepare(sw.Sketch(strokes[:1]))[0, 1:3].any()


def test_nothing_drawn_is_blank_paper():
    assert not Network(classifier(1)).prepare(sw.Sketch([])).any()
    assert not Network(classifier(6)).prepare(sw.Sketch([])).any()
    assert bool((Network(classifier(3)).prepare(sw.Sketch([])) == 1).all())


# Photos


def test_kinds_of_photos_agree(photo):
    network = Network.of(classifier())
    expected = network.prepare(photo)
    assert expected.shape == (1, 3, 224, 224)
    for same in (
        Image.fromarray(photo),
        Image.fromarray(photo).convert("RGBA"),
        photo.astype(np.float64) / 255,
        np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)]),
        torch.as_tensor(photo).permute(2, 0, 1),
        torch.as_tensor(photo).permute(2, 0, 1).double() / 255,
    ):
        assert torch.allclose(network.prepare(same), expected, atol=1e-5)
    assert torch.equal(network.prepare(expected), expected)  # prepared already


def test_grey_and_colour_are_converted(photo):
    grey = np.asarray(Image.fromarray(photo).convert("L"))
    colours = Network(classifier(3)).prepare(grey)[0]
    assert torch.equal(colours[0], colours[1])
    assert torch.equal(colours[0], colours[2])
    ink = Network(classifier(1)).prepare(photo)[0, 0]
    # Inverted for a network made for drawings: what is dark is ink.
    assert float((ink - (1 - colours[0])).abs().max()) < 0.01
    bright = Network(classifier(1), ink="negative").prepare(photo)[0, 0]
    assert torch.allclose(bright, 1 - ink)


def test_the_shorter_side_is_resized_and_the_centre_cropped():
    stripes = np.zeros((50, 100, 3), np.uint8)
    stripes[:, 25:75] = 255  # the middle half: all that is left of a square crop
    assert bool((Network(classifier(), size=50).prepare(stripes) == 1).all())
    assert bool((Network(classifier(), size=30).prepare(stripes)[..., 1:-1] > 0.99).all())
    closer = Network(classifier(), size=30, resize=60).prepare(stripes)
    assert bool((closer == 1).all())
    small = Network(classifier(), size=200).prepare(np.zeros((3, 5), np.uint8))
    assert small.shape == (1, 3, 200, 200)


def test_what_is_transparent_is_white():
    clear = np.zeros((20, 20, 4), np.uint8)
    clear[:, 10:, 3] = 255
    image = Network(classifier(), size=20).prepare(clear)[0, 0]
    assert bool((image[:, :10] == 1).all())
    assert not image[:, 10:].any()
    assert torch.equal(Network(classifier(), size=20).prepare(Image.fromarray(clear))[0, 0], image)


def test_a_photo_held_upright():
    pixels = np.zeros((10, 20), np.uint8)
    pixels[:, :5] = 255
    turned = Image.fromarray(pixels)
    turned.getexif()[0x0112] = 6  # turn by a quarter, clockwise
    image = Network(classifier(1), size=10, ink="negative").prepare(turned)[0, 0]
    assert torch.equal(
        image, Network(classifier(1), size=10, ink="negative").prepare(np.rot90(pixels, -1))[0, 0]
    )


def test_blue_comes_first_in_networks_from_caffe():
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    network = Network(classifier(), size=8, channel_order="bgr", mean=(0, 0, 0.5))
    assert network.prepare(red)[0, :, 0, 0].tolist() == [0, 0, 0.5]
    assert network.picture(network.prepare(red))[0, 0, 0].tolist() == [255, 0, 0]


@given(
    mean=st.floats(-1, 1),
    std=st.floats(0.1, 2),
    order=st.sampled_from(["rgb", "bgr"]),
    ink=st.sampled_from(["positive", "negative"]),
    channels=st.sampled_from([1, 3]),
)
def test_picture_undoes_prepare(mean, std, order, ink, channels):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 3)).astype(np.uint8)
    if channels == 1:
        pixels = pixels[..., 0]
    network = Network(classifier(channels), size=9, mean=mean, std=std, channel_order=order, ink=ink)
    assert np.array_equal(network.picture(network.prepare(pixels))[0], pixels)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (np.zeros((3, 20, 20), np.uint8), ValueError, "source as an array.*channels come last"),
        (np.zeros((2, 8, 8, 3), np.uint8), ValueError, r"source must be one picture.*source\[0\]"),
        (np.zeros((8, 8, 2)), ValueError, "source as an array"),
        (np.zeros(8), ValueError, "source must be one picture"),
        (np.zeros((0, 8)), ValueError, "source must be one picture"),
        (np.zeros((8, 8), np.int32), ValueError, "uint8, bool or floating point, not int32"),
        (np.full((8, 8), np.nan), ValueError, "source holds values that are not finite"),
        (np.full((8, 8), 200.0), ValueError, "must lie in 0..1, not 200..200; divide by 255"),
        (np.full((8, 8), -0.5), ValueError, "must lie in 0..1"),
        (torch.zeros(8, 8, 3), ValueError, "source as a tensor must be"),
        (torch.zeros(1, 1, 224, 224), ValueError, "source as prepared input"),
        (torch.full((1, 3, 224, 224), torch.inf), ValueError, "not finite"),
        (torch.zeros(1, 3, 224, 224, dtype=torch.uint8), ValueError, "prepared input must be floating point"),
        (Image.new("I;16", (8, 8)), ValueError, "mode 'I;16'"),
        ("photo.jpg", TypeError, "source must be a Sketch, a PIL image.*not str"),
        (None, TypeError, "not NoneType"),
    ],
)
def test_bad_sources_are_named(source, error, message):
    with pytest.raises(error, match=message):
        Network(classifier()).prepare(source)


def test_other_channels_take_tensors_only():
    network = Network(classifier(5), size=16)
    with pytest.raises(ValueError, match=r"source is a drawing, .* 5 channels.*tensor \(1, 5, 16, 16\)"):
        network.prepare(HOUSE)
    with pytest.raises(ValueError, match="source is a picture"):
        network.prepare(np.zeros((8, 8), np.uint8))
    assert network.prepare(torch.zeros(1, 5, 16, 16)).shape == (1, 5, 16, 16)
    assert network.picture(torch.zeros(2, 5, 16, 16)).shape == (2, 16, 16)


# Outputs and settings


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_input_follows_the_dtype_of_the_network(dtype):
    network = Network(classifier(1).to(dtype), size=32)
    image = network.prepare(HOUSE)
    assert image.dtype == dtype
    scores = network.scores(image)
    assert scores.dtype == torch.float32
    assert float(scores.sum()) == pytest.approx(1, abs=1e-5)
    assert network.picture(image).dtype == np.uint8


def test_a_softmax_is_taken_once():
    net = classifier()
    images = torch.rand(2, 3, 16, 16)
    expected = net(images).softmax(1)
    for module in (net, nn.Sequential(net, nn.Softmax(1)), nn.Sequential(net, nn.Unflatten(1, (4, 1, 1)))):
        assert torch.allclose(Network(module.eval(), channels=3, size=16).scores(images), expected, atol=1e-6)


def test_logarithms_of_a_probability_that_rounds_to_nothing_have_a_gradient():
    net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Softmax(1)).eval()
    nn.init.constant_(net[0].weight[0], 500.0)
    network, images = Network(net, size=8), torch.ones(1, 3, 8, 8, requires_grad=True)
    assert network.scores(images).tolist() == [[1, 0]]
    found = network.log_probabilities(images)
    (gradient,) = torch.autograd.grad(found[0, 1], images)
    assert torch.isfinite(found).all()
    assert torch.isfinite(gradient).all()


def test_what_is_no_classifier_is_named():
    with pytest.raises(ValueError, match=r"returns \(1, 5, 14, 14\), not class scores"):
        Network(classifier()[:2].eval(), size=16).scores(torch.zeros(1, 3, 16, 16))
    with pytest.raises(ValueError, match="returns 4 scores for 2 classes"):
        Network(classifier(), classes=["a", "b"]).scores(torch.zeros(1, 3, 16, 16))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"size": 0}, ValueError, "size"),
        ({"size": (2, 3, 4)}, ValueError, "size must be one number"),
        ({"channels": 2.5}, ValueError, "channels"),
        ({"mean": (1, 2)}, ValueError, "mean must be one number or 3"),
        ({"std": 0}, ValueError, "std must be above 0"),
        ({"ink": "blue"}, ValueError, "ink must be one of 'positive', 'negative'"),
        ({"channel_order": "gbr"}, ValueError, "channel_order"),
        ({"classes": "cat"}, TypeError, "classes"),
        ({"resize": 100}, ValueError, "resize must be at least the size"),
        ({"interpolation": "area"}, ValueError, "interpolation"),
        ({"preprocessing": Preprocessing()}, ValueError, "225 px, the network takes 224 px"),
        ({"preprocessing": 3}, TypeError, "preprocessing"),
    ],
)
def test_bad_settings_are_named(settings, error, message):
    with pytest.raises(error, match=message):
        Network(classifier(), **settings)


def test_bad_modules_are_named():
    with pytest.raises(TypeError, match="module must be"):
        Network("resnet18")
    with pytest.raises(TypeError, match="network must be a Network, a Recognizer or"):
        Network.of("resnet18")
    with pytest.raises(ValueError, match="module is in training mode"):
        Network(classifier().train())
    partly = classifier()
    partly[1].train()
    with pytest.raises(ValueError, match="module '1' of the network is in training mode"):
        Network(partly)
    with pytest.raises(ValueError, match="channels must be given"):
        Network.of(nn.Linear(3, 3).eval())


def test_the_size_is_the_modules_own_where_none_is_given():
    assert Network(SketchANet(7).eval()).size == (225, 225)
    assert Network(nn.Sequential(nn.Conv2d(3, 2, 3)).eval()).size == (224, 224)
