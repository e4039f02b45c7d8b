"""Frames and dense descriptors, against scikit-image and against their definitions, pixel by pixel."""

import numpy as np
import pytest
from skimage.feature import daisy, hog

from sketchwidgets.models.classical import (
    daisy_descriptors,
    dense_descriptors,
    frame,
    self_similarity_descriptors,
)
from sketchwidgets.models.classical.descriptors import join, orientation_maps
from sketchwidgets.models.classical.self_similarity import _log_polar


@pytest.fixture
def noise():
    """Two binary images, float32: every gradient is along an axis or a diagonal."""
    return (np.random.default_rng(1).random((2, 32, 32)) < 0.3).astype(np.float32)


def test_a_frame_does_not_depend_on_place(shapes):
    image = np.full((1, 60, 80), 255, np.uint8)
    image[0, 5:53, 2:50] = shapes[0][0]
    moved = np.roll(image, (4, 27), (1, 2))
    assert np.allclose(frame(image, 40), frame(moved, 40), atol=1e-4)


def test_a_frame_centres_and_fills():
    image = np.zeros((1, 30, 50))
    image[0, 3:13, 20:40] = 1
    framed = frame(image, 64, fill=0.5, ink="positive")[0]
    rows, columns = np.nonzero(framed > 0.5)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (24, 39, 16, 47)


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_a_frame_of_either_ink(shapes, dtype):
    images = shapes[0] if dtype == np.uint8 else shapes[0] / 255
    inverted = 255 - shapes[0] if dtype == np.uint8 else 1 - shapes[0] / 255
    assert np.allclose(frame(images, 32), frame(inverted, 32, ink="positive"), atol=1e-6)


def test_a_whole_image_as_it_is(shapes):
    assert np.allclose(frame(shapes[0], 48, fill=None), 1 - shapes[0] / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("images", "options", "error", "match"),
    [
        ([[1]], {}, TypeError, "images must be a numpy array"),
        (np.zeros((4, 4)), {}, ValueError, r"grey images \(n, h, w\)"),
        (np.zeros((0, 4, 4)), {}, ValueError, r"grey images \(n, h, w\)"),
        (np.zeros((1, 4, 4), int), {}, TypeError, "uint8, bool or floating"),
        (np.full((1, 4, 4), np.nan), {}, ValueError, "finite"),
        (np.full((1, 4, 4), 2.0), {}, ValueError, r"0\.\.1"),
        (np.ones((1, 4, 4)), {}, ValueError, r"images\[0\] is blank"),
        (np.zeros((1, 4, 4)), {"ink": "red"}, ValueError, "ink must be"),
        (np.zeros((1, 4, 4)), {"fill": 0}, ValueError, "fill must be above 0"),
        (np.zeros((1, 4, 4)), {"fill": 1.5}, ValueError, "fill must be at most 1"),
        (np.zeros((1, 4, 4)), {"size": 4.5}, TypeError, "size must be a whole number"),
    ],
)
def test_what_cannot_be_framed(images, options, error, match):
    with pytest.raises(error, match=match):
        frame(images, **{"size": 16, **options})


def test_orientations_are_those_of_scikit_image(noise):
    """Where no gradient lies between two bins; scikit-image knows no sharing between them."""
    maps = orientation_maps(noise, 4)
    # At the edge the two take the gradient differently.
    inner = maps[:, :, 8:-8, 8:-8].reshape(2, 4, 2, 8, 2, 8).sum((3, 5))
    for image, cells in zip(noise, inner, strict=True):
        theirs = hog(image, 4, (8, 8), (1, 1), block_norm="L1", feature_vector=False)[1:-1, 1:-1, 0, 0]
        ours = cells.transpose(1, 2, 0)
        assert np.allclose(ours / ours.sum(-1, keepdims=True), theirs, atol=1e-4)


def test_orientation_maps_share_the_whole_gradient(shapes):
    images = frame(shapes[0][:3], 40)
    length = np.hypot(*np.gradient(images, axis=(1, 2)))
    for orientations in (1, 4, 7):
        assert np.allclose(orientation_maps(images, orientations).sum(1), length, atol=1e-5)


def test_a_descriptor_by_its_definition(noise):
    found = dense_descriptors(noise, patch=0.5, grid=4, cells=2, orientations=4)
    assert found.counts.tolist() == [16, 16]
    maps = orientation_maps(noise, 4)
    index = 2 * 4 + 1  # of the second image
    centre = np.array([2.5, 1.5]) / 4 * 32
    assert np.allclose(found.positions[16 + index], centre / 32)
    expected = np.zeros((2, 2, 4))
    for down in range(2):
        for right in range(2):
            cell = centre + (np.array([down, right]) - 0.5) * 8
            for row in range(32):
                for column in range(32):
                    away = np.abs(np.array([row, column]) + 0.5 - cell) / 8
                    expected[down, right] += (
                        max(0, 1 - away[0]) * max(0, 1 - away[1]) * maps[1, :, row, column]
                    )
    expected = expected.ravel() / np.linalg.norm(expected)
    assert np.allclose(found.values[16 + index], expected, atol=1e-5)


def test_sharpened_values_are_of_length_1(noise):
    plain, sharp = (dense_descriptors(noise, grid=4, sharpen=power).values for power in (1, 0.5))
    roots = np.sqrt(plain)
    assert np.allclose(sharp, roots / np.linalg.norm(roots, axis=1, keepdims=True), atol=1e-5)


def test_blank_patches_are_left_out():
    image = np.zeros((1, 64, 64), np.float32)
    image[0, 5, 5:20] = 1
    found = dense_descriptors(image, patch=0.1, grid=8)
    assert 0 < found.counts[0] < 10
    assert (found.positions.max(0) < 0.4).all()


def test_daisy_is_that_of_scikit_image(shapes):
    image = frame(shapes[0][:1], 40)
    found = daisy_descriptors(image, patch=0.4, grid=10, rings=2)
    theirs = daisy(np.pad(image[0], 8), 4, 8, 2, 8, 8, normalization="l2")
    assert theirs.shape[:2] == (10, 10)
    rows, columns = (found.positions * 10).round().astype(int).T
    assert len(rows) > 50
    assert np.allclose(found.values, theirs[rows, columns], atol=1e-4)


def test_self_similarity_by_its_definition():
    image = (np.random.default_rng(2).random((1, 40, 40)) < 0.2).astype(np.float32)
    found = self_similarity_descriptors(image, region=0.4, patch=3, grid=10)
    radius, padded = 8.0, np.pad(image[0], 12)
    index = 45
    row, column = (found.positions[index] * 40).round().astype(int) + 12

    def patch(down: int, right: int) -> np.ndarray:
        return padded[row + down - 1 : row + down + 2, column + right - 1 : column + right + 2]

    differences = {
        (down, right): ((patch(0, 0) - patch(down, right)) ** 2).sum()
        for down in range(-8, 9)
        for right in range(-8, 9)
        if 0 < np.hypot(down, right) <= radius
    }
    scale = max(*(d for (down, right), d in differences.items() if max(abs(down), abs(right)) == 1), 0.09)
    edges = np.geomspace(2.3, radius, 3)  # the inner ring holds every angle
    bins = np.zeros((3, 12))
    for (down, right), difference in differences.items():
        ring = int((np.hypot(down, right) > edges[:2]).sum())
        angle = int(np.mod(np.arctan2(down, right), 2 * np.pi) / (2 * np.pi) * 12) % 12
        bins[ring, angle] = max(bins[ring, angle], np.exp(-difference / scale))
    expected = (bins - bins.min()) / (bins.max() - bins.min())
    assert np.allclose(found.values[index], expected.ravel() / np.linalg.norm(expected), atol=1e-4)


def test_self_similarity_has_no_empty_bin():
    for radius in (4.5, 5.5, 11.3, 30):
        shifts, bins = _log_polar(radius)
        assert set(bins) == set(range(36))
        assert len(set(map(tuple, shifts))) == len(shifts)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda images: dense_descriptors(images[:, :10]), "square"),
        (lambda images: dense_descriptors(images, grid=0), "grid must be at least 1"),
        (lambda images: dense_descriptors(images, patch=0), "patch must be above 0"),
        (lambda images: self_similarity_descriptors(images, patch=4), "patch must be odd"),
        (lambda images: self_similarity_descriptors(images, region=0.1), "too small"),
    ],
)
def test_what_has_no_descriptors(noise, call, match):
    with pytest.raises(ValueError, match=match):
        call(noise)


def test_joined_descriptors_are_those_of_each_image(noise):
    first, second = dense_descriptors(noise, grid=3), dense_descriptors(noise, patch=0.2, grid=4)
    both = join([first, second])
    for part, one, other in zip(both.slices(), first.slices(), second.slices(), strict=True):
        expected = np.concatenate([first.values[one], second.values[other]])
        assert np.array_equal(both.values[part], expected)
