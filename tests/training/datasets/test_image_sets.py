"""TU-Berlin, Caltech and folders of pictures: from a folder that is there, and from the test's own server."""

import hashlib
import io
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from sketchwidgets import Sketch
from sketchwidgets.training import (
    Caltech101,
    Caltech256,
    DataSetError,
    ImageFolder,
    TUBerlin,
    split_per_class,
    three_folds,
)

SVG = '<svg viewBox="0 0 800 800"><g transform="translate(10,20) scale(2)"><path id="0" d="M{0} 0L9 9"/></g></svg>'


def picture(suffix="PNG", size=(12, 10), mode="RGB", value=7):
    out = io.BytesIO()
    Image.new(mode, size, value).save(out, suffix)
    return out.getvalue()


def tu_berlin_files(kind, classes=("airplane", "alarm clock", "zebra"), n=6):
    files = {f"{kind}/filelist.txt": b"..."}
    for index, name in enumerate(classes):
        for number in range(1, n + 1):
            identity = index * n + number
            content = SVG.format(identity).encode() if kind == "svg" else picture(mode="L", value=identity)
            files[f"{kind}/{name}/{identity}.{kind}"] = content
    return files


def as_zip(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def as_tar(files, mode):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def sha256(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


# TU-Berlin


@pytest.mark.parametrize("kind", ["svg", "png"])
@pytest.mark.parametrize("place", [".", "svg_or_png", "sketches"])
def test_tu_berlin_from_a_folder(tmp_path, kind, place):
    files = {name.removeprefix(f"{kind}/"): c for name, c in tu_berlin_files(kind).items()}
    write(tmp_path / {".": ".", "svg_or_png": kind, "sketches": f"sketches_{kind}/{kind}"}[place], files)
    data = TUBerlin(tmp_path, kind)
    assert len(data) == 18
    assert data.classes == ("airplane", "alarm clock", "zebra")
    assert data.labels.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    # By number, not by letter: 10 after 9.
    assert [path.stem for path in data.files] == [str(number) for number in range(1, 19)]
    example, label = data[9]
    assert label == 1
    if kind == "svg":
        assert isinstance(example, Sketch)
        assert example.points[:, :2].tolist() == [[30, 20], [28, 38]]
    else:
        assert (example.size, example.mode, example.getpixel((0, 0))) == ((12, 10), "L", 10)
    assert data[-1][1] == 2
    with pytest.raises(IndexError, match="index 18 of 18"):
        data[18]
    with pytest.raises(TypeError, match="asked for one example, by a whole number, not by slice"):
        data[:2]


def test_the_folds_of_tu_berlin(tmp_path):
    write(tmp_path, tu_berlin_files("svg", n=8))
    everything = TUBerlin(tmp_path)
    expected = three_folds(everything.labels, seed=4)
    tested = []
    for fold in range(3):
        train, test = (TUBerlin(tmp_path, fold=fold, seed=4, train=train) for train in (True, False))
        assert sorted([*train.files, *test.files]) == sorted(everything.files)
        assert [everything.files.index(path) for path in test.files] == np.flatnonzero(
            expected == fold
        ).tolist()
        assert np.bincount(test.labels).tolist() == [[2] * 3, [3] * 3, [3] * 3][fold]
        tested += test.files
    assert sorted(tested) == sorted(everything.files)
    np.testing.assert_array_equal(TUBerlin.folds(seed=3), three_folds(np.repeat(np.arange(250), 80), seed=3))


def test_some_classes_and_a_transform(tmp_path):
    write(tmp_path, tu_berlin_files("svg"))
    data = TUBerlin(tmp_path, classes=["zebra", "airplane"], transform=len)
    assert data.classes == ("zebra", "airplane")
    assert data[0] == (1, 0)
    assert data.files[0].stem == "13"
    images, labels = next(iter(torch.utils.data.DataLoader(data, batch_size=12)))
    assert images.tolist() == [1] * 12
    assert labels.tolist() == [0] * 6 + [1] * 6
    with pytest.raises(DataSetError, match="no folder of class 'yak'"):
        TUBerlin(tmp_path, classes=["yak"])
    with pytest.raises(ValueError, match=r"'\.\./zebra' is no name of a class"):
        TUBerlin(tmp_path, classes=["../zebra"])
    with pytest.raises(TypeError, match="transform must be a function"):
        TUBerlin(tmp_path, transform=3)


def test_real_files_of_tu_berlin(shared, tmp_path):
    for path in (shared / "data" / "tuberlin_svg").iterdir():
        name, _, number = path.stem.rpartition("_")
        write(tmp_path / "svg", {f"{name}/{number}.svg": path.read_bytes()})
    data = TUBerlin(tmp_path)
    assert data.classes == ("airplane", "alarm_clock", "angel")
    sketch, label = data[0]
    assert label == 0
    left, top, right, bottom = sketch.bounds
    assert max(right - left, bottom - top) == pytest.approx(625, abs=10)  # papers.md, section 8


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_tu_berlin_is_downloaded_and_unpacked(site, tmp_path, kind):
    content = as_zip(tu_berlin_files(kind))
    site.files["/t.zip"] = content
    where = {"url": f"{site.url}/t.zip", "known_hash": sha256(content), "progress": False}
    data = TUBerlin(tmp_path / "data", kind, download=True, **where)
    assert len(data) == 18
    assert not (tmp_path / "data" / f"sketches_{kind}.zip").exists()
    again = TUBerlin(tmp_path / "data", kind, fold=1, download=True, **where)
    assert len(site.requests) == 1
    assert "fold=1, train=True" in repr(again)
    assert "licence: CC BY 4.0" in repr(again)
    assert "How do humans sketch objects?" in repr(again)


def test_a_truncated_or_wrong_archive_leaves_no_data_set(site, tmp_path):
    content = as_zip(tu_berlin_files("svg"))
    site.files["/t.zip"] = content
    where = {"download": True, "url": f"{site.url}/t.zip", "progress": False}
    with pytest.raises(DataSetError, match="does not match"):
        TUBerlin(tmp_path, known_hash=sha256(b""), **where)
    site.break_after = [100, 0, 0, 0, 0, 0]
    with pytest.raises(DataSetError, match="cannot be downloaded"):
        TUBerlin(tmp_path, **where)
    site.break_after = []
    site.files["/t.zip"] = content[: len(content) // 2]
    site.etag = '"two"'
    with pytest.raises(DataSetError, match="not a zip or tar file, or damaged"):
        TUBerlin(tmp_path, **where)
    assert not list(tmp_path.iterdir())
    with pytest.raises(
        FileNotFoundError, match=r"no class folders with SVG files .* download=True fetches them"
    ):
        TUBerlin(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"kind": "jpg"}, 'kind must be "svg" or "png"'),
        ({"fold": 3}, "fold must be 0, 1, 2 or None"),
        ({"fold": True}, "fold must be"),
    ],
)
def test_arguments_of_tu_berlin(tmp_path, arguments, problem):
    with pytest.raises(ValueError, match=problem):
        TUBerlin(tmp_path, **arguments)


def test_it_goes_to_worker_processes(tmp_path):
    write(tmp_path, tu_berlin_files("svg"))
    again = pickle.loads(pickle.dumps(TUBerlin(tmp_path, transform=len)))
    assert again[3] == (1, 0)


# Caltech

JPEGS = {"accordion/image_0001.jpg": "RGB", "accordion/image_0002.jpg": "L", "ant/image_0001.jpg": "RGB"}


def caltech101():
    images = {f"101_ObjectCategories/{n}": picture("JPEG", mode=m) for n, m in JPEGS.items()}
    images["101_ObjectCategories/BACKGROUND_Google/image_0001.jpg"] = picture("JPEG")
    images["101_ObjectCategories/BACKGROUND_Google/tmp"] = b"a stray file, as in the original"
    inner = as_tar(images, "w:gz")
    return as_zip({"caltech-101/101_ObjectCategories.tar.gz": inner, "caltech-101/Annotations.tar": b"..."})


def test_caltech_101(site, tmp_path):
    content = caltech101()
    site.files["/c.zip"] = content
    where = {"url": f"{site.url}/c.zip", "known_hash": sha256(content), "progress": False}
    data = Caltech101(tmp_path, download=True, **where)
    assert data.classes == ("accordion", "ant")
    assert data.labels.tolist() == [0, 0, 1]
    assert [data[i][0].mode for i in range(3)] == ["RGB", "L", "RGB"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] != ".") == ["caltech101"]
    assert Caltech101(tmp_path, clutter=True).classes == ("BACKGROUND_Google", "accordion", "ant")
    with pytest.raises(ValueError, match="class 1 has 1 examples: none is left"):
        data.split(train=1)
    assert len(site.requests) == 1


def test_a_caltech_101_that_is_something_else(site, tmp_path):
    site.files["/c.zip"] = as_zip({"caltech-101/readme": b"moved"})
    with pytest.raises(FileNotFoundError, match=r"has no 101_ObjectCategories.tar.gz"):
        Caltech101(tmp_path, download=True, url=f"{site.url}/c.zip", progress=False)
    with pytest.raises(FileNotFoundError, match=r"Caltech101 is not in .* download=True fetches it"):
        Caltech101(tmp_path)


def test_caltech_256(site, tmp_path):
    names = ("001.ak47/001_0001.jpg", "056.dog/056_0001.jpg", "257.clutter/257_0001.jpg")
    images = {f"256_ObjectCategories/{name}": picture("JPEG") for name in names}
    images["256_ObjectCategories/056.dog/greg/vision309/a.jpg"] = b"a folder that slipped into the original"
    site.files["/c.tar"] = as_tar(images, "w")
    data = Caltech256(tmp_path, download=True, url=f"{site.url}/c.tar", progress=False)
    assert data.classes == ("ak47", "dog")
    assert len(data) == 2
    assert Caltech256(tmp_path, clutter=True).classes == ("ak47", "dog", "clutter")
    assert "doi:10.22002/D1.20087" in repr(data)


def test_published_checksums_are_only_for_published_addresses(site, tmp_path):
    """Torchvision's MD5 is of Caltech's own file; what another address has is not compared with it."""
    site.files["/c.zip"] = caltech101()
    assert Caltech101.known_hash.startswith("md5:")
    assert len(Caltech101(tmp_path, download=True, url=f"{site.url}/c.zip", progress=False)) == 3


# Folders of pictures


def test_a_folder_of_pictures(tmp_path):
    write(
        tmp_path,
        {
            "n02/b10.JPEG": picture("JPEG"),
            "n02/b9.JPEG": picture("JPEG", size=(3, 4)),
            "n01/a.png": picture(mode="L", value=3),
            "n01/notes.txt": b"no picture",
            "empty/notes.txt": b"",
            ".hidden/a.png": picture(),
        },
    )
    data = ImageFolder(tmp_path, names={"n02": "dog"}, transform=lambda image: image.size)
    assert data.classes == ("n01", "dog")
    assert data.folders == ("n01", "n02")
    assert [data[i] for i in range(3)] == [((12, 10), 0), ((3, 4), 1), ((12, 10), 1)]
    assert repr(data).startswith("ImageFolder(")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        ImageFolder(tmp_path / "nowhere")
    with pytest.raises(DataSetError, match="has no files"):
        ImageFolder(tmp_path / "n01")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not a picture, or damaged"),
        (b"<html>", "not a picture, or damaged"),
        (picture(size=(300, 300))[:200], "not a picture, or damaged"),
        # A header of 60,000 x 60,000 pixels: nothing of that size is decoded.
        (
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
            + (60_000).to_bytes(4, "big") * 2
            + b"\x08\x00\x00\x00\x00",
            "60000 x 60000 pixels; at most|not a picture",
        ),
    ],
)
def test_what_is_no_picture(tmp_path, content, problem):
    write(tmp_path, {"a/x.png": content})
    with pytest.raises(DataSetError, match=rf"x.png: ({problem})"):
        ImageFolder(tmp_path)[0]


def test_other_kinds_of_pictures_become_grey_and_colour(tmp_path):
    write(
        tmp_path,
        {
            "a/1.png": picture(mode="I;16", value=0x8001),
            "a/2.png": picture(mode="P"),
            "a/3.png": picture(mode="RGBA", value=(0, 0, 0, 51)),
            "a/4.png": picture(mode="LA", value=(0, 255)),
            "a/5.png": picture(mode="1", value=1),
        },
    )
    images = [image for image, _ in (ImageFolder(tmp_path)[i] for i in range(5))]
    assert [image.mode for image in images] == ["L", "RGB", "RGB", "L", "L"]
    assert [images[i].getpixel((0, 0)) for i in (0, 2, 3, 4)] == [128, (204, 204, 204), 0, 255]


def test_split_per_class():
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [40, 90, 33]))
    train, test = split_per_class(labels, 30, 50, seed=1)
    assert np.bincount(labels[train]).tolist() == [30] * 3
    assert np.bincount(labels[test]).tolist() == [10, 50, 3]
    assert not set(train) & set(test)
    again, _ = split_per_class(labels, 30, 50, seed=1)
    other, _ = split_per_class(labels, 30, 50, seed=2)
    assert train.tolist() == again.tolist() != other.tolist()
    with pytest.raises(ValueError, match="class 2 has 33 examples: none is left to test on after 33"):
        split_per_class(labels, 33)
    with pytest.raises(ValueError, match="train must be a whole number of at least 1"):
        split_per_class(labels, 0)
