import io
import zipfile

import numpy as np
import pytest

from sketchwidgets.training import load_images_npz


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "images": rng.integers(0, 256, (5, 8, 6)).astype(np.uint8),
        "label": np.array([0, 2, 1, 2, 0], np.uint8),
        "classes": np.array(["ant", "bee", "the moon"]),
    }


def test_what_was_written_is_read(arrays, tmp_path):
    np.savez_compressed(tmp_path / "a.npz", **arrays, more=np.zeros(3))
    images, labels, classes = load_images_npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(images, arrays["images"])
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 2, 1, 2, 0]
    assert classes == ("ant", "bee", "the moon")


def test_tu_berlin(shared):
    images, labels, classes = load_images_npz(shared / "data" / "tuberlin40_png.npz")
    assert images.shape == (2400, 150, 150)
    assert np.bincount(labels).tolist() == [60] * 40
    assert classes[:2] == ("ant", "bicycle")
    assert np.median(images) == 255


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("images", np.zeros((5, 8, 6), np.float32), r"images must be \(n, h, w\) uint8, not .* float32"),
        ("images", np.zeros((5, 8), np.uint8), r"images must be .*, not \(5, 8\)"),
        ("label", np.zeros(4, int), r"label must be \(5,\) integers, not \(4,\)"),
        ("label", np.array([0, 1, 2, 3, 0]), "labels 0 to 3 for 3 classes"),
        ("label", np.array([0, 1, 2, -1, 0]), "labels -1 to 2 for 3 classes"),
        ("classes", np.arange(3), "classes must be names"),
        ("classes", np.array([{}, {}, {}]), "classes.npy holds Python objects"),
    ],
)
def test_what_does_not_fit(arrays, name, value, problem, tmp_path):
    np.savez(tmp_path / "a.npz", **{**arrays, name: value})
    with pytest.raises(ValueError, match=rf"a.npz: .*{problem}"):
        load_images_npz(tmp_path / "a.npz")


def test_missing_arrays_and_files(arrays, tmp_path):
    np.savez(tmp_path / "a.npz", label=arrays["label"])
    with pytest.raises(ValueError, match="images, classes missing"):
        load_images_npz(tmp_path / "a.npz")
    with pytest.raises(FileNotFoundError, match=r"there is no file at .*b.npz"):
        load_images_npz(tmp_path / "b.npz")
    (tmp_path / "c.npz").write_bytes(b"not a zip")
    with pytest.raises(ValueError, match=r"c.npz: not an .npz file"):
        load_images_npz(tmp_path / "c.npz")


def test_an_array_that_promises_more_than_the_file_holds(arrays, tmp_path):
    """Nothing of the promised size is allocated: 2**60 bytes could not be."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (2**40, 2**10, 2**10)}
    )
    np.savez(tmp_path / "a.npz", **{name: arrays[name] for name in ("label", "classes")})
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("images.npy", header.getvalue() + bytes(100))
    with pytest.raises(ValueError, match=r"images.npy is .* bytes, of which the file holds 100"):
        load_images_npz(tmp_path / "a.npz")


def test_every_cut_of_a_file_is_refused(arrays, tmp_path):
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    whole = (tmp_path / "a.npz").read_bytes()
    for length in range(0, len(whole), 37):
        (tmp_path / "cut.npz").write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"cut.npz"):
            load_images_npz(tmp_path / "cut.npz")
