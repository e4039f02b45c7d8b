"""Atlases on disk: opened again without the data, and refused with a clear error where the folder is damaged."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import nn

import sketchwidgets as sw


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 5, stride=2), nn.ReLU()).eval()


@pytest.fixture(scope="module")
def of_photos(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("atlas") / "photos"
    images = torch.rand(8, 1, 33, 33, generator=torch.Generator().manual_seed(2))
    made = sw.atlas(network, [(images, torch.arange(8) % 2)], top=2, classes=["a", "b"], progress=False)
    made.save(folder)
    return made, folder


@pytest.fixture(scope="module")
def of_drawings(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("atlas") / "drawings"
    rng = np.random.default_rng(0)
    sketches = [sw.Sketch([rng.uniform(0, 90, (5, 2))]) for _ in range(8)]
    images = sw.SketchImages(sketches, size=33, extent=29, stroke_width=2)
    made = sw.atlas(
        network, images, top=2, names=lambda i: f"drawing {i}", facts={"license": "CC0"}, progress=False
    )
    made.save(folder)
    return made, folder


@pytest.mark.parametrize("kind", ["of_photos", "of_drawings"])
def test_opened_again_it_is_the_same(kind, network, request):
    made, folder = request.getfixturevalue(kind)
    assert {path.name for path in folder.iterdir()} == {"atlas.json", "atlas.safetensors"}
    again = sw.FeatureAtlas.open(folder)
    for part in ("channels", "images", "activations", "positions", "corners"):
        assert torch.equal(getattr(again["1"], part), getattr(made["1"], part))
    for name in ("rule", "image_shape", "classes", "labels", "names", "facts"):
        assert getattr(again, name) == getattr(made, name)
    assert all(np.array_equal(a, b) for a, b in zip(again.patches("1", 1), made.patches("1", 1), strict=True))
    model = network if made.has_drawings else None
    pairs = zip(again.projections("1", 1, model), made.projections("1", 1, model), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    again.save(folder.parent / "copied")
    copied = sw.FeatureAtlas.open(folder.parent / "copied")
    assert np.array_equal(copied.patches("1", 0)[0], made.patches("1", 0)[0])


def damage_json(change):
    def apply(folder):
        path = folder / "atlas.json"
        header = json.loads(path.read_text())
        change(header)
        path.write_text(json.dumps(header))

    return apply


def damage_arrays(change):
    def apply(folder):
        path = folder / "atlas.safetensors"
        arrays = load_file(path)
        change(arrays)
        save_file(arrays, path, {"sketchwidgets": "{}"})

    return apply


def set_key(key, value):
    return damage_json(lambda header: header.__setitem__(key, value))


def change_array(name, change):
    return damage_arrays(lambda arrays: arrays.__setitem__(name, change(arrays[name])))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "atlas.json").unlink(), "holds no atlas.json"),
        (lambda folder: (folder / "atlas.json").write_text("{"), "not JSON"),
        (lambda folder: (folder / "atlas.json").write_text("[" * 100_000), "not JSON"),
        (lambda folder: (folder / "atlas.json").write_bytes(b"\xff\xfe"), "not text"),
        (lambda folder: (folder / "atlas.json").write_text('{"kind": NaN}'), "NaN is no number"),
        (lambda folder: (folder / "atlas.safetensors").write_bytes(b"12345678"), "not a safetensors file"),
        (
            lambda folder: (folder / "atlas.safetensors").write_bytes(
                (folder / "atlas.safetensors").read_bytes()[:-9]
            ),
            "cut short",
        ),
        (set_key("kind", "feature_evolution"), "kind 'feature_evolution'"),
        (set_key("format", 99), "format 99"),
        (set_key("rule", "magic"), "rule 'magic'"),
        (set_key("image_shape", [1, 33, -1]), "image_shape"),
        (set_key("image_shape", [1, 33, True]), "image_shape"),
        (set_key("classes", "ab"), '"classes"'),
        (set_key("names", {"x": "y"}), '"names"'),
        (set_key("names", {"²": "y"}), '"names"'),
        (set_key("facts", 7), '"facts"'),
        (set_key("layers", {}), '"layers"'),
        (set_key("layers", [{"name": "1", "size": [5, 1 << 40]}]), "size of layer"),
        (set_key("layers", [{"name": "1", "size": [34, 5]}]), "size of layer"),
        (set_key("frame", {"size": 1e9, "extent": 1, "stroke_width": 1}), "size must be"),
        (set_key("frame", {"size": 32, "extent": 29, "stroke_width": 2}), "do not fit"),
        (change_array("0.images", lambda a: a[:, :1]), "0.activations' is"),
        (change_array("0.images", lambda a: a - 100), "images of layer '1' are out of range"),
        (change_array("0.images", lambda a: a + 100), "a drawing that layer '1' shows is not stored"),
        (change_array("0.images", lambda a: a.astype(np.float32)), "is F32"),
        (change_array("0.channels", lambda a: a * 0), "channels of layer '1' are out of range"),
        (change_array("0.activations", lambda a: a * np.nan), "activations of layer '1'"),
        (change_array("0.positions", lambda a: a - 9), "positions of layer '1'"),
        (change_array("0.corners", lambda a: a + (1 << 30)), "corners of layer '1'"),
        (change_array("drawings.n_strokes", lambda a: a + 1), "'drawings.stroke_len' is"),
        (change_array("drawings.stroke_len", lambda a: a * 0), r"'drawings.points' is"),
        (change_array("drawings.images", lambda a: a[::-1].copy()), "do not ascend"),
        (damage_arrays(lambda arrays: arrays.pop("drawings.points")), "'drawings.points' is missing"),
        (change_array("labels", lambda a: np.array([[0, -3]])), "a label is not"),
    ],
)
def test_a_damaged_folder_of_drawings_is_refused(damage, message, of_drawings, tmp_path):
    folder = tmp_path / "damaged"
    shutil.copytree(of_drawings[1], folder)
    damage(folder)
    with pytest.raises(sw.AtlasError, match=message):
        sw.FeatureAtlas.open(folder)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change_array("0.patches.offsets", lambda a: a[::-1].copy()), "do not divide"),
        (change_array("0.patches.offsets", lambda a: a * 2), "do not divide"),
        (change_array("0.patches.offsets", lambda a: a[1:]), r"is \(6,\)"),
        (change_array("0.scales", lambda a: a * -1), "scales of layer"),
        (change_array("0.patches.bytes", lambda a: a * 0), "not a picture"),
        (damage_json(lambda header: header["layers"][0].__setitem__("size", [6, 5])), r"a L picture of"),
    ],
)
def test_damaged_pictures_are_refused(damage, message, of_photos, tmp_path):
    folder = tmp_path / "damaged"
    shutil.copytree(of_photos[1], folder)
    damage(folder)
    with pytest.raises(sw.AtlasError, match=message):
        sw.FeatureAtlas.open(folder).patches("1", 0)


def test_an_evolution_is_no_atlas_and_nothing_is_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        sw.FeatureAtlas.open(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no atlas called 'other'"):
        sw.FeatureAtlas.bundled("other")
