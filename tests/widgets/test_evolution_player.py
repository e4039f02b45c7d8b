"""The evolution player without a page: epochs, columns, what is said of changes, files."""

import numpy as np
import pytest
import torch
from torch import nn
from traitlets import TraitError

import sketchwidgets as sw


@pytest.fixture(scope="module")
def evolution():
    def net(seed):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(1, 5, 3), nn.ReLU(), nn.Conv2d(5, 4, 3), nn.ReLU()).eval()

    images = torch.rand(9, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    return sw.evolution({e: net(e) for e in (1, 2, 5, 64)}, net(0), images, channels=3, progress=False)


@pytest.fixture
def player(evolution):
    made = sw.show(evolution)
    yield made
    made.close()


def tiles(player):
    return [tile for section in player.figure.sections for tile in section.tiles]


def test_it_opens_at_the_last_epoch(player, evolution):
    assert player.epoch == player._slider.value == len(evolution.epochs) - 1
    assert f"epoch {evolution.epochs[-1]}" in player.figure.title
    first = sw.EvolutionPlayer(evolution, epoch=0)
    assert first.epoch == first._slider.value == 0
    first.close()


def test_epochs_one_after_the_other(player, evolution):
    assert isinstance(player, sw.EvolutionPlayer)
    channels = [c for layer in evolution.values() for c in layer.channels.tolist()]
    for place, epoch in enumerate(evolution.epochs):
        player.epoch = place
        assert f"epoch {epoch}" in player.figure.title
        assert [int(tile.caption.split(" · ")[0]) for tile in tiles(player)] == channels
        changed = [int(evolution.changed(name)[:, place].sum()) for name in evolution]
        assert ["· new" in tile.caption for tile in tiles(player)].count(True) == sum(changed)
        assert player._slider.value == place
    player._slider.value = 1
    assert player.epoch == 1


def test_all_epochs_as_columns_of_one_layer(player, evolution, tmp_path):
    player.columns, player.layer = True, "3"
    (section,) = player.figure.sections
    assert section.columns == 4
    assert len(section.tiles) == 12
    player.enhance = False
    pairs = zip(section.tiles, tiles(player), strict=True)
    assert any(not np.array_equal(enhanced.pixels, plain.pixels) for enhanced, plain in pairs)
    player.patches = True
    assert (
        tiles(player)[0].pixels.tolist()
        == evolution.patches("3", int(evolution["3"].channels[0]))[0].tolist()
    )
    player.save_picture(tmp_path / "evolution.png")
    assert (tmp_path / "evolution.png").read_bytes()[1:4] == b"PNG"


def test_opened_from_a_folder_and_bad_arguments(evolution, tmp_path):
    evolution.save(tmp_path / "evolution")
    sw.EvolutionPlayer(tmp_path / "evolution").close()
    with pytest.raises(TypeError, match="must be a FeatureEvolution"):
        sw.EvolutionPlayer(3)
    with pytest.raises(TraitError, match="from 0 to 3"):
        sw.EvolutionPlayer(evolution, epoch=4)
    with pytest.raises(TraitError, match="layer must be"):
        sw.EvolutionPlayer(evolution, layer="relu")


def test_a_training_fills_it_in():
    def net(seed):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(1, 4, 5), nn.ReLU()).eval()

    def found(epochs, layer="1"):
        return sw.evolution(
            {e: net(e) for e in epochs}, net(0), torch.rand(8, 1, 16, 16), layer, progress=False
        )

    player = sw.EvolutionPlayer(found([0]))
    try:
        player.show(found([0, 1, 2]))
        assert player.epoch == player._slider.max == player._play.max == 2
        assert "epoch 2" in player.figure.title
        player.epoch = 1
        player.show(found([0, 1, 2, 3]))
        assert player.epoch == 1  # whoever looks at an earlier epoch is left there
        assert player._slider.max == 3
        player.show(found([0]))
        assert player.epoch == player._slider.max == 0
        with pytest.raises(TypeError, match="FeatureEvolution"):
            player.show({})
        with pytest.raises(ValueError, match="layers 1, not 0"):
            player.show(found([0, 1], "0"))
    finally:
        player.close()
