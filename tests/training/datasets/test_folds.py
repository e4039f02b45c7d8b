import numpy as np
import pytest

from sketchwidgets.training import three_folds


def test_sizes_are_those_published_for_tu_berlin():
    label = np.repeat(np.arange(250), 80)
    fold = three_folds(label)
    assert np.bincount(fold).tolist() == [6500, 6750, 6750]
    for part, size in enumerate((26, 27, 27)):
        assert (np.bincount(label[fold == part]) == size).all()


def test_a_seed_is_a_split():
    label = np.random.default_rng(1).integers(0, 7, 300)
    np.testing.assert_array_equal(three_folds(label, seed=5), three_folds(label, seed=5))
    assert (three_folds(label, seed=5) != three_folds(label, seed=6)).any()


def test_names_do_as_well_as_numbers_and_the_order_of_classes_does_not_matter():
    label = np.random.default_rng(2).integers(0, 4, 60)
    names = np.array(["ant", "bee", "cat", "dog"])
    np.testing.assert_array_equal(three_folds(names[label]), three_folds(label))


def test_classes_of_any_size_are_cut_as_evenly_as_can_be():
    label = np.repeat([3, 1, 2], [3, 4, 5])
    fold = three_folds(label)
    for name, sizes in ((3, [1, 1, 1]), (1, [1, 1, 2]), (2, [1, 2, 2])):
        assert np.bincount(fold[label == name], minlength=3).tolist() == sizes


def test_what_cannot_be_folded():
    with pytest.raises(ValueError, match="class 7 has 2 examples"):
        three_folds([1, 1, 1, 7, 7])
    with pytest.raises(ValueError, match=r"labels must be \(n,\) integers or strings, not \(2, 3\)"):
        three_folds(np.zeros((2, 3), int))
    with pytest.raises(ValueError, match=r"not \(3,\) float64"):
        three_folds([0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="seed must be"):
        three_folds([0, 0, 0], seed=-1)
    assert three_folds([]).shape == (0,)
