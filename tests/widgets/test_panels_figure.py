"""What LayerPanels show, as a figure and as files."""

import numpy as np
import pytest
import torch
from _fake_page import Page
from torch import nn

import sketchwidgets as sw
from sketchwidgets.widgets import LayerPanels


@pytest.fixture(scope="module")
def projections():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.ReLU()).eval()
    with torch.no_grad():
        net[0].bias[3:] = -9  # dead
    return sw.project(net, torch.rand(1, 1, 24, 24), top=4, rule="deconvnet")


@pytest.fixture
def panels(projections):
    panels = LayerPanels(rule="deconvnet")
    panels.send_rows([("1", "1: 6 maps of 20 × 20"), ("4", "4: 8 maps of 8 × 8")])
    # The later layer first, as when it is in sight.
    panels.send_panels(3, [("4", "4: 8 maps of 8 × 8", projections["4"])], frame=None, replace=True, size=24)
    panels.send_panels(3, [("1", "1: 6 maps of 20 × 20", projections["1"])], frame=None, done=True, size=24)
    panels.send_paper(3, torch.eye(24)[None, None])
    return panels


def test_the_figure_is_that_of_the_projections(panels, projections):
    figure = panels.figure
    assert figure.title == "Projections by deconvnet"
    drawing, *rows = figure.sections
    assert drawing.tiles[0].caption == "3 strokes"
    assert (np.diag(drawing.tiles[0].pixels) == 0).all()
    assert [row.title for row in rows] == ["1: 6 maps of 20 × 20", "4: 8 maps of 8 × 8"]
    wanted = projections.figure().sections
    for row, expected in zip(rows, wanted, strict=True):
        for tile, other in zip(row.tiles, expected.tiles, strict=True):
            assert tile.caption == other.caption
            assert tile.label == other.label
            if other.pixels is not None:
                np.testing.assert_array_equal(tile.pixels.squeeze(), other.pixels)
    assert (rows[0].tiles[0].label, rows[0].tiles[-1].label) == (None, "dead")


def test_files_from_python_and_for_the_page(panels, tmp_path):
    panels.save_picture(tmp_path / "panels.svg")
    assert "Projections by deconvnet" in (tmp_path / "panels.svg").read_text(encoding="utf-8")
    page = Page(panels)
    page.say({"type": "export", "format": "png", "client": "c", "number": 1})
    page.wait(lambda page: page.of("export"))
    assert page.last("export")["name"] == "Projections-by-deconvnet.png"
    assert page.buffers[-1][0][:4] == b"\x89PNG"
    panels.close()


def test_without_a_drawing_the_figure_is_empty():
    assert LayerPanels().figure.sections == ()


def test_tiles_are_cropped_to_their_signal_where_the_field_is_larger():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 2, 41, padding=20), nn.ReLU()
    ).eval()
    image = torch.zeros(1, 1, 64, 64)
    image[..., 30:34, 28:35] = 1  # nothing else excites anything
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.abs_()
        net[0].bias.zero_()
    projections = sw.project(net, image, ["3"], top=2, rule="guided")
    panels = LayerPanels()
    panels.send_panels(1, [("3", "3", projections["3"])], frame=None, done=True, size=64)
    whole = projections.figure(crop="field").sections[0].tiles
    side = whole[0].pixels.shape[0]
    (row,) = panels.figure.sections
    # Seven pixels of ink, two beside them that see them on either side, and room.
    assert {tile.pixels.shape for tile in row.tiles} == {(16, 16)}
    assert ", shown 16 × 16;" in row.caption
    for tile, field in zip(row.tiles, whole, strict=True):
        assert (tile.pixels != 128).sum() == (field.pixels != 128).sum() > 0
    for tile, other in zip(row.tiles, projections.figure().sections[0].tiles, strict=True):
        np.testing.assert_array_equal(tile.pixels, other.pixels)
    panels.crop = "field"
    (row,) = panels.figure.sections
    assert {tile.pixels.shape for tile in row.tiles} == {(side, side)}
    assert "shown" not in row.caption
    panels.close()
    with pytest.raises(ValueError, match=r'crop must be "signal" or "field", not .all.'):
        projections.figure(crop="all")


def test_a_row_of_dead_channels_says_nothing_of_a_crop():
    net = nn.Sequential(nn.Conv2d(1, 3, 5), nn.ReLU(), nn.Conv2d(3, 2, 5), nn.ReLU()).eval()
    with torch.no_grad():
        net[2].bias.fill_(-1000)
    projections = sw.project(net, torch.rand(1, 1, 24, 24), ["3"], top=2)
    (row,) = projections.figure().sections
    assert [tile.label for tile in row.tiles] == ["dead", "dead"]
    assert row.caption == projections.figure(crop="field").sections[0].caption
