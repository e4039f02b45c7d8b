"""What several studies share: pictures of whatever kind, and a normalisation that is fast."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import sketchwidgets as sw
from sketchwidgets.models import kept_generators
from sketchwidgets.studies._fast_norm import BandedNorm, with_fast_norms
from sketchwidgets.studies._labelled import Labelled, at_most
from sketchwidgets.training import DrawingSet


@pytest.mark.parametrize("size", [1, 3, 4, 5])
def test_a_banded_norm_is_torchs_with_its_gradient(size):
    norm = nn.LocalResponseNorm(size, alpha=0.3, beta=0.75, k=2.0)
    maps = torch.randn(2, 7, 3, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 7, 3, 4, dtype=torch.float64)
    found = []
    for one in (norm, BandedNorm(norm)):
        values = one(maps)
        (gradient,) = torch.autograd.grad((values * weight).sum(), maps)
        found.append((values, gradient))
    for have, want in zip(*found, strict=True):
        torch.testing.assert_close(have, want)
    assert torch.autograd.gradcheck(BandedNorm(norm), (maps,))


def test_a_network_with_fast_norms_has_the_same_weights_and_scores():
    torch.manual_seed(0)
    network = sw.models.create("alexnet", classes=3, channels=1, conv=(8, 8, 4, 4, 4), fc=8, size=67).eval()
    images = torch.rand(2, 1, 67, 67)
    before, names = network(images), list(network.state_dict())
    assert with_fast_norms(network) is network
    assert not [m for m in network.modules() if isinstance(m, nn.LocalResponseNorm)]
    torch.testing.assert_close(network(images), before)
    assert list(network.state_dict()) == names


def images():
    return np.arange(5 * 8 * 8, dtype=np.uint8).reshape(5, 8, 8), np.array([1, 0, 1, 1, 0]), ("ant", "bee")


def test_a_path_is_opened_as_what_is_there(tmp_path):
    pictures, labels, classes = images()
    np.savez(tmp_path / "images.npz", images=pictures, label=labels, classes=list(classes))
    np.savez(
        tmp_path / "drawings.npz",
        xy=np.zeros((6, 2), np.uint8),
        stroke_len=[2, 2, 2],
        n_strokes=[1, 1, 1],
        label=[0, 1, 0],
        classes=["ant", "bee"],
        key_id=np.arange(3),
    )
    for folder, name in (("photos", ""), ("caltech", "101_ObjectCategories/")):
        for kind in classes:
            at = tmp_path / folder / f"{name}{kind}"
            at.mkdir(parents=True)
            Image.new("L", (9, 8)).save(at / "1.jpg")
    for path, kind, count in (
        ("images.npz", tuple, 5),
        ("drawings.npz", DrawingSet, 3),
        ("photos", sw.training.ImageFolder, 2),
        ("caltech", sw.training.Caltech101, 2),
    ):
        found = Labelled.open(tmp_path / path)
        assert isinstance(found.data, kind)
        assert (len(found), found.classes) == (count, classes)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"targets\['x'\]: .*empty"):
        Labelled.open(tmp_path / "empty", "targets['x']")
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        Labelled.open(tmp_path / "none.npz")


def test_a_part_has_its_own_pictures_and_labels(tmp_path):
    whole = Labelled(images())
    pictures, labels, _ = whole.take(np.array([4, 2]))
    np.testing.assert_array_equal(pictures, images()[0][[4, 2]])
    np.testing.assert_array_equal(labels, [0, 1])
    for kind in ("ant", "bee"):
        (tmp_path / kind).mkdir()
        Image.new("L", (9 if kind == "ant" else 7, 8)).save(tmp_path / kind / "1.png")
    part = Labelled.open(tmp_path).take(np.array([1]))
    picture, label = part[0]
    assert (len(part), picture.size, label, part.labels.tolist()) == (1, (7, 8), 1, [1])


def test_at_most_so_many_of_a_class():
    labels = np.repeat([0, 1, 2], [10, 3, 5])
    chosen = at_most(labels, 4, seed=1)
    assert np.bincount(labels[chosen]).tolist() == [4, 3, 4]
    assert (np.diff(chosen) > 0).all()
    assert not np.array_equal(chosen, at_most(labels, 4, seed=2))
    np.testing.assert_array_equal(at_most(labels, None, seed=1), np.arange(18))


def test_a_study_leaves_the_generators_of_all_gpus_as_they_were(monkeypatch):
    states = {0: torch.tensor([1], dtype=torch.uint8), 1: torch.tensor([2], dtype=torch.uint8)}
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(states))
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda number: states[number])
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, number: states.update({number: state}))
    before, on_cpu = dict(states), torch.get_rng_state()
    with kept_generators():
        torch.default_generator.manual_seed(5)
        states.update({0: torch.tensor([9], dtype=torch.uint8), 1: torch.tensor([9], dtype=torch.uint8)})
    assert states == before
    assert torch.equal(torch.get_rng_state(), on_cpu)
