"""Incremental evaluation says what whole forward passes say."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import sketchwidgets as sw
from sketchwidgets.models import SketchANet
from sketchwidgets.visualization.input_modification._winograd import TILES, convolve, transformed

MAPS = ("activity", "probability", "change", "top_probabilities")


def compare(
    model: nn.Module, image: Tensor, tolerance: float = 1e-4, **options
) -> sw.visualization.Occlusion:
    """Both ways; every map agrees to a relative tolerance. The activities of a map are compared by what changes."""
    ours = sw.occlusion(model, image, method="incremental", progress=False, **options)
    plain = sw.occlusion(model, image, method="forward", progress=False, **options)
    assert (ours.method, plain.method) == ("incremental", "forward")
    assert (ours.layer, ours.channel, ours.target) == (plain.layer, plain.channel, plain.target)
    for name in MAPS:
        a, b = getattr(ours, name).double(), getattr(plain, name).double()
        assert a.shape == b.shape
        assert a.isfinite().all()
        assert float((a - b).abs().max()) <= tolerance * float(b.abs().max()), name
    return ours


def settled(model: nn.Module, *shape: int) -> nn.Module:
    """In eval mode, with batch norm statistics of a real batch: else the signal of a deep network dies away."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(torch.randn(2, *shape))
    return model.eval()


@pytest.mark.parametrize(
    ("name", "size", "stride"),
    [("alexnet", 32, 75), ("resnet18", 40, 60), ("mobilenet_v2", 32, 64), ("squeezenet1_1", 24, 60)],
)
def test_networks_of_torchvision(name, size, stride):
    torch.manual_seed(0)
    side = 224 if name == "alexnet" else 160
    model = settled(getattr(torchvision.models, name)(weights=None), 3, side, side)
    compare(model, torch.randn(1, 3, side, side), size=size, stride=stride)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["googlenet", "densenet121", "shufflenet_v2_x1_0", "mnasnet0_5"])
def test_more_networks_of_torchvision(name):
    torch.manual_seed(0)
    extra = {"init_weights": True} if name == "googlenet" else {}
    model = settled(getattr(torchvision.models, name)(weights=None, **extra), 3, 128, 128)
    compare(model, torch.randn(1, 3, 128, 128), size=32, stride=48)


def test_sketch_a_net():
    torch.manual_seed(0)
    strokes = [[(20, 30), (180, 60), (120, 200)], [(60, 60), (70, 150)]]
    drawing = sw.rasterize([sw.Sketch(strokes)])
    for fill in ("paper", "noise"):
        found = compare(SketchANet(classes=20).eval(), drawing, size=64, stride=80, fill=fill, layer="relu4")
        assert found.layer == "relu4"


@pytest.mark.parametrize("name", ["efficientnet_b0", "convnext_tiny"])
def test_what_cannot_be_windowed_is_evaluated_plainly(name):
    """Gates made of the whole map change everything; auto then takes whole passes."""
    torch.manual_seed(0)
    model = getattr(torchvision.models, name)(weights=None).eval()
    found = sw.occlusion(model, torch.randn(1, 3, 64, 64), size=32, progress=False)
    assert found.method == "forward"
    assert found.activity.isfinite().all()


def test_a_global_pool_of_channels_last_maps():
    """torch gives its result other strides in place, where axes have one element; nothing moves by that."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    )
    compare(model.to(memory_format=torch.channels_last).eval(), torch.randn(1, 1, 24, 24), size=6, stride=7)


class Everything(nn.Module):
    """Concatenation, addition, slices, padding, grouped, dilated, strided and depthwise convolutions, both pools."""

    def __init__(self, kernel: int = 3, stride: int = 1, dilation: int = 1, ceil: bool = True) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 16, kernel, stride, padding=kernel // 2)
        self.bn = nn.BatchNorm2d(16)
        self.a = nn.Conv2d(16, 16, 3, padding=dilation, dilation=dilation)
        self.b = nn.Conv2d(16, 8, 1)
        self.c = nn.Conv2d(8, 8, (5, 3), padding=(2, 1), groups=8)
        self.d = nn.Conv2d(24, 16, 3, stride=2, padding=1, groups=2)
        self.e = nn.Conv2d(16, 12, 3)
        self.lrn = nn.LocalResponseNorm(3)
        self.head = nn.Linear(12, 5)
        self.ceil = ceil

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(self.stem(x)))
        x = F.max_pool2d(x, 3, 2, padding=1, ceil_mode=self.ceil)
        y = self.a(x)
        y += x
        z = F.hardswish(self.c(F.relu6(self.b(y))))
        x = torch.cat([y.clamp(min=0), z], 1)
        x = self.lrn(F.leaky_relu(self.d(x), 0.1))
        left, right = x.chunk(2, 1)
        x = torch.cat([right * 2, F.silu(left)], 1)
        x = F.avg_pool2d(
            F.pad(x, (1, 2, 2, 0)), 3, 2, padding=1, ceil_mode=self.ceil, count_include_pad=False
        )
        return self.head(F.relu(self.e(F.pad(x, (2, 2, 2, 2)))).mean((2, 3)))


@settings(deadline=None, max_examples=20)
@given(
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    ceil=st.booleans(),
    height=st.integers(17, 40),
    width=st.integers(17, 40),
    patch=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    step=st.integers(3, 9),
    overhang=st.booleans(),
    layer=st.sampled_from(["stem", "bn", "a", "b", "c", "d", "e", "lrn", "head"]),
)
def test_any_geometry(kernel, stride, dilation, ceil, height, width, patch, step, overhang, layer):
    with torch.random.fork_rng():
        torch.manual_seed(kernel + 10 * stride)
        model = settled(Everything(kernel, stride, dilation, ceil), 2, 32, 32).double()
        image = torch.randn(1, 2, height, width, dtype=torch.float64)
    step = (min(step, patch[0]), min(step, patch[1]))
    if step[0] * step[1] < 6:
        step = patch
    compare(model, image, 1e-9, size=patch, stride=step, overhang=overhang, layer=layer, fill="noise")


@pytest.mark.parametrize("tile", [(a, b) for a in TILES for b in TILES])
def test_winograd_is_a_convolution(tile):
    generator = torch.Generator().manual_seed(0)
    image, weight = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((2, 5, 12, 11), (7, 5, 3, 3))
    )

    def canvas(height: int, width: int) -> Tensor:
        return F.pad(image, (0, width - 11, 0, height - 12)).permute(0, 2, 3, 1)

    made = convolve(canvas, transformed(weight, tile), tile, 10, 9)
    assert torch.allclose(made.permute(0, 3, 1, 2), F.conv2d(image, weight), atol=1e-10)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.1), (torch.float64, 1e-8)])
def test_dtypes(dtype, tolerance):
    torch.manual_seed(0)
    model, image = settled(Everything(), 2, 48, 40).to(dtype), torch.randn(1, 2, 48, 40).to(dtype)
    if dtype == torch.bfloat16:
        model.lrn = nn.Identity().eval()  # PyTorch has none on the CPU
    found = compare(model, image, tolerance, size=8, stride=8)
    assert found.probability.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)


class Branching(nn.Module):
    """Decides by what it sees, in a way that operations do not show."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        factor = 3.0 if x.detach().numpy().sum() > self.threshold else -1.0
        return self.head(F.relu(factor * x).mean((2, 3)))


def test_a_model_that_branches_is_found_out():
    torch.manual_seed(0)
    model, image = Branching().eval(), torch.rand(1, 1, 24, 24)
    with torch.no_grad():
        model.threshold = float(model.conv(image).sum()) - 1e-3
        flipped = [float(model.conv(image * 0.99).sum()) > model.threshold, True]
    image = image if flipped[0] != flipped[1] else -image
    options = {"size": 6, "stride": 6, "fill": 9.0, "progress": False}
    found, plain = (sw.occlusion(model, image, method=method, **options) for method in ("auto", "forward"))
    assert torch.allclose(found.probability, plain.probability, atol=1e-5)
    assert torch.allclose(found.activity, plain.activity, rtol=1e-4)


class Item(nn.Module):
    """Reads a value out of a tensor, which no recording can follow."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv(x))
        return x.mean((2, 3)) * x.max().item()


def test_what_cannot_be_recorded_falls_back():
    model, image = Item().eval(), torch.rand(1, 1, 20, 20)
    found = sw.occlusion(model, image, size=5, progress=False)
    assert found.method == "forward"
    with pytest.raises(ValueError, match='method "incremental" cannot play'):
        sw.occlusion(model, image, size=5, method="incremental", progress=False)


def test_a_forward_of_ones_own():
    """As of a recogniser: features, and a recurrent step from a state made for the batch."""
    torch.manual_seed(0)
    cnn = SketchANet(classes=4).eval()
    recurrent = sw.models.recurrent.RecurrentClassifier(512, 16, classes=7).eval()

    def forward(model: nn.Module, images: Tensor) -> Tensor:
        return recurrent.step(model.features(images), recurrent.initial_state(len(images)))[0]

    drawing = sw.rasterize([sw.Sketch([[(20, 30), (180, 60), (120, 200)]])])
    found = compare(cnn, drawing, size=56, stride=56, fill="paper", forward=forward)
    assert found.layer == "relu5"
    assert int(found.label.max()) < 7
