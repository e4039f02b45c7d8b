"""Joint Bayesian against dense Gaussians, SciPy's densities and covariances that the samples were drawn from."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from sketchwidgets.models import WeightsError, load_weights, save_weights
from sketchwidgets.models.ensemble import JointBayesian
from sketchwidgets.models.ensemble._gaussian_em import Covariances, expectation, first_guess, maximization


def covariance(rng, d, size=1.0):
    half = rng.normal(size=(d, d))
    return size * (half @ half.T / d + 0.2 * np.eye(d))


def draw(rng, identity, variation, counts):
    """Samples of classes of the given sizes, shuffled, and their labels (not 0, 1, ...)."""
    d = len(identity)
    labels = np.repeat(10 + 3 * np.arange(len(counts)), counts)
    centres = rng.multivariate_normal(np.zeros(d), identity, len(counts))
    samples = np.repeat(centres, counts, 0) + rng.multivariate_normal(np.zeros(d), variation, len(labels))
    order = rng.permutation(len(labels))
    return samples[order], labels[order]


@pytest.fixture
def small():
    rng = np.random.default_rng(3)
    identity, variation = covariance(rng, 3, 4.0), covariance(rng, 3)
    return identity, variation, *draw(rng, identity, variation, [1, 2, 2, 5, 4])


def test_expectation_is_the_posterior_of_the_dense_gaussian(small):
    """Per class: the joint Gaussian of mu and all samples, conditioned on the samples, without any shortcut."""
    identity, variation, samples, labels = small
    means, spread = expectation(Covariances(identity, variation), samples, labels)
    for index, label in enumerate(np.unique(labels)):
        chosen = samples[labels == label]
        m = len(chosen)
        of_samples = np.kron(np.ones((m, m)), identity) + np.kron(np.eye(m), variation)
        with_mu = np.tile(identity, (1, m))
        gain = with_mu @ np.linalg.inv(of_samples)
        assert np.allclose(means[index], gain @ chosen.reshape(-1), atol=1e-10)
        assert np.allclose(spread[m], identity - gain @ with_mu.T, atol=1e-10)


def test_expectation_is_what_the_paper_prints(small):
    identity, variation, samples, labels = small
    means, _ = expectation(Covariances(identity, variation), samples, labels)
    f = np.linalg.inv(variation)
    for index, label in enumerate(np.unique(labels)):
        chosen = samples[labels == label]
        m, total = len(chosen), chosen.sum(0)
        g = -np.linalg.inv(m * identity + variation) @ identity @ np.linalg.inv(variation)
        assert np.allclose(means[index], identity @ (f + m * g) @ total)
        # eps of the paper is what is left of each sample.
        assert np.allclose(chosen + variation @ g @ total, chosen - means[index])


def test_first_guess_is_the_scatter_of_the_paper(small):
    samples, labels = small[2:]
    samples = samples - samples.mean(0)
    guess = first_guess(samples, labels)
    between, within = np.zeros((3, 3)), np.zeros((3, 3))
    for label in np.unique(labels):
        chosen = samples[labels == label]
        mean = chosen.mean(0)
        between += len(chosen) * np.outer(mean, mean)
        within += sum(np.outer(x - mean, x - mean) for x in chosen)
    assert np.allclose(guess.identity, between / len(samples))
    assert np.allclose(guess.variation, within / (len(samples) - 1))  # one class has one sample


def log_likelihood(guess, samples, labels):
    total = 0.0
    for label in np.unique(labels):
        chosen = samples[labels == label]
        m = len(chosen)
        dense = np.kron(np.ones((m, m)), guess.identity) + np.kron(np.eye(m), guess.variation)
        total += multivariate_normal(np.zeros(len(dense)), dense).logpdf(chosen.reshape(-1))
    return total


def test_each_step_with_posterior_covariances_raises_the_likelihood(small):
    samples, labels = small[2:]
    guess = first_guess(samples, labels)
    seen = [log_likelihood(guess, samples, labels)]
    for _ in range(15):
        guess = maximization(*expectation(guess, samples, labels), samples, labels)
        seen.append(log_likelihood(guess, samples, labels))
    assert np.all(np.diff(seen) > -1e-9)
    assert seen[-1] > seen[0]


@pytest.mark.parametrize("posterior", [False, True])
def test_known_covariances_are_recovered(posterior):
    rng = np.random.default_rng(0)
    identity, variation = covariance(rng, 4, 3.0), covariance(rng, 4)
    samples, labels = draw(rng, identity, variation, rng.integers(20, 40, 1500))
    joint = JointBayesian(ridge=0, posterior=posterior, tolerance=1e-6).fit(samples + 5.0, labels)
    assert joint.converged
    assert np.allclose(joint.mean, samples.mean(0) + 5, atol=1e-4)
    for found, true in ((joint.identity, identity), (joint.variation, variation)):
        assert np.linalg.norm(found - true) < 0.07 * np.linalg.norm(true)


def test_few_samples_a_class_need_the_posterior_covariance():
    """What the update of the paper leaves out: with two samples a class its S_mu is far too small."""
    rng = np.random.default_rng(1)
    samples, labels = draw(rng, np.eye(2), np.eye(2), np.full(4000, 2))
    exact = JointBayesian(ridge=0, posterior=True, tolerance=1e-6, iterations=500).fit(samples, labels)
    papers = JointBayesian(ridge=0, tolerance=1e-6, iterations=500).fit(samples, labels)
    assert np.allclose(exact.identity, np.eye(2), atol=0.08)
    assert np.trace(papers.identity) < 0.5 * np.trace(exact.identity)


def test_ratio_is_that_of_the_densities_of_the_stacked_pair(small):
    samples, labels = small[2:]
    joint = JointBayesian(ridge=1e-3, posterior=True, iterations=5).fit(samples, labels)
    s, total = joint.identity, joint.identity + joint.variation
    one = multivariate_normal(np.zeros(6), np.block([[total, s], [s, total]]))
    two = multivariate_normal(np.zeros(6), np.block([[total, 0 * s], [0 * s, total]]))
    a, b = samples[:4], samples[4:]
    stacked = np.array([[np.r_[x, y] for y in b - joint.mean] for x in a - joint.mean])
    ratio = joint.log_likelihood_ratio(a, b)
    assert np.allclose(ratio, one.logpdf(stacked) - two.logpdf(stacked), atol=1e-9)
    assert np.allclose(ratio, joint.log_likelihood_ratio(b, a).T)


def test_votes_are_those_of_the_highest_ratios(small):
    samples, labels = small[2:]
    joint = JointBayesian(ridge=1e-3, iterations=3).fit(samples, labels)
    asked = np.random.default_rng(0).normal(size=(300, 3))  # more than are compared at once
    ratio = joint.log_likelihood_ratio(asked, samples)
    votes = joint.votes(asked, neighbours=4)
    for row, counted in zip(ratio, votes, strict=True):
        nearest = labels[np.argsort(-row)[:4]]
        assert counted.tolist() == [int((nearest == label).sum()) for label in joint.classes]
    found = joint.predict(asked, neighbours=4)
    assert np.all(votes[np.arange(300), np.searchsorted(joint.classes, found)] == votes.max(1))
    assert np.array_equal(joint.predict(asked, neighbours=1), labels[ratio.argmax(1)])
    # More neighbours than samples: each of the 14 votes.
    assert joint.votes(asked[:1], neighbours=99).sum() == 14


def test_a_tie_goes_to_the_class_of_the_closer_voters():
    samples = np.array([[0.0], [0.1], [10.0], [10.1]])
    joint = JointBayesian(ridge=1e-3).fit(samples, [0, 0, 1, 1])
    assert joint.votes([[9.0]], neighbours=4).tolist() == [[2, 2]]
    assert joint.predict([[9.0], [1.0]], neighbours=4).tolist() == [1, 0]


def test_more_features_than_samples():
    rng = np.random.default_rng(2)
    basis = np.linalg.qr(rng.normal(size=(300, 6)))[0]
    inner, labels = draw(rng, 9 * np.eye(6), np.eye(6), np.full(12, 8))
    asked, truth = inner[::4], labels[::4]
    keep = np.ones(96, bool)
    keep[::4] = False
    features = inner @ basis.T
    reduced = JointBayesian(components=6, ridge=0).fit(features[keep], labels[keep])
    ridged = JointBayesian(ridge=1e-2).fit(features[keep], labels[keep])
    for joint in (reduced, ridged):
        found = joint.predict(asked @ basis.T, neighbours=5)
        assert (found == truth).mean() > 0.8
    assert reduced.basis.shape == (6, 300)
    with pytest.raises(ValueError, match="singular: give JointBayesian fewer components or a larger ridge"):
        JointBayesian(ridge=0).fit(features[keep], labels[keep])


def test_turned_features_give_the_same_ratios(small):
    """Nothing depends on the axes: components only turn the features."""
    samples, labels = small[2:]
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    plain = JointBayesian(ridge=1e-3).fit(samples, labels)
    turned = JointBayesian(components=3, ridge=1e-3).fit(samples @ turn, labels)
    assert np.allclose(
        plain.log_likelihood_ratio(samples, samples),
        turned.log_likelihood_ratio(samples @ turn, samples @ turn),
        atol=1e-3,
    )


def test_saved_and_loaded_answers_the_same(small, tmp_path):
    samples, labels = small[2:]
    joint = JointBayesian(components=2, ridge=1e-3).fit(samples, labels)
    joint.save(tmp_path / "joint.safetensors")
    again = JointBayesian.load(tmp_path / "joint.safetensors")
    asked = np.random.default_rng(0).normal(size=(5, 3))
    ratios = [one.log_likelihood_ratio(asked, samples) for one in (joint, again)]
    assert np.array_equal(*ratios)
    assert np.array_equal(joint.predict(asked), again.predict(asked))
    assert (again.steps, again.converged, again.components) == (joint.steps, joint.converged, 2)


def test_a_file_that_does_not_fit_is_refused(small, tmp_path):
    samples, labels = small[2:]
    path = tmp_path / "joint.safetensors"
    JointBayesian(ridge=1e-3).fit(samples, labels).save(path)
    tensors, metadata = load_weights(path)
    wrong = {
        "holds no Joint Bayesian": (tensors, metadata | {"kind": "other"}),
        "do not fit each other": (tensors | {"labels": tensors["labels"][:-1]}, metadata),
        "reference": ({k: v for k, v in tensors.items() if k != "reference"}, metadata),
        "unexpected keyword": (tensors, metadata | {"settings": {"colour": 1}}),
        "singular": (tensors | {"variation": -tensors["variation"]}, metadata),
    }
    for message, (bad, described) in wrong.items():
        save_weights(path, bad, described, dtype="float32")
        with pytest.raises(WeightsError, match=message):
            JointBayesian.load(path)


def test_stops_when_asked(small):
    samples, labels = small[2:]
    seen = []
    joint = JointBayesian(ridge=1e-3, tolerance=1e-12).fit(
        samples, labels, callback=lambda state: seen.append(state) or state["step"] < 3
    )
    assert joint.steps == 3
    assert not joint.converged
    assert [state["step"] for state in seen] == [1, 2, 3]
    assert joint.predict(samples).shape == labels.shape


def test_the_callback_sees_the_last_step(small):
    """On which it converges, too; ending it there changes nothing."""
    samples, labels = small[2:]
    for end in (False, True):
        seen = []

        def watch(state, seen=seen, end=end):
            seen.append(state)
            return not (end and state["change"] < 1e-3)

        joint = JointBayesian(ridge=1e-3, tolerance=1e-3).fit(samples, labels, callback=watch)
        assert joint.converged
        assert [state["step"] for state in seen] == list(range(1, joint.steps + 1))
        assert seen[-1]["change"] < joint.tolerance


def test_bad_arguments_are_named(small):
    samples, labels = small[2:]
    joint = JointBayesian()
    with pytest.raises(ValueError, match="not fitted"):
        joint.predict(samples)
    with pytest.raises(ValueError, match="components"):
        JointBayesian(components=0)
    for name, bad in (("components", 1.5), ("components", "a"), ("iterations", 2.0), ("ridge", "a")):
        with pytest.raises(TypeError, match=f"{name} must be a .*number, not {bad!r}"):
            JointBayesian(**{name: bad})
    for name, bad in (("ridge", -1.0), ("tolerance", 0), ("iterations", -1), ("ridge", np.nan)):
        with pytest.raises(ValueError, match=f"{name} must be"):
            JointBayesian(**{name: bad})
    with pytest.raises(ValueError, match="components must be at most 3"):
        JointBayesian(components=4).fit(samples, labels)
    with pytest.raises(ValueError, match=r"labels must be \(14,\) integers"):
        joint.fit(samples, labels[:-1])
    with pytest.raises(ValueError, match="two classes"):
        joint.fit(samples, np.zeros(14, int))
    with pytest.raises(ValueError, match="not finite"):
        joint.fit(samples * np.nan, labels)
    fitted = JointBayesian(ridge=1e-3).fit(samples, labels)
    with pytest.raises(ValueError, match=r"a must be \(n, 3\)"):
        fitted.log_likelihood_ratio(samples[:, :2], samples)
    with pytest.raises(ValueError, match="neighbours"):
        fitted.predict(samples, neighbours=0)
