"""Histograms of words, kernels, their weights, and the matching of star graphs."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import KernelCenterer

from sketchwidgets.models.classical import (
    alignment,
    alignment_weights,
    soft_histogram,
    star_graphs,
    star_similarity,
)
from sketchwidgets.models.classical.bag_of_features import learn_vocabulary, sample_descriptors
from sketchwidgets.models.classical.descriptors import dense_descriptors
from sketchwidgets.models.classical.kernels import RBF, ClippedKernel, center, mean_squared_distance
from sketchwidgets.models.classical.star_graph import StarGraphs


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def kernels_of(rng, count, n=24):
    labels = np.arange(n) % 3
    made = []
    for k in range(count):
        features = rng.normal(size=(n, 4)) + k * 0.4 * np.eye(4)[labels]
        made.append(rbf_kernel(features, gamma=0.3) * rng.uniform(0.2, 5))
    return made, labels


def test_a_soft_histogram_by_its_definition(rng):
    descriptors, words = rng.normal(size=(30, 5)), rng.normal(size=(7, 5))
    distance = np.linalg.norm(descriptors[:, None] - words, axis=2)
    shares = np.exp(-(distance**2) / (2 * 0.8**2))
    expected = (shares / shares.sum(1, keepdims=True)).mean(0)
    assert np.allclose(soft_histogram(descriptors, words, 0.8), expected, atol=1e-6)


def test_a_narrow_histogram_counts_the_nearest(rng):
    descriptors, words = rng.normal(size=(50, 3)), rng.normal(size=(6, 3))
    nearest = np.linalg.norm(descriptors[:, None] - words, axis=2).argmin(1)
    expected = np.bincount(nearest, minlength=6) / 50
    assert np.allclose(soft_histogram(descriptors, words, 1e-3), expected, atol=1e-3)


def test_no_descriptor_makes_zeros():
    assert soft_histogram(np.zeros((0, 3)), np.ones((4, 3)), 0.1).tolist() == [0] * 4


def test_a_vocabulary_finds_clusters(rng):
    centres = np.array([[0, 0], [10, 0], [0, 10]])
    found = learn_vocabulary(np.repeat(centres, 50, 0) + rng.normal(0, 0.1, (150, 2)), 3)
    assert np.allclose(sorted(found.round(0).tolist()), sorted(centres.tolist()))
    with pytest.raises(ValueError, match="words is 5"):
        learn_vocabulary(np.zeros((4, 2)), 5)


def test_a_sample_of_descriptors(rng):
    images = (rng.random((5, 24, 24)) < 0.3).astype(np.float32)

    def extract(some):
        return dense_descriptors(some, grid=4)

    every = extract(images).values
    assert sample_descriptors(extract, images, 30, rng).shape == (30, every.shape[1])
    # All there are, once each, where more are asked for.
    some = sample_descriptors(extract, images, 1000, rng)
    assert np.array_equal(np.sort(some.sum(1)), np.sort(every.sum(1)))


def test_centred_as_scikit_learn_does(rng):
    kernel = kernels_of(rng, 1)[0][0]
    assert np.allclose(center(kernel), KernelCenterer().fit_transform(kernel))


def test_mean_squared_distance(rng):
    features = rng.normal(size=(9, 3))
    expected = ((features[:, None] - features) ** 2).sum(2).mean()
    assert np.isclose(mean_squared_distance(features), expected)


def test_alignment_of_a_hand_case():
    """Two points: both centred kernels are multiples of [[1, -1], [-1, 1]]."""
    assert np.isclose(alignment(np.array([[2.0, 1], [1, 3]]), np.eye(2)), 1)
    assert np.isclose(alignment(np.array([[0.0, 1], [1, 0]]), np.eye(2)), -1)


def test_weights_of_a_hand_case():
    """Two orthogonal kernels of one class structure each: the weights are their products with the target."""
    labels = np.array([0, 0, 1, 1])
    a, b = np.array([1, 1, -1, -1]) / 2, np.array([1, -1, 1, -1]) / 2
    first, second = np.outer(a, a), np.outer(b, b)
    target = center(labels[:, None] == labels)
    assert np.isclose((first * target).sum(), 2)
    assert np.isclose((second * target).sum(), 0)
    mixed = first + second  # has product 2 with the target, and length sqrt(2)
    assert np.allclose(alignment_weights([first, second], labels), [1, 0], atol=1e-6)
    assert np.allclose(alignment_weights([mixed, first], labels), [0, 1], atol=1e-4)
    # One kernel given twice: no single answer, but one of them.
    twice = alignment_weights([first, 4 * first], labels)
    assert np.isclose(np.linalg.norm(twice), 1)
    assert (twice >= 0).all()


def test_weights_are_the_best_there_are(rng):
    kernels, labels = kernels_of(rng, 4)
    weights = alignment_weights(kernels, labels)
    target = (labels[:, None] == labels).astype(float)

    def worse(v):
        return -alignment(
            sum(w * kernel for w, kernel in zip(np.abs(v) + 1e-12, kernels, strict=True)), target
        )

    tried = min(minimize(worse, rng.random(4), method="Nelder-Mead").fun for _ in range(3))
    assert worse(weights) <= tried + 1e-4
    assert (weights >= 0).all()
    assert np.isclose(np.linalg.norm(weights), 1)


def test_weights_make_up_for_scale(rng):
    kernels, labels = kernels_of(rng, 3)
    scales = np.array([1e-3, 1, 1e3])
    plain = alignment_weights(kernels, labels)
    scaled = alignment_weights([s * kernel for s, kernel in zip(scales, kernels, strict=True)], labels)
    expected = plain / scales
    assert np.allclose(scaled, expected / np.linalg.norm(expected), atol=1e-5)


@pytest.mark.parametrize(
    ("kernels", "match"),
    [
        ([], "must not be empty"),
        ([np.eye(3)], r"kernels\[0\] must be \(4, 4\)"),
        ([np.full((4, 4), np.nan)], "not finite"),
        ([np.ones((4, 4))], "nothing|anything to do with the labels"),
    ],
)
def test_kernels_that_have_no_weights(kernels, match):
    with pytest.raises(ValueError, match=match):
        alignment_weights(kernels, np.array([0, 0, 1, 1]))


def test_rbf(rng):
    features, others = rng.random((12, 5)), rng.random((3, 5))
    kernel = RBF()
    made = kernel.fit(features)
    assert np.linalg.eigvalsh(made).min() > -1e-9
    assert np.isclose(kernel.gamma_ * mean_squared_distance(features), 1)
    assert np.allclose(kernel.transform(others), rbf_kernel(others, features, gamma=kernel.gamma_))
    assert np.allclose(RBF(2.0).fit(features), rbf_kernel(features, gamma=2.0))


def test_a_clipped_kernel(rng):
    similar = rng.normal(size=(15, 15))
    similar = similar + similar.T
    clip = ClippedKernel()
    made = clip.fit(similar)
    assert np.linalg.eigvalsh(made).min() > -1e-9
    # Of the nearest positive semi-definite matrix (Higham 1988), the distance is that of the negative eigenvalues.
    negative = np.linalg.eigvalsh(similar).clip(max=0)
    assert np.isclose(np.linalg.norm(made - similar), np.linalg.norm(negative))
    assert np.allclose(clip.transform(similar), made)
    assert np.allclose(ClippedKernel().fit(made), made)


@pytest.mark.parametrize("similar", [np.zeros((2, 3)), np.array([[1.0, 2], [0, 1]])])
def test_what_cannot_be_clipped(similar):
    with pytest.raises(ValueError, match="similarities must be"):
        ClippedKernel().fit(similar)


def test_the_match_of_two_stars_by_its_definition(rng):
    counts = np.array([4, 2, 3])
    points = rng.normal(size=(3, 4, 5)).astype(np.float32)
    points[~(np.arange(4) < counts[:, None])] = 0
    graphs = StarGraphs(points, counts)
    expected = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            a, b = points[i, : counts[i]], points[j, : counts[j]]
            pairs = np.exp(-((a[:, None] - b) ** 2).sum(2) / 2)
            expected[i, j] = (pairs.max(1).mean() + pairs.max(0).mean()) / 2
    assert np.allclose(star_similarity(graphs, graphs), expected, atol=1e-5)
    assert np.allclose(
        star_similarity(graphs, StarGraphs(points[1:], counts[1:])), expected[:, 1:], atol=1e-5
    )


def test_stars_of_drawings(shapes):
    images, names = shapes
    graphs = star_graphs(images, patches=12)
    similar = star_similarity(graphs, graphs)
    assert np.allclose(similar, similar.T)
    assert np.allclose(np.diag(similar), 1, atol=1e-5)
    assert 0 <= similar.min() <= similar.max() <= 1
    same = names[:, None] == names
    assert similar[same].mean() > 2 * similar[~same].mean()


def test_a_star_does_not_depend_on_place(shapes):
    image = np.full((1, 60, 80), 255, np.uint8)
    image[0, 5:53, 2:50] = shapes[0][1]
    pair = star_graphs(np.concatenate([image, np.roll(image, (4, 27), (1, 2))]))
    assert np.allclose(star_similarity(pair, pair), 1, atol=1e-5)


def test_stars_of_other_arguments_do_not_match(shapes):
    one = star_graphs(shapes[0][:1])
    other = StarGraphs(one.points[..., :-1], one.counts)
    with pytest.raises(ValueError, match="second has points of 65 values"):
        star_similarity(one, other)
