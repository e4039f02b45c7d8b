"""torchvision's networks for sketches: their sizes, grey input, and ImageNet weights with and without a connection."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
import torchvision
from layer_tables import count

from sketchwidgets import models

NAMES = {
    "alexnet_sketch": "alexnet",
    "vgg16_sketch": "vgg16",
    "googlenet_sketch": "googlenet",
    "resnet18_sketch": "resnet18",
    "resnet50_sketch": "resnet50",
}


def on_meta(name, **arguments):
    with torch.device("meta"):
        return models.create(name, **arguments)


@pytest.mark.parametrize(("ours", "theirs"), NAMES.items())
def test_they_are_torchvisions(ours, theirs):
    network = on_meta(ours, classes=1000)
    weights = torchvision.models.get_model_weights(theirs)["IMAGENET1K_V1"]
    assert count(network) == weights.meta["num_params"]
    arguments = {"aux_logits": False, "init_weights": False} if theirs == "googlenet" else {}
    with torch.device("meta"):
        reference = torchvision.models.get_model(theirs, weights=None, **arguments)
    expected = {name: value.shape for name, value in reference.state_dict().items()}
    assert {name: value.shape for name, value in network.state_dict().items()} == expected


@pytest.mark.parametrize("name", NAMES)
def test_grey_input_and_any_number_of_classes(name):
    rgb, grey = on_meta(name, classes=250), on_meta(name, classes=250, channels=1)
    for network, channels in ((rgb, 3), (grey, 1)):
        images = torch.zeros(2, channels, network.input_size, network.input_size, device="meta")
        assert network.eval()(images).shape == (2, 250)
    different = [
        (a.shape, b.shape)
        for a, b in zip(rgb.state_dict().values(), grey.state_dict().values(), strict=True)
        if a.shape != b.shape
    ]
    assert len(different) == 1
    assert different[0][0][1] == 3
    assert different[0][1][1] == 1


def test_a_narrow_vgg_is_one_in_all_its_layers():
    whole, half = (on_meta("vgg16_sketch", classes=10, channels=1, width=width) for width in (1, 0.5))
    for (name, wide), narrow in zip(whole.named_parameters(), half.parameters(), strict=True):
        ends = {"features.0.weight": (2, 1), "classifier.6.weight": (1, 2), "classifier.6.bias": (1,)}
        factors = ends.get(name, (2, 2) if wide.ndim > 1 else (2,))
        assert [n // k for n, k in zip(wide.shape, factors, strict=False)] == list(narrow.shape)[
            : len(factors)
        ]
    assert half.arguments["width"] == 0.5
    assert "width" not in whole.arguments
    assert models.create("vgg16_sketch", **half.arguments | {"width": 1 / 16})(
        torch.zeros(1, 1, 64, 64)
    ).shape == (1, 10)
    with pytest.raises(ValueError, match=r"of width 1, and width is 0\.5"):
        models.create("vgg16_sketch", pretrained="imagenet", width=0.5)
    with pytest.raises(ValueError, match="width must be a number"):
        models.create("vgg16_sketch", width=0)


def test_vgg_starts_as_torchvisions():
    torch.manual_seed(3)
    ours = models.create("vgg16_sketch", classes=10)
    for name, values in ours.state_dict().items():
        if name.endswith("bias"):
            assert not values.any(), name
        else:
            std = 0.01 if values.ndim == 2 else (2 / (values.shape[0] * 9)) ** 0.5
            assert values.std().item() == pytest.approx(std, rel=0.1), name


def fake_state(name, seed=0):
    """A state of the right shapes in a few megabytes: most tensors are one number each, seen from everywhere."""
    arguments = {"init_weights": False} if name == "googlenet" else {}
    with torch.device("meta"):
        shapes = torchvision.models.get_model(name, weights=None, **arguments).state_dict()
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, value in shapes.items():
        if not value.is_floating_point():
            state[key] = torch.zeros(value.shape, dtype=value.dtype)
        elif value.numel() < 1_000_000:
            state[key] = torch.randn(value.shape, generator=generator) * 0.05
            if key.endswith("running_var"):
                state[key] = state[key].abs() + 1
        else:
            state[key] = torch.full((), 1e-4).expand(value.shape)
    return state


@pytest.fixture
def web(tmp_path, monkeypatch):
    """A server on this machine in the place of download.pytorch.org, and an empty cache."""
    site = tmp_path / "site"
    site.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    torch_hub = torchvision.models._api.load_state_dict_from_url
    names = {}

    def redirected(url, *args, **kwargs):
        published = url.rpartition("/")[2].partition("-")[0]
        url = f"http://127.0.0.1:{server.server_address[1]}/{names.get(published, published)}"
        return torch_hub(url, *args, **{**kwargs, "progress": False})

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", redirected)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def publish(name, content, digest=None):
        """Offer a file under torchvision's kind of name, which ends in the first digits of its SHA-256."""
        digest = digest or hashlib.sha256(content).hexdigest()[:8]
        names[name] = f"{name}-{digest}.pth"
        (site / names[name]).write_bytes(content)

    yield publish
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def published(web, tmp_path):
    """Publish weights for a network of torchvision; returns them."""

    def publish(name):
        state = fake_state(name)
        torch.save(state, tmp_path / "state.pth")
        web(name, (tmp_path / "state.pth").read_bytes())
        return state

    return publish


def test_imagenet_weights_are_downloaded_and_taken_over(published):
    state = published("resnet18")
    network = models.create("resnet18_sketch", classes=1000, pretrained="imagenet")
    for name, value in network.state_dict().items():
        assert torch.equal(value, state[name]), name
    # Saved with weights, these arguments make the network without asking for a download.
    assert network.arguments == {"classes": 1000, "channels": 3, "pretrained": None}
    wanted = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.transforms()
    assert network.input_statistics == (tuple(wanted.mean), tuple(wanted.std))
    assert models.create("resnet18_sketch").input_statistics is None


def test_another_number_of_classes_has_a_last_layer_of_its_own(published):
    state = published("resnet18")
    network = models.create("resnet18_sketch", classes=7, pretrained="imagenet")
    assert network.fc.weight.shape == (7, 512)
    same = {
        name: torch.equal(v, state[name]) for name, v in network.state_dict().items() if "fc." not in name
    }
    assert all(same.values())


@pytest.mark.parametrize("name", ["resnet18", "googlenet"])
def test_a_grey_network_sees_grey_as_the_rgb_network_does(published, name):
    published(name)
    extra = {"transform_input": False} if name == "googlenet" else {}
    rgb = models.create(f"{name}_sketch", classes=1000, pretrained="imagenet", **extra).double().eval()
    grey = models.create(f"{name}_sketch", classes=1000, channels=1, pretrained="imagenet").double().eval()
    image = torch.rand(1, 1, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        expected, scores = rgb(image.expand(-1, 3, -1, -1)), grey(image)
    assert expected.std() > 0
    halves = ((0.5,), (0.5,))
    averages = tuple(pytest.approx(value) for value in (np.mean([0.485, 0.456, 0.406]), 0.226))
    wanted = grey.input_statistics if name == "googlenet" else tuple(one for (one,) in grey.input_statistics)
    assert wanted == (halves if name == "googlenet" else averages)
    # The filters were summed in float32.
    torch.testing.assert_close(scores, expected, rtol=1e-5, atol=1e-6)


def test_googlenet_takes_what_the_others_take(published):
    """Its weights are of (x - 0.5) / 0.5, so with them the input is brought there, as in torchvision."""
    state = published("googlenet")
    network = models.create("googlenet_sketch", classes=1000, pretrained="imagenet").eval()
    reference = torchvision.models.googlenet(weights=None, init_weights=False, transform_input=True).eval()
    reference.load_state_dict(state)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(image), reference(image))
    assert network.arguments["transform_input"] is True
    assert models.create("googlenet_sketch", **network.arguments).transform_input is True
    with pytest.raises(ValueError, match="transform_input is for RGB images, and channels is 1"):
        models.create("googlenet_sketch", channels=1, transform_input=True)


def test_without_a_connection_it_says_so_and_starts_at_random(web):
    with pytest.warns(
        UserWarning, match=r"weights of resnet18 could not be had from https://\S+ \(HTTPError: .*random"
    ):
        network = models.create("resnet18_sketch", classes=5, pretrained="imagenet")
    assert network.conv1.weight.std() > 0


def test_no_server_at_all(monkeypatch, tmp_path):
    from urllib.error import URLError

    def unreachable(*_args, **_kwargs):
        raise URLError("Name or service not known")

    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.warns(
        UserWarning, match=r"googlenet .*\(URLError: Name or service not known\).*random weights"
    ):
        network = models.create("googlenet_sketch", classes=5, pretrained="imagenet")
    assert network.transform_input is False


class Hostile:
    def __reduce__(self):
        return open, ("unpickled.txt", "w")


@pytest.mark.parametrize(
    ("content", "digest", "reason"),
    [
        ("state", "00000000", "RuntimeError: invalid hash value"),
        ("half", None, "RuntimeError|EOFError|UnpicklingError"),
        ("pickle", None, "UnpicklingError"),
    ],
)
def test_a_wrong_damaged_or_hostile_file(web, tmp_path, monkeypatch, content, digest, reason):
    monkeypatch.chdir(tmp_path)
    torch.save(Hostile() if content == "pickle" else fake_state("resnet18"), tmp_path / "file.pth")
    data = (tmp_path / "file.pth").read_bytes()
    web("resnet18", data[: len(data) // 2] if content == "half" else data, digest)
    with pytest.warns(UserWarning, match=rf"weights of resnet18 could not be had .*({reason})"):
        models.create("resnet18_sketch", classes=5, pretrained="imagenet")
    assert not (tmp_path / "unpickled.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"channels": 6}, r"channels must be 1 \(grey\) or 3 \(RGB\), got 6"),
        ({"channels": True}, "channels must be"),
        ({"classes": 0}, "classes must be a positive integer"),
        ({"pretrained": "places"}, 'pretrained must be "imagenet" or None'),
    ],
)
def test_what_makes_no_network(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        on_meta("resnet18_sketch", **arguments)
