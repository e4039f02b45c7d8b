from dataclasses import replace

import numpy as np
import pytest

from sketchwidgets.training import DrawingSet


def test_strokes_are_those_of_the_file(drawings, drawings_file):
    with np.load(drawings_file) as file:
        strokes = np.split(file["xy"], np.cumsum(file["stroke_len"])[:-1])
        first = np.r_[0, np.cumsum(file["n_strokes"])]
    for index in (0, 7, 79):
        expected = strokes[first[index] : first[index + 1]]
        for ours, theirs in zip(drawings.strokes(index), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_gather_takes_the_first_strokes(drawings):
    indices = np.array([5, 3, 70])
    keep = np.array([1, int(drawings.n_strokes[3]), 1])
    points, lengths, owner = drawings.gather(indices, keep)
    expected = [s for i, k in zip(indices, keep, strict=True) for s in drawings.strokes(i)[:k]]
    np.testing.assert_array_equal(points, np.concatenate(expected))
    assert lengths.tolist() == [len(stroke) for stroke in expected]
    assert owner.tolist() == np.repeat([0, 1, 2], keep).tolist()


def test_the_split_is_a_partition_that_does_not_move(drawings):
    train, held_out = drawings.split(4)
    assert sorted([*train, *held_out]) == list(range(len(drawings)))
    assert (drawings.key_id[held_out] % 4 == 0).all()
    assert len(held_out) > 0


def test_times_are_a_third_column(drawings_file, tmp_path):
    with np.load(drawings_file) as file:
        values = {name: file[name] for name in file.files if name != "xy"}
        x, y = file["xy"].T
    np.savez(tmp_path / "timed.npz", x=x, y=y, t_ms=np.arange(len(x)), **values)
    timed = DrawingSet.load(tmp_path / "timed.npz")
    assert timed.strokes(0)[0].shape[1] == 3
    assert timed.strokes(0)[0][:, 2].tolist() == list(range(timed.stroke_len[0]))


def test_a_file_that_promises_more_than_it_holds(drawings_file, tmp_path):
    with np.load(drawings_file) as file:
        values = {name: file[name] for name in file.files}
    values["xy"] = values["xy"][:-3]
    np.savez(tmp_path / "short.npz", **values)
    with pytest.raises(ValueError, match=r"promise .* points, the file holds"):
        DrawingSet.load(tmp_path / "short.npz")


def test_a_file_of_something_else(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(ValueError, match=r"other.npz: not a set of drawings, label"):
        DrawingSet.load(tmp_path / "other.npz")
    (tmp_path / "text.npz").write_text("no zip")
    with pytest.raises(ValueError, match=r"text.npz"):
        DrawingSet.load(tmp_path / "text.npz")


def test_a_file_with_pickled_objects_is_not_unpickled(drawings_file, tmp_path):
    with np.load(drawings_file) as file:
        values = {name: file[name] for name in file.files}
    values["classes"] = np.array([{"a": 1}], dtype=object)
    np.savez(tmp_path / "pickle.npz", **values)
    with pytest.raises(ValueError, match=r"not an \.npz file of plain arrays"):
        DrawingSet.load(tmp_path / "pickle.npz")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("label", 99, "label has 99 for 6 classes"),
        ("label", -1, "label has -1"),
        ("n_strokes", 0, r"n_strokes must be 1 or more, and n_strokes\[0\] is 0"),
    ],
)
def test_what_would_be_drawn_wrong_is_refused(drawings, field, value, message):
    values = getattr(drawings, field).astype(np.int64)
    moved = values[0] - value
    values[0] = value
    if field == "n_strokes":
        values[1] += moved
    with pytest.raises(ValueError, match=message):
        replace(drawings, **{field: values})


def test_its_repr_is_a_line(drawings):
    assert repr(drawings) == f"DrawingSet({len(drawings)} drawings of {len(drawings.classes)} classes)"
