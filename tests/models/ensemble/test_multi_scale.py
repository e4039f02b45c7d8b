"""Scales, views and the networks that see them, against Pillow, SciPy and plain convolutions."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from torch import nn

from sketchwidgets.models import SketchANet, WeightsError, load_weights, save_weights
from sketchwidgets.models.ensemble import (
    VIEWS,
    InkPreparation,
    MultiScale,
    at_scale,
    features_and_scores,
    fuse_scores,
    view,
)
from sketchwidgets.models.ensemble._first_convolution import SpaceToDepthConv2d


@pytest.fixture(scope="module")
def ensemble():
    torch.manual_seed(0)
    return MultiScale([SketchANet(4) for _ in range(2)], (256, 64), class_names="abcd").eval()


@pytest.fixture(scope="module")
def drawings():
    rng = np.random.default_rng(0)
    images = np.full((2, 90, 150), 255, np.uint8)
    images[:, 20:70, 40] = rng.integers(0, 120, (2, 50))
    images[1, 45, 10:140] = 30
    return images


def pillow_resize(values, side):
    image = Image.fromarray(values.astype(np.float32), mode=None)
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC)).clip(0, 1)


def test_scale_is_pillows_bicubic_down_and_up():
    image = np.random.default_rng(1).random((256, 256))
    seen = at_scale(torch.from_numpy(image).float()[None, None], 64)[0, 0].numpy()
    assert np.allclose(seen, pillow_resize(pillow_resize(image, 64), 256), atol=1e-5)


def test_the_full_scale_is_the_image_itself():
    image = torch.rand(1, 1, 256, 256)
    assert at_scale(image, 256) is image


def test_smaller_scales_are_blurrier():
    image = torch.zeros(1, 1, 256, 256)
    image[..., 128] = 1
    peaks = [float(at_scale(image, scale).max()) for scale in (256, 224, 192, 128, 64)]
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[-1] < 0.5


def test_preparation_is_pad_resize_blur_and_gain(drawings):
    ink = InkPreparation(blur=1.3, gain=2.0)(drawings)
    assert ink.shape == (2, 1, 256, 256)
    square = np.zeros((2, 150, 150))
    square[:, 30:120] = 1 - drawings / 255
    for seen, flat in zip(ink[:, 0].numpy(), square, strict=True):
        large = pillow_resize(flat, 256)
        blurred = ndimage.gaussian_filter(large, 1.3, mode="constant", radius=4)
        assert np.allclose(seen, np.clip(2 * blurred, 0, 1), atol=1e-4)


def test_the_ten_views():
    image = torch.arange(256.0 * 256).reshape(1, 1, 256, 256)
    tops = [int(view(image, index)[0, 0, 0, 0]) for index in range(VIEWS)]
    corners = [(15, 15), (0, 0), (31, 0), (0, 31), (31, 31)]
    assert tops == [256 * row + column + mirror for row, column in corners for mirror in (0, 224)]
    assert torch.equal(view(image, 3).flip(3), view(image, 2))
    with pytest.raises(ValueError, match="index"):
        view(image, 10)
    for bad in ("a", 1.0, True):
        with pytest.raises(TypeError, match=f"index must be a whole number, not {bad!r}"):
            view(image, bad)
    with pytest.raises(ValueError, match="256"):
        view(image[..., :225, :225], 0)


@pytest.mark.parametrize(("kernel", "stride", "side"), [(15, 3, 45), (15, 3, 47), (6, 2, 13), (4, 4, 9)])
def test_dense_first_convolution_is_the_strided_one(kernel, stride, side):
    torch.manual_seed(0)
    plain = nn.Conv2d(2, 5, kernel, stride).double()
    dense = SpaceToDepthConv2d.of(plain)
    images = torch.rand(3, 2, side, side, dtype=torch.float64, requires_grad=True)
    expected = plain(images)
    assert torch.allclose(dense(images), expected, atol=1e-12)
    push = torch.rand_like(expected)
    wanted = torch.autograd.grad((expected * push).sum(), [images, plain.weight, plain.bias])
    found = torch.autograd.grad((dense(images) * push).sum(), [images, plain.weight, plain.bias])
    for one, other in zip(found, wanted, strict=True):
        assert torch.allclose(one, other, atol=1e-11)
    assert list(dense.state_dict()) == list(plain.state_dict())


@pytest.mark.parametrize("kind", [{"padding": 1}, {"groups": 2}, {"dilation": 2}, {"stride": 2}])
def test_other_convolutions_are_refused(kind):
    with pytest.raises(ValueError, match="stride"):
        SpaceToDepthConv2d.of(nn.Conv2d(2, 4, 15, **({"stride": 3} | kind)))


def test_outputs_are_means_over_the_views_of_each_network(ensemble, drawings):
    ink = ensemble.prepare(drawings)
    with torch.no_grad():
        features, scores = ensemble.outputs(ink, views=3)
        for column, (network, scale) in enumerate(zip(ensemble.networks, (256, 64), strict=True)):
            images = [view(at_scale(ink, scale), index) for index in range(3)]
            wanted = torch.stack([network(seen) for seen in images]).mean(0)
            assert torch.allclose(scores[:, column], wanted, atol=1e-5)
            wanted = torch.stack([network.features(seen) for seen in images]).mean(0)
            assert torch.allclose(features[:, column], wanted, atol=1e-5)


def test_the_module_is_score_level_fusion(ensemble, drawings):
    ink = ensemble.prepare(drawings)
    with torch.no_grad():
        fused = ensemble(ink)
        assert np.allclose(fused.numpy(), fuse_scores(ensemble.outputs(ink)[1]), atol=1e-6)
    assert torch.allclose(fused.sum(1), torch.ones(2))


def test_features_and_scores_are_of_one_pass():
    network = SketchANet(3).eval()
    images = torch.rand(2, 1, 225, 225)
    with torch.no_grad():
        features, scores = features_and_scores(network, images)
        assert torch.allclose(scores, network(images), atol=1e-5)
        assert torch.equal(features, network.features(images))


def test_saved_and_loaded_gives_the_same(ensemble, drawings, tmp_path):
    path = tmp_path / "ensemble.safetensors"
    ensemble.save(path, dtype="float32")
    again = MultiScale.load(path)
    assert (again.scales, again.class_names, again.preparation) == (
        ensemble.scales,
        ensemble.class_names,
        ensemble.preparation,
    )
    ink = ensemble.prepare(drawings)
    with torch.no_grad():
        assert torch.equal(again.outputs(ink, 1)[1], ensemble.outputs(ink, 1)[1])


def test_a_file_that_does_not_fit_is_refused(tmp_path):
    path = tmp_path / "ensemble.safetensors"
    MultiScale([SketchANet(2)], (64,)).save(path)
    tensors, metadata = load_weights(path)
    huge = [{"name": "sketch_a_net", "arguments": {"classes": 10**9}}]
    wrong = {
        "no multi-scale ensemble": {"kind": "recognizer"},
        "list of 1 to 64": {"networks": []},
        "2 scales": {"scales": [64, 32]},
        "no network is called": {"networks": [{"name": "nothing", "arguments": {}}]},
        "fc8": {"networks": huge},
        "size must be a whole number from 225 to 1024": {"preparation": {"size": 10**9}},
    }
    for message, change in wrong.items():
        save_weights(path, tensors, metadata | change)
        with pytest.raises(WeightsError, match=message):
            MultiScale.load(path)


def test_bad_arguments_are_named(ensemble):
    with pytest.raises(ValueError, match="1 networks for 5 scales"):
        MultiScale([SketchANet(2)])
    with pytest.raises(ValueError, match=r"\[2, 3\] classes"):
        MultiScale([SketchANet(2), SketchANet(3)], (256, 64))
    with pytest.raises(ValueError, match="scales"):
        MultiScale([SketchANet(2)], (512,))
    with pytest.raises(ValueError, match=r"networks\[0\]"):
        MultiScale([nn.Linear(2, 2)], (64,))
    with pytest.raises(ValueError, match="class_names"):
        MultiScale([SketchANet(2)], (64,), class_names=["one"])
    with pytest.raises(ValueError, match="uint8"):
        ensemble.prepare(np.zeros((1, 9, 9)))
    with pytest.raises(ValueError, match="views"):
        ensemble.outputs(torch.zeros(1, 1, 256, 256), views=11)
    with pytest.raises(ValueError, match="scale must be"):
        at_scale(torch.zeros(1, 1, 32, 32), 33)
    for name, value in {"size": "a", "blur": None, "gain": 0}.items():
        with pytest.raises(ValueError, match=f"{name} must be .* not {value!r}"):
            InkPreparation(**{name: value})
