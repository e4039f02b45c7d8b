"""Atlases: hand-worked maxima, ties, borders, loaders, and networks left as they were."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

import sketchwidgets as sw
from sketchwidgets.visualization.feature_atlas._pictures import OUTSIDE


def plus_detector() -> nn.Module:
    """Channel 0 answers to bright pixels, channel 1 to bright pixels right of dark ones, channel 2 to nothing."""
    conv = nn.Conv2d(1, 3, 3, padding=1, bias=False)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0, 1, 1] = 1
        conv.weight[1, 0, 1, 0], conv.weight[1, 0, 1, 1] = -1, 1
        conv.weight[2, 0, 1, 1] = -1
    return nn.Sequential(conv, nn.ReLU()).eval()


def dotted(places: dict[int, list[tuple[int, int, float]]], count: int = 6, side: int = 8) -> torch.Tensor:
    images = torch.zeros(count, 1, side, side)
    for image, dots in places.items():
        for row, column, value in dots:
            images[image, 0, row, column] = value
    return images


def test_maxima_worked_out_by_hand():
    # Image 1 holds two dots brighter than any other image's: it may take one place only.
    images = dotted({0: [(2, 2, 0.5)], 1: [(4, 5, 0.9), (1, 1, 0.8)], 2: [(0, 7, 0.7)], 4: [(3, 3, 0.2)]})
    found = sw.atlas(plus_detector(), images, top=3, progress=False)
    units = found["1"]
    assert units.size == (3, 3)
    assert units.images[0].tolist() == [1, 2, 0]
    assert units.activations[0].tolist() == pytest.approx([0.9, 0.7, 0.5])
    assert units.positions[0].tolist() == [[4, 5], [0, 7], [2, 2]]
    assert units.corners[0].tolist() == [[3, 4], [-1, 6], [1, 1]]
    assert units.dead.tolist() == [False, False, True]
    # The projection of one bright pixel through a filter of one weight is that pixel.
    projection = found.projections("1", 0)[0]
    assert projection.shape == (1, 3, 3)
    assert projection[0, 1, 1] == pytest.approx(0.9)
    assert projection.abs().sum() == pytest.approx(0.9)
    assert found.projections("1", 2) == [None, None, None]


def test_patches_are_padded_at_the_border():
    images = dotted({2: [(0, 7, 1.0)]})
    found = sw.atlas(plus_detector(), images, top=1, progress=False)
    patch = found.patches("1", 0)[0]
    assert patch.tolist() == [[OUTSIDE] * 3, [0, 255, OUTSIDE], [0, 0, OUTSIDE]]
    projection = found.projections("1", 0)[0][0]
    assert projection.tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_of_equal_maxima_the_first_image_is_ahead_however_the_images_are_cut_into_batches():
    images = dotted({1: [(2, 2, 0.5)], 3: [(5, 5, 0.5)], 4: [(1, 6, 0.5)], 5: [(1, 6, 0.25)]})
    for batches in ([images], list(images.split(1)), list(images.split(4))):
        found = sw.atlas(plus_detector(), batches, top=4, progress=False)
        assert found["1"].images[0].tolist() == [1, 3, 4, 5]
        assert found["1"].images[2].tolist() == [0, 1, 2, 3]  # dead: all are 0


def test_a_data_set_smaller_than_top_gives_fewer_places():
    found = sw.atlas(plus_detector(), torch.rand(4, 1, 8, 8), top=9, progress=False)
    assert found["1"].images.shape == (3, 4)
    assert sorted(found["1"].images[0].tolist()) == [0, 1, 2, 3]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, stride=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(5, 7, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.LazyLinear(4),
    ).eval()


@pytest.fixture(scope="module")
def photos(network):
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(50, 3, 24, 20, generator=generator)
    with torch.no_grad():
        network(images[:1])
    return images


def test_units_equal_a_plain_forward_and_project(network, photos):
    labels = torch.arange(50) % 4
    loader = DataLoader(TensorDataset(photos, labels), batch_size=16)
    names = [f"photo-{i}.png" for i in range(50)]
    found = sw.atlas(
        network, loader, rule="guided", classes=list("abcd"), names=names, quality=None, progress=False
    )
    assert list(found) == ["1", "4"]
    maps = network[:5](photos).detach()
    peaks = maps.amax((2, 3)).T
    units = found["4"]
    live = ~units.dead
    assert torch.equal(
        units.images[live], torch.sort(peaks, dim=1, descending=True, stable=True).indices[live][:, :9]
    )
    assert torch.allclose(units.activations, peaks.sort(dim=1, descending=True).values[:, :9])
    row = int(live.nonzero()[0])
    for place in range(3):
        image = int(units.images[row, place])
        one = sw.project(network, photos[image : image + 1], "4", rule="guided", channels=[row])["4"]
        assert units.positions[row, place].tolist() == one.positions[0, 0].tolist()
        top, left, bottom, right = one.boxes[0, 0].tolist()
        corner = units.corners[row, place]
        y, x = top - int(corner[0]), left - int(corner[1])
        here = found.projections("4", row)[place]
        crop = one.crops(0)[0]
        inside = here[:, y : y + bottom - top, x : x + right - left]
        assert (inside - crop).abs().max() <= crop.abs().max() / 200  # 8 bits
        assert here.abs().sum() == pytest.approx(float(inside.abs().sum()))
        assert found.class_of(image) == "abcd"[image % 4]
        assert found.names[image] == f"photo-{image}.png"


def test_all_kinds_of_loaders_give_the_same(network, photos):
    data = TensorDataset(photos)
    want = sw.atlas(network, photos, "4", progress=False)["4"]
    for loader in (
        DataLoader(data, batch_size=7, shuffle=True),
        DataLoader(data, batch_size=50),
        data,
        list(photos.split(11)),
        photos.numpy(),
        DataLoader(list(photos), batch_size=None),
    ):
        found = sw.atlas(network, loader, "4", progress=False)["4"]
        assert torch.equal(found.images, want.images), loader
        assert torch.equal(found.positions, want.positions)


def test_an_image_that_a_loader_draws_several_times_counts_once(network, photos):
    data = TensorDataset(photos)
    order = [5, 1, 9, 1, 5, 7, 2, 9, 9]
    for options in (
        {"batch_size": 4, "sampler": SubsetRandomSampler([9, 5, 7, 2, 1])},
        {"batch_size": 2, "sampler": order},
        {"batch_sampler": BatchSampler(order, 3, drop_last=False)},
    ):
        found = sw.atlas(network, DataLoader(data, **options), "4", top=5, progress=False)["4"]
        assert found.images.sort(1).values.tolist() == [[1, 2, 5, 7, 9]] * len(found)
    before = torch.random.get_rng_state()
    sampler = WeightedRandomSampler([1.0] * len(data), 60, generator=torch.Generator().manual_seed(0))
    found = sw.atlas(network, DataLoader(data, 4, sampler=sampler), "4", progress=False)["4"]
    assert all(len(set(row)) == len(row) for row in found.images.tolist())
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_forward_stops_at_the_deepest_layer_and_leaves_the_network_as_it_was(network, photos):
    ran = []
    handle = network[6].register_forward_hook(lambda *_: ran.append(1))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    sw.atlas(network, photos, "1", progress=False)
    with pytest.raises(RuntimeError, match="boom"):
        sw.atlas(network, photos, "1", progress=False, callback=_boom)
    handle.remove()
    assert not ran
    assert all(not module._forward_hooks and not module._backward_hooks for module in network.modules())
    assert all(p.grad is None and p.requires_grad for p in network.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def _boom(_state):
    raise RuntimeError("boom")


def test_a_callback_ends_the_work_with_what_there_is(network, photos):
    states = []

    def callback(state):
        states.append((state.stage, state.done, state.total))
        return not (state.stage == "images" and state.done >= 20)

    found = sw.atlas(network, list(photos.split(10)), "4", progress=False, callback=callback)
    assert [s for s in states if s[0] == "images"] == [("images", 10, 50), ("images", 20, 50)]
    assert found.facts["images"] == 20
    want = sw.atlas(network, photos[:20], "4", progress=False)
    assert torch.equal(found["4"].images, want["4"].images)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_follows_the_dtype_of_the_network(photos, dtype):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU()).to(dtype).eval()
    found = sw.atlas(net, photos, top=2, progress=False)
    want = net(photos.to(dtype)).amax((2, 3)).max(0).values
    assert torch.equal(found["1"].activations[:, 0].to(dtype), want)


def test_channels_last_maps_and_layers_without_positions(photos):
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 4, stride=4)
            self.turn = nn.Identity()
            self.head = nn.Linear(4, 6)

        def forward(self, x):
            x = self.conv(x)
            self.turn(x.permute(0, 2, 3, 1))
            return self.head(x.mean((2, 3)))

    torch.manual_seed(0)
    net = Last().eval()
    found = sw.atlas(net, photos, ["turn", "head"], top=2, progress=False)
    peaks = net.conv(photos).amax((2, 3)).T
    assert torch.equal(found["turn"].images, peaks.topk(2, 1).indices)
    assert found["head"].images.shape == (6, 2)
    assert found["head"].size == (24, 20)
    assert found["turn"].size == (4, 4)


@pytest.mark.parametrize(
    ("loader", "message"),
    [
        (iter([torch.rand(2, 3, 24, 20)]), "only once"),
        (42, "loader must be"),
        ([], "no images"),
        ([{"pixels": 1}], r"loader\[0\] holds a dict"),
        ([torch.rand(2, 3, 24, 20), torch.rand(2, 3, 20, 20)], "must be alike"),
        ([torch.zeros(2, 3, 24, 20, dtype=torch.uint8)], "not floating point"),
        ([torch.full((2, 3, 24, 20), torch.nan)], "NaN"),
    ],
)
def test_bad_loaders_are_named(network, loader, message):
    with pytest.raises(sw.AtlasError, match=message):
        sw.atlas(network, loader, "4", progress=False)


def test_bad_arguments_are_named(network, photos):
    for keywords, message in (
        ({"layers": "7"}, "no layer '7'"),
        ({"top": 0}, "top must be"),
        ({"rule": "magic"}, "rule must be"),
        ({"names": ["one"]}, "names: 1 names"),
        ({"checkpoint": "no/such/folder/file"}, "no folder"),
    ):
        with pytest.raises(ValueError, match=message):
            sw.atlas(network, photos, progress=False, **keywords)
    with pytest.raises(ValueError, match="training mode"):
        sw.atlas(nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()), photos, progress=False)


def test_drawings_are_stored_as_strokes_and_projected_when_asked():
    rng = np.random.default_rng(0)
    sketches = [[rng.integers(0, 256, (6, 2)), rng.uniform(0, 90, (3, 2))] for _ in range(12)]
    images = sw.SketchImages(sketches, labels=[0, 1] * 6, size=33, extent=29, stroke_width=2)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 5, stride=2), nn.ReLU()).eval()
    found = sw.atlas(net, images, top=3, classes=["left", "right"], progress=False)
    units = found["1"]
    stack = torch.stack([images[i][0] for i in range(12)])
    peaks = net(stack).amax((2, 3)).T
    assert torch.equal(units.images, peaks.topk(3, 1).indices)
    assert found.has_drawings
    assert not found.has_projections
    first = int(units.images[0, 0])
    assert torch.equal(found.image(first)[0], stack[first])
    one = found.project(net, "1", 0, rule="backprop")
    assert one.activations[:, 0].tolist() == pytest.approx(units.activations[0].tolist(), rel=1e-5)
    shown = found.projections("1", 0, net)
    assert [tuple(values.shape) for values in shown] == [(1, 5, 5)] * 3
    with pytest.raises(sw.AtlasError, match="give the model"):
        found.projections("1", 0)
    with pytest.raises(KeyError, match="no channel 9"):
        found.patches("1", 9)
    assert found.find("right") == sorted(found.find("right"), key=lambda each: -_rights(found, each))
    assert found.find("2") == [("1", 2)]


def _rights(found, at):
    layer, channel = at
    return sum(found.class_of(image) == "right" for image in found[layer].images[channel].tolist())


def test_figures_of_a_layer_and_of_a_channel(network, photos):
    found = sw.atlas(network, photos, top=9, progress=False)
    channel = found.live("4")[0]
    figure = found.channel_figure("4", channel)
    assert [len(section.tiles) for section in figure.sections] == [9, 9]
    assert figure.to_png(scale=1)[1:4] == b"PNG"
    assert "<svg" in found.figure("4").to_svg()
    assert found._repr_html_().startswith("<")
    dead = found.find("dead")
    assert all(bool(found[layer].dead[found[layer].row(c)]) for layer, c in dead)


def test_a_network_prepares_drawings_and_photos_itself():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 5, stride=2), nn.ReLU()).eval()
    network = sw.Network(net, size=32, mean=0.5, std=0.25)
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (40, 50, 3), dtype=np.uint8) for _ in range(3)]
    pictures += [sw.Sketch([rng.uniform(0, 9, (4, 2))]), Image.fromarray(pictures[0][:, ::-1].copy())]
    found = sw.atlas(network, pictures, top=2, progress=False)
    stack = torch.cat([network.prepare(picture) for picture in pictures])
    peaks = net(stack).amax((2, 3)).T.detach()
    assert torch.equal(found["1"].activations, peaks.topk(2, 1).values)
    image, corner = int(found["1"].images[0, 0]), found["1"].corners[0, 0]
    y, x = corner.tolist()
    patch = network.picture(stack[image : image + 1])[0][y : y + 5, x : x + 5]
    assert (found.patches("1", 0)[0] == patch).all()
    # One channel of plain ink: the strokes are enough.
    torch.manual_seed(0)
    ink = sw.Network(nn.Sequential(nn.Conv2d(1, 4, 5), nn.ReLU()).eval(), size=32)
    sketches = [sw.Sketch([rng.uniform(0, 9, (4, 2))]) for _ in range(3)]
    assert sw.atlas(ink, sketches, progress=False).has_drawings


def test_an_imported_network_takes_drawings_as_its_network_does(tmp_path):
    (tmp_path / "net.prototxt").write_text(
        'input: "data" input_dim: 1 input_dim: 3 input_dim: 24 input_dim: 24 '
        'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" '
        "convolution_param { num_output: 3 kernel_size: 5 stride: 2 } } "
        'layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }'
    )
    network = sw.models.from_caffe(tmp_path / "net.prototxt")
    sketches = [sw.Sketch([[(0, 0), (9, 9), (3, 9)]]), sw.Sketch([[(0, 5), (9, 5)]])]
    found = sw.atlas(network, sketches, top=1, progress=False)
    expected = sw.atlas(sw.Network.of(network), sketches, top=1, progress=False)
    for layer in found:
        assert torch.equal(found[layer].images, expected[layer].images)
        assert torch.equal(found[layer].activations, expected[layer].activations)
