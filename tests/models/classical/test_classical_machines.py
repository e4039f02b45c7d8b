"""Every recogniser of the table: learns, says the same twice, and names what it cannot take."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from skimage.feature import learn_gmm
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from torch import nn

from sketchwidgets.models import classical
from sketchwidgets.models.classical import (
    HOGSVM,
    CNNFeatureSVM,
    FisherSVM,
    MultipleKernelSVM,
    StructureEnsemble,
    fisher_pyramid,
)


def small_network() -> nn.Sequential:
    import torch

    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 3), nn.Flatten(), nn.Linear(784, 3)
    )
    net.input_size = 48
    return net


MACHINES = {
    "hog": lambda **more: HOGSVM(words=20, grid=10, size=64, progress=False, **more),
    "fisher": lambda **more: FisherSVM(modes=3, components=8, grid=8, size=64, progress=False, **more),
    # All four features together are in the example of its docstring.
    "multiple_kernel": lambda **more: MultipleKernelSVM(
        ("daisy", "star_graph"), words=20, patches=10, progress=False, **more
    ),
    "structure": lambda **more: StructureEnsemble(
        patches=10, bag=HOGSVM(words=20, grid=10, size=64, progress=False, **more), progress=False, **more
    ),
    "nearest": lambda **more: StructureEnsemble(
        patches=10,
        neighbours=3,
        bag=HOGSVM(words=20, grid=10, size=64, progress=False, **more),
        progress=False,
        **more,
    ),
    "cnn": lambda **more: CNNFeatureSVM(small_network(), "1", progress=False, **more),
}

every_machine = pytest.mark.parametrize("make", MACHINES.values(), ids=MACHINES)


@every_machine
def test_learns_shapes_and_says_the_same_twice(make, shapes):
    images, names = shapes
    train, test = np.arange(36) < 24, np.arange(36) >= 24
    machine = make()
    assert machine.fit(images[train], names[train]) is machine
    assert machine.classes_.tolist() == ["circle", "cross", "square"]
    scores = machine.decision_function(images[test])
    assert scores.shape == (12, 3)
    predicted = machine.predict(images[test])
    assert np.array_equal(predicted, machine.classes_[scores.argmax(1)])
    assert (predicted == names[test]).mean() >= 0.9
    # The other ink, a copy with the same arguments, and floating point instead of bytes.
    again = clone(make(ink="positive")).fit(1 - images[train] / 255, names[train])
    assert np.allclose(again.decision_function(1 - images[test] / 255), scores, atol=1e-2)


@every_machine
def test_two_classes_have_two_scores(make, shapes):
    images, names = shapes
    two = names != "cross"
    machine = make().fit(images[two], names[two] == "square")
    scores = machine.decision_function(images[two])
    assert scores.shape == (24, 2)
    assert machine.predict(images[two]).dtype == bool
    assert machine.score(images[two], names[two] == "square") >= 0.9


@every_machine
def test_not_fitted(make, shapes):
    with pytest.raises(NotFittedError, match="not fitted"):
        make().predict(shapes[0])


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda images, labels: (images[0], labels), ValueError, r"grey images \(n, h, w\)"),
        (lambda images, labels: (images.astype(int), labels), TypeError, "uint8, bool or floating"),
        (
            lambda images, labels: (images.astype(float), labels),
            ValueError,
            r"floating point must be in 0\.\.1 and finite, not 0\.\.255; divide them by 255",
        ),
        (
            lambda images, labels: (images / 255 - 0.5, labels),
            ValueError,
            r"images of floating point must be in 0\.\.1 and finite, not -0\.5\.\.0\.5$",
        ),
        (lambda images, labels: (np.full(images.shape, np.nan), labels), ValueError, r"in 0\.\.1 and finite"),
        (lambda images, labels: (images, labels[:-1]), ValueError, "labels must be one for each of the 36"),
        (lambda images, labels: (images, np.zeros(36)), ValueError, "at least two classes"),
        (lambda images, labels: (np.full_like(images, 255), labels), ValueError, r"images\[\d+\] is blank"),
    ],
)
@every_machine
def test_what_it_cannot_learn_from(make, shapes, change, error, match):
    with pytest.raises(error, match=match):
        make().fit(*change(*shapes))


@pytest.mark.parametrize(
    ("machine", "error", "match"),
    [
        (HOGSVM(words=0, progress=False), ValueError, "words must be at least 1"),
        (HOGSVM(sigma=0, progress=False), ValueError, "sigma must be above 0"),
        (HOGSVM(C=-1, progress=False), ValueError, "C must be above 0"),
        (HOGSVM(gamma=0, progress=False), ValueError, "gamma must be above 0"),
        (HOGSVM(samples=10, progress=False), ValueError, "samples must be at least 500"),
        (HOGSVM(words=10**6, samples=10**7, progress=False), ValueError, "words is 1000000"),
        (HOGSVM(seed="a", progress=False), TypeError, "seed must be a whole number"),
        (HOGSVM(ink="red", progress=False), ValueError, "ink must be"),
        (FisherSVM(modes=0, progress=False), ValueError, "modes must be at least 1"),
        (FisherSVM(components=500, progress=False), ValueError, "components 500 are too many"),
        (FisherSVM(pyramid=(), progress=False), ValueError, "pyramid must be a tuple"),
        (MultipleKernelSVM(features=("hog", "sift")), ValueError, "features must be some of"),
        (MultipleKernelSVM(features=("hog", "hog")), ValueError, "features must be different"),
        (MultipleKernelSVM(weights=(1, 2)), ValueError, "weights must be 4 numbers"),
        (StructureEnsemble(weight=2), ValueError, "weight must be at most 1"),
        (StructureEnsemble(neighbours=0), ValueError, "neighbours must be at least 1"),
        (StructureEnsemble(bag=FisherSVM()), TypeError, "bag must be a HOGSVM"),
        (CNNFeatureSVM("alexnet"), TypeError, "network must be a torch.nn.Module"),
    ],
)
def test_arguments_that_cannot_be(shapes, machine, error, match):
    with pytest.raises(error, match=match):
        machine.fit(*shapes)


def test_seeds(shapes):
    images, names = shapes
    first, same, other = (MACHINES["hog"](seed=seed).fit(images, names) for seed in (1, 1, 2))
    scores = first.decision_function(images)
    assert np.array_equal(scores, same.decision_function(images))
    assert not np.array_equal(scores, other.decision_function(images))


def test_weights_of_kernels(shapes):
    images, names = shapes[0][:18], shapes[1][:18]

    def scores(features: tuple[str, ...], weights: tuple[float, ...] | None = None) -> np.ndarray:
        machine = MultipleKernelSVM(features, weights, words=20, patches=10, progress=False)
        machine.fit(images, names)
        found[features] = machine.weights_
        return machine.decision_function(images)

    found: dict[tuple[str, ...], np.ndarray] = {}
    learned = scores(("hog", "star_graph"))
    weights = found["hog", "star_graph"]
    assert np.isclose(np.linalg.norm(weights), 1)
    assert np.allclose(scores(("hog", "star_graph"), tuple(2 * weights)), learned)
    # A weight of 0 leaves a feature out.
    assert np.allclose(scores(("hog", "star_graph"), (3, 0)), scores(("hog",)))


def test_an_ensemble_of_one_part_is_that_part(shapes):
    images, names = shapes
    ensemble = MACHINES["structure"]().set_params(weight=0).fit(images, names)
    bag = clone(ensemble.bag).fit(images, names)
    assert np.array_equal(ensemble.predict(images), bag.predict(images))
    assert not hasattr(ensemble.bag, "classes_")  # what was given is left as it was


def test_a_fisher_vector_by_its_definition():
    """Perronnin et al. (ECCV 2010), equations 2 to 4, in float64, with densities of scipy."""
    rng = np.random.default_rng(4)
    mixture = learn_gmm(
        rng.normal(size=(300, 3)), n_modes=2, gm_args={"covariance_type": "diag", "random_state": 0}
    )
    values, positions = rng.normal(size=(25, 3)), rng.random((25, 2))

    def fisher(x: np.ndarray) -> np.ndarray:
        weights, means, variances = mixture.weights_, mixture.means_, mixture.covariances_
        density = np.stack(
            [
                w * multivariate_normal(m, np.diag(v)).pdf(x)
                for w, m, v in zip(weights, means, variances, strict=True)
            ]
        )
        share = density / density.sum(0)
        parts = [
            [(share[k] - weights[k]).mean() / np.sqrt(weights[k]) for k in range(2)],
            *[
                (share[k][:, None] * (x - means[k]) / np.sqrt(variances[k])).mean(0) / np.sqrt(weights[k])
                for k in range(2)
            ],
            # scikit-image has the sign of these the other way round.
            *[
                -(share[k][:, None] * ((x - means[k]) ** 2 / variances[k] - 1)).mean(0)
                / np.sqrt(2 * weights[k])
                for k in range(2)
            ],
        ]
        vector = np.concatenate(parts)
        vector = np.sign(vector) * np.sqrt(np.abs(vector))
        return vector / np.linalg.norm(vector)

    quarter = (positions[:, 0] >= 0.5) * 2 + (positions[:, 1] >= 0.5)
    expected = np.concatenate([fisher(values), *(fisher(values[quarter == k]) for k in range(4))]) / np.sqrt(
        5
    )
    assert np.allclose(fisher_pyramid(values, positions, mixture), expected, atol=1e-9)


def test_a_part_without_descriptors_is_zero():
    rng = np.random.default_rng(4)
    mixture = learn_gmm(
        rng.normal(size=(100, 2)), n_modes=2, gm_args={"covariance_type": "diag", "random_state": 0}
    )
    vector = fisher_pyramid(rng.normal(size=(9, 2)), np.full((9, 2), 0.25), mixture).reshape(5, -1)
    assert np.allclose(vector[1], vector[0])
    assert not vector[2:].any()
    assert np.isclose(np.linalg.norm(vector), 1)
    assert not fisher_pyramid(np.zeros((0, 2)), np.zeros((0, 2)), mixture).any()


def test_names_of_the_subpackage():
    for name in classical.__all__:
        assert getattr(classical, name) is not None
        assert name in dir(classical)
    with pytest.raises(AttributeError, match="no attribute 'HOG'"):
        _ = classical.HOG
