"""A folder of a study belongs to its data: rows of other drawings of the same classes and counts are not taken over."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import sketchwidgets as sw
from sketchwidgets import studies
from sketchwidgets.studies._checksum import checksum, combined
from sketchwidgets.studies._folder import StudyFolder
from sketchwidgets.training.recognizers.cnn import CNNRecipe

OTHER = "holds a study of other data; use another folder"
CENTRE = sw.training.Recipe(epochs=1, batch_size=8, views=sw.training.Views(size=32, test="centre"))


def drawings(seed=0):
    points = np.random.default_rng(seed).uniform(0, 255, (320, 2))
    strokes = np.full(80, 4), np.full(80, 1), np.arange(80) % 4, np.arange(80)
    return sw.training.DrawingSet(points, None, *strokes, ("ant", "bee", "cat", "dog"))


def images(seed=0):
    pictures = np.random.default_rng(seed).integers(0, 256, (16, 40, 40), np.uint8)
    return pictures, np.arange(16) % 2, ("above", "below")


def layer_removal(folder, seed):
    recipe = replace(CENTRE, views=sw.training.Views(size=72, test="centre"))
    small = studies.Variant("AlexNet, 3, 4, 6 and 7 removed", "alexnet", (3, 4, 6, 7), conv=(4,) * 5)
    plan = studies.LayerRemovalPlan(recipe, (small,), side=64, channels=1, per_class=6)
    return studies.layer_removal(drawings(seed), folder, plan, progress=False)


def training_evolution(folder, seed):
    recipe = sw.training.Recipe(epochs=1, batch_size=32)
    plan = studies.EvolutionPlan((), 1 / 16, recipe=recipe, moments=(0, 1), channels=1, images=2, compared=2)
    return studies.training_evolution(drawings(seed), folder, plan, progress=False)


def sketch_a_net_choices(folder, seed):
    recipe = sw.training.Recipe(epochs=1, batch_size=4)
    plan = studies.ChoicesPlan(classes=2, drawings=4, tested=2, recipe=recipe, width=1 / 64).only()
    return studies.sketch_a_net_choices(drawings(seed), folder, plan, progress=False)


def online_recognition(folder, seed):
    recipe = CNNRecipe(
        steps=1,
        batch_size=2,
        network="sketch_resnet",
        arguments={"widths": [4], "blocks": [1]},
        preprocessing=sw.recognition.Preprocessing(size=32, extent=29.0),
    )
    plan = studies.OnlinePlan((studies.StudyCNN("tiny", recipe),), (studies.Member("tiny"),))
    return studies.online_recognition(drawings(seed), folder, plan, progress=False)


def sketch_recognizers(folder, seed):
    pictures, labels, classes = images(seed)
    path = folder.with_name("images.npz")
    np.savez(path, images=pictures, label=labels, classes=classes)
    options = {"machine": "HOGSVM", "words": 4, "grid": 4, "samples": 50}
    row = studies.Contestant("HOG-SVM", "machine", "small", options)
    return studies.sketch_recognizers(path, folder, studies.RecognizersPlan((row,)), progress=False)


def transfer(folder, seed, **targets):
    plan = studies.TransferPlan(
        CENTRE, CENTRE, 1, "lenet", {"channels": 1}, (6,), svm=(2,), softmax=(), folds=2
    )
    return studies.transfer(drawings(seed), folder, plan, targets=targets, progress=False)


@pytest.mark.parametrize(
    "study",
    [
        layer_removal, training_evolution, sketch_a_net_choices, online_recognition, sketch_recognizers, transfer,
    ],
    ids=lambda study: study.__name__,
)  # fmt: skip
def test_a_folder_of_other_data_is_refused(study, tmp_path):
    folder = tmp_path / "study"
    first = study(folder, 0)
    before = (folder / "result.json").read_bytes()
    with pytest.raises(ValueError, match=rf"data: .*study {OTHER}"):
        study(folder, 1)
    assert (folder / "result.json").read_bytes() == before
    assert b"sha256" not in before
    assert study(folder, 0).rows == first.rows
    # A folder of a version that noted nothing goes on as it did.
    (folder / "data.json").unlink()
    assert study(folder, 1).rows == first.rows
    assert not (folder / "data.json").exists()


def test_a_study_takes_further_targets_but_none_that_has_changed(tmp_path):
    first = transfer(tmp_path, 0)
    more = transfer(tmp_path, 0, above=images())
    assert more.rows[: len(first.rows)] == first.rows
    assert len(more.rows) > len(first.rows)
    with pytest.raises(ValueError, match=rf"targets\['above'\]: .*{OTHER}"):
        transfer(tmp_path, 0, above=images(1))


def test_data_that_did_not_fit_does_not_keep_the_folder(tmp_path):
    pictures, _, classes = images()
    few = pictures, np.array([0] * 15 + [1]), classes
    with pytest.raises(ValueError, match="above: a class has 1 pictures"):
        transfer(tmp_path, 0, above=few)
    assert len(transfer(tmp_path, 0, above=images()).rows) == 2
    folder = StudyFolder(tmp_path / "new", {"data": "sha256:0"})
    with folder.count("choosing"):
        pass
    StudyFolder(folder.path, {"data": "sha256:1"}).row("a", {}, dict)
    with pytest.raises(ValueError, match=rf"data: .*new {OTHER}"):
        StudyFolder(folder.path, {"data": "sha256:0"})


@pytest.mark.parametrize("text", ["[]", "3", "nothing"])
def test_broken_checksums_are_named(tmp_path, text):
    (tmp_path / "data.json").write_text(text)
    (tmp_path / "rows").mkdir()
    with pytest.raises(ValueError, match=r"data\.json: not the checksums of a study's data"):
        StudyFolder(tmp_path, {"data": "sha256:0"})


def test_equal_drawings_have_equal_checksums_however_they_are_stored(tmp_path):
    one = drawings()
    stored = {
        "xy": one.points.astype(np.float32),
        "stroke_len": one.stroke_len.astype(np.int16),
        "n_strokes": one.n_strokes,
        "label": one.label.astype(np.uint8),
        "key_id": one.key_id.astype(np.uint64),
        "classes": list(one.classes),
    }
    np.savez(tmp_path / "drawings.npz", **stored)
    assert checksum(sw.training.DrawingSet.load(tmp_path / "drawings.npz")) == checksum(one)
    others = [
        replace(one, points=one.points[::-1]),
        replace(one, times=np.arange(320)),
        replace(one, label=one.label[::-1]),
        replace(one, key_id=one.key_id + 1),
        replace(one, classes=("ant", "bee", "cat", "cow")),
    ]
    assert len({checksum(each) for each in (one, *others)}) == 1 + len(others)


def test_images_in_memory_and_in_folders(tmp_path, monkeypatch):
    pictures, labels, classes = images()
    for k in range(4):
        path = tmp_path / classes[k % 2] / f"{k}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pictures[k]).save(path)
    files = sw.training.ImageFolder(tmp_path)
    known = checksum(files)
    assert known == checksum(sw.training.ImageFolder(tmp_path))
    assert combined({"a": files, "b": files}) != known
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "above" / "0.png")
    assert checksum(sw.training.ImageFolder(tmp_path)) != known
    whole = checksum((pictures, labels, classes))
    monkeypatch.setattr("sketchwidgets.studies._checksum._POINTS", 5000)  # in blocks of three images
    assert checksum((pictures, list(labels), classes)) == whole
