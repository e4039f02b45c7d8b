"""FilterGallery: orders, the threshold, what a click chooses, filters that are too small."""

import math

import pytest
import torch
from torch import nn
from traitlets import TraitError

import sketchwidgets as sw
from sketchwidgets.visualization.first_layer._gabor import gabor

PATIENCE = 60


def weights(n=14):
    """Half of them Gabors of rising wavelength, half noise: (n, 9, 9)."""
    generator = torch.Generator().manual_seed(0)
    rows = [[1 + k, 0, 0, 0.1 + 0.4 * k, 2, 1, 3 + k, 0.3, 0.0] for k in range(n // 2)]
    noise = torch.randn(n - n // 2, 9, 9, generator=generator, dtype=torch.float64)
    return torch.cat([gabor(torch.tensor(rows), 9, 9), noise])


@pytest.fixture(scope="module")
def fits():
    return sw.gabor_fit(weights(), progress=False)


@pytest.fixture
def make():
    made = []

    def make(*args, **kwargs):
        made.append(sw.FilterGallery(*args, **kwargs))
        assert made[-1].settle(PATIENCE)
        return made[-1]

    yield make
    for gallery in made:
        gallery.close()


def titles(gallery):
    return [section.title for section in gallery.figure.sections]


def captions(gallery, section, count):
    return [int(tile.caption) for tile in gallery.figure.sections[section].tiles[:count]]


def test_filters_are_split_by_the_threshold_and_sorted(make, fits):
    gallery = make(fits)
    assert gallery.result.fits is fits
    assert titles(gallery) == [
        f"Filter {int(fits.r2.argmax())}",
        "Gabor-like: 7 of 14, each above its fit; by R²",
        "Not Gabor-like: 7 of 14, each above its fit; by R²",
    ]
    gallery.sort = "wavelength"
    assert captions(gallery, 1, 7) == list(range(7))
    gallery.sort = "energy"
    assert captions(gallery, 1, 7) == list(range(7))[::-1]
    gallery.sort = "orientation"
    assert captions(gallery, 1, 7) == sorted(range(7), key=lambda k: (0.1 + 0.4 * k) % math.pi)
    gallery.threshold = 0.05
    assert titles(gallery)[1].startswith("Gabor-like: 14 of 14")


def test_a_click_on_a_filter_or_its_fit_shows_it_large(make, fits):
    gallery = make(fits, sort="wavelength")
    gallery._click(1, 3)
    assert gallery.chosen == 3
    assert titles(gallery)[0] == "Filter 3"
    gallery._click(1, 7 + 5)  # in the row of fits
    assert gallery.chosen == 5
    detail = gallery.figure.sections[0]
    assert [tile.caption for tile in detail.tiles[:3]] == ["filter", "Gabor", "what is left over"]
    assert "wavelength λ 8.00 px" in detail.caption
    gallery._click(0, 1)  # the large ones are no choice
    assert gallery.chosen == 5


def test_what_is_left_over_is_the_filter_less_its_fit(make, fits):
    gallery = make(fits, chosen=9)
    filters, fit, rest = (tile.pixels.astype(float) - 128 for tile in gallery.figure.sections[0].tiles[:3])
    assert abs(filters - fit - rest).max() <= 2  # each rounded to a grey level


def test_a_network_is_fitted_and_another_one_may_follow(make, tmp_path):
    model = nn.Sequential(nn.Conv2d(3, 6, 7), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 100, 2)).eval()
    gallery = make(sw.Network(model, size=16))
    assert list(gallery.result.fits.null_r2) == ["untrained", "noise", "smooth noise"]
    assert [tile.caption.split(",")[0] for tile in gallery.figure.sections[0].tiles[:4]] == [
        "filter",
        "its leading picture",
        "Gabor",
        "what is left over",
    ]
    gallery.save_picture(tmp_path / "gallery.svg")
    gallery.chosen = 5
    gallery.network = sw.Network(nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU()).eval(), size=16)
    assert gallery.settle(PATIENCE)
    assert gallery.result.fits is None
    (section,) = gallery.figure.sections
    assert "Filters of 3 x 3 are too small for a fit" in section.caption
    assert len(section.tiles) == 3
    assert gallery.chosen == -1


def test_show_gives_a_gallery(fits):
    for result in (fits, fits.filters):
        gallery = sw.show(result)
        assert isinstance(gallery, sw.FilterGallery)
        assert gallery.settle(PATIENCE)
        gallery.close()


def test_out_of_range_is_named(fits):
    with pytest.raises(TraitError, match="threshold must be between"):
        sw.FilterGallery(fits, threshold=1.5)
    with pytest.raises(TraitError):
        sw.FilterGallery(fits, sort="colour")
    with pytest.raises(TypeError, match="network must be"):
        sw.FilterGallery("resnet")
