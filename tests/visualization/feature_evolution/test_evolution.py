"""Evolutions: checkpoints of all kinds, a jump worked out by hand, the paper's figure, folders."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import sketchwidgets as sw


def detector(weights: list[float]) -> nn.Module:
    """One channel a weight, which multiplies the image."""
    conv = nn.Conv2d(1, len(weights), 1, bias=False)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor(weights).view(-1, 1, 1, 1))
    return nn.Sequential(conv, nn.ReLU()).eval()


@pytest.fixture
def images():
    """Image 0 holds the brightest pixel, image 2 the darkest."""
    images = torch.zeros(3, 1, 6, 6)
    images[0, 0, 1, 2], images[2, 0, 4, 5] = 0.75, -0.5
    return images


def test_where_the_maximising_image_changed(images):
    # Channel 0 turns from bright to dark between epochs 2 and 5; channel 1 only grows.
    nets = {1: detector([1.0, 1.0]), 2: detector([2.0, 2.0]), 5: detector([-4.0, 3.0])}
    found = sw.evolution(nets, nets[1], images, channels=None, progress=False)
    units = found["1"]
    assert found.epochs == (1, 2, 5)
    assert units.images.tolist() == [[0, 0, 2], [0, 0, 0]]
    assert units.activations.tolist() == [[0.75, 1.5, 2.0], [0.75, 1.5, 2.25]]
    assert units.positions[0].tolist() == [[1, 2], [1, 2], [4, 5]]
    assert found.changed("1").tolist() == [[False, False, True], [False, False, False]]
    shown = [float(values) for values in found.projections("1", 0)]
    assert shown == pytest.approx([0.75, 3.0, -8.0])  # activation times weight
    captions = [tile.caption for tile in found.figure().sections[0].tiles]
    assert captions == ["0.75", "1.5", "2 · new", "0.75", "1.5", "2.25"]
    assert found.figure().sections[0].columns == 3


@pytest.fixture(scope="module")
def trained():
    def make(epoch: int) -> nn.Module:
        torch.manual_seed(epoch)
        return nn.Sequential(
            nn.Conv2d(1, 12, 5, 2), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 5, 3), nn.ReLU()
        ).eval()

    return make


@pytest.fixture(scope="module")
def noise():
    return torch.rand(16, 1, 20, 20, generator=torch.Generator().manual_seed(1))


def test_checkpoints_of_all_kinds_give_the_same(trained, noise, tmp_path):
    save_file(trained(1).state_dict(), tmp_path / "one.safetensors")
    sw.models.save_weights(tmp_path / "epoch-00001.safetensors", trained(1).state_dict(), dtype="float32")
    sw.models.save_weights(tmp_path / "epoch-00007.safetensors", trained(7).state_dict(), dtype="float32")
    model = trained(0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    want = sw.evolution({7: trained(7), 1: trained(1)}, model, noise, channels=4, progress=False)
    for checkpoints in (
        {1: trained(1).state_dict(), 7: trained(7).state_dict()},
        [(1, tmp_path / "one.safetensors"), (7, lambda: trained(7))],
        {1: str(tmp_path / "one.safetensors"), 7: lambda: trained(7).state_dict()},
        tmp_path,
    ):
        found = sw.evolution(checkpoints, model, noise, channels=4, progress=False)
        assert found.epochs == (1, 7)
        for name in want:
            assert torch.equal(found[name].channels, want[name].channels)
            assert torch.equal(found[name].activations, want[name].activations)
            assert torch.equal(found[name].images, want[name].images)
    assert [len(units) for units in want.values()] == [4, 4]
    assert sw.evolution([trained(1), trained(7)], model, noise, channels=1, progress=False).epochs == (1, 2)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_each_epoch_is_the_strongest_of_the_atlas_at_that_epoch(trained, noise):
    found = sw.evolution({3: trained(3)}, trained(0), noise, channels={"2": [4, 0], "4": [1]}, progress=False)
    whole = sw.atlas(trained(3), noise, top=1, progress=False)
    assert found["2"].channels.tolist() == [0, 4]
    for layer, channel in (("2", 0), ("2", 4), ("4", 1)):
        row, of = found[layer].row(channel), whole[layer].row(channel)
        for part in ("images", "activations", "positions", "corners"):
            assert torch.equal(getattr(found[layer], part)[row], getattr(whole[layer], part)[of])
        pairs = zip(found.projections(layer, channel), whole.projections(layer, channel), strict=True)
        assert all(a is b or torch.equal(a, b) for a, b in pairs)


def test_saved_and_opened_again(trained, noise, tmp_path):
    made = sw.evolution({1: trained(1), 2.5: trained(2)}, trained(0), noise, channels=2, progress=False)
    made.save(tmp_path / "evolution")
    again = sw.FeatureEvolution.open(tmp_path / "evolution")
    assert again.epochs == (1, 2.5)
    assert torch.equal(again["4"].images, made["4"].images)
    assert again.figure(patches=True).to_svg() == made.figure(patches=True).to_svg()
    assert again._repr_html_() == made._repr_html_()
    with pytest.raises(sw.AtlasError, match="kind 'feature_evolution'"):
        sw.FeatureAtlas.open(tmp_path / "evolution")
    path = tmp_path / "evolution" / "atlas.json"
    header = json.loads(path.read_text())
    for epochs, message in (([2, 1], "not ascending"), ([1, "2"], "not ascending"), ([1], "2 places for 1")):
        path.write_text(json.dumps({**header, "epochs": epochs}))
        with pytest.raises(sw.AtlasError, match=message):
            sw.FeatureEvolution.open(tmp_path / "evolution")


def test_a_callback_ends_the_work_after_whole_epochs(trained, noise):
    nets = {e: trained(e) for e in (1, 2, 3)}
    found = sw.evolution(
        nets, nets[1], noise, channels=2, progress=False, callback=lambda state: state.epoch < 3
    )
    assert found.epochs == (1, 2)


def test_bad_checkpoints_are_named(trained, noise, tmp_path):
    (tmp_path / "model.pt").write_bytes(b"\x80\x02}q\x00.")
    wide = nn.Sequential(nn.Conv2d(1, 3, 5), nn.ReLU()).eval()
    for checkpoints, message in (
        ({}, "checkpoints is empty"),
        (7, "checkpoints must be"),
        ({"first": trained(1)}, "the epoch 'first'"),
        ({-1: trained(1)}, "the epoch -1"),
        ([(1, trained(1)), (1, trained(2))], "there twice"),
        ({1: tmp_path / "model.pt"}, "not a safetensors file"),
        ({1: wide.state_dict()}, r"checkpoints\[1\] does not fit Sequential"),
        ({1: {f"net.{k}": v for k, v in wide.state_dict().items()}}, r"RecordEvolution\(network='net'\)"),
        ({1: 3.5}, r"checkpoints\[1\] must be"),
        ({1: trained(1), 2: wide}, r"checkpoints\[2\]: layer"),
        (tmp_path, "holds no epoch-"),
    ):
        with pytest.raises(sw.AtlasError, match=message):
            sw.evolution(checkpoints, trained(0), noise, progress=False)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        sw.evolution({1: "nowhere.safetensors"}, trained(0), noise, progress=False)
    for channels, message in (
        (0, "channels must be"),
        ({"2": [1]}, "none of '4'"),
        ({"2": [1], "4": [0], "9": [0]}, "'9' is no layer"),
        ({"2": [12], "4": [0]}, "from 0 to 11"),
    ):
        with pytest.raises(sw.AtlasError, match=message):
            sw.evolution({1: trained(1)}, trained(0), noise, channels=channels, progress=False)
