"""Archives of every kind that unpack, and hostile ones that do not, leaving nothing behind."""

import io
import os
import shutil
import tarfile
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from sketchwidgets.training import DataSetError
from sketchwidgets.training.datasets._archives import extract

FILES = {
    "png/ant/1.png": b"one",
    "png/ant/2.png": b"",
    "png/bee/1.png": b"x" * 100_000,
    "readme.txt": b"hello",
}


def make_zip(path, files, **info):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name)
            member.compress_type = zipfile.ZIP_DEFLATED
            for key, value in info.items():
                setattr(member, key, value)
            archive.writestr(member, content)
    return path


def make_tar(path, files, mode="w", kind=tarfile.REGTYPE, **info):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.type = kind
            for key, value in info.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(content))
    return path


MAKERS = {
    "zip": make_zip,
    "tar": make_tar,
    "tar.gz": lambda path, files: make_tar(path, files, "w:gz"),
    "tar.bz2": lambda path, files: make_tar(path, files, "w:bz2"),
    "tar.xz": lambda path, files: make_tar(path, files, "w:xz"),
}


def unpack(path, **arguments):
    return extract(path, path.parent / "out", **{"progress": False, **arguments})


def refused(path, problem, **arguments):
    """It is not unpacked, for this reason, and nothing but the archive is there afterwards."""
    with pytest.raises(DataSetError, match=problem) as caught:
        unpack(path, **arguments)
    assert str(caught.value).startswith(str(path))
    assert os.listdir(path.parent) == [path.name]
    assert not (path.parent.parent / "escaped").exists()


@pytest.fixture
def folder(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    return inner


@pytest.mark.parametrize("suffix", MAKERS)
def test_every_file_in_its_place(folder, suffix):
    out = unpack(MAKERS[suffix](folder / f"a.{suffix}", FILES))
    found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert found == FILES
    assert sorted(os.listdir(folder)) == [f"a.{suffix}", "out"]


@pytest.mark.parametrize("suffix", ["zip", "tar"])
@pytest.mark.parametrize(
    "name",
    ["../escaped", "a/../../escaped", "/escaped", "C:/escaped", "a/c:x", "..\\escaped", "a/\x01", "con", "aux.txt",
     "x" * 256, "."],
)  # fmt: skip
def test_names_that_lead_elsewhere(folder, suffix, name):
    path = MAKERS[suffix](folder / f"a.{suffix}", {"fine.txt": b"1"} | {name: b"2"})
    refused(path, "is no name of a file in a folder")


def test_links_and_devices(folder):
    refused(
        make_zip(folder / "a.zip", {"link": b"/etc/passwd"}, external_attr=0o120777 << 16),
        "a link or a device",
    )
    (folder / "a.zip").unlink()
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
        path = make_tar(folder / "a.tar", {"link": b""}, kind=kind, linkname="/etc/passwd")
        refused(path, "is a link, a device or sparse")


def test_a_link_and_then_a_file_through_it(folder):
    with tarfile.open(folder / "a.tar", "w") as archive:
        link = tarfile.TarInfo("d")
        link.type, link.linkname = tarfile.SYMTYPE, ".."
        archive.addfile(link)
        member = tarfile.TarInfo("d/escaped")
        member.size = 1
        archive.addfile(member, io.BytesIO(b"1"))
    refused(folder / "a.tar", "'d' is a link")


@pytest.mark.parametrize("suffix", ["zip", "tar"])
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_a_name_twice(folder, suffix):
    path = folder / f"a.{suffix}"
    if suffix == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/b", "1")
            archive.writestr("a//b", "2")
    else:
        with tarfile.open(path, "w") as archive:
            for _ in range(2):
                archive.addfile(tarfile.TarInfo("a/b"))
    refused(path, "is in it twice")


@pytest.mark.parametrize("suffix", ["zip", "tar"])
def test_a_file_where_a_folder_is_needed(folder, suffix):
    path = MAKERS[suffix](folder / f"a.{suffix}", {"a": b"1", "a/b": b"2"})
    refused(path, "cannot be unpacked")


@pytest.mark.parametrize("suffix", MAKERS)
def test_too_much(folder, suffix):
    path = MAKERS[suffix](folder / f"a.{suffix}", {"zeros": bytes(3_000_000), "more": b"x"})
    refused(path, "bytes unpacked", max_bytes=2_000_000)
    refused(path, "more than 1 members", max_files=1)


def test_a_zip_that_lies_about_its_sizes(folder):
    """60 MB of zeros in 60 kB, said to be 10 bytes: no more than those are unpacked, and then it is refused."""
    path = make_zip(folder / "a.zip", {"zeros": bytes(60_000_000)})
    data = bytearray(path.read_bytes())
    size = (60_000_000).to_bytes(4, "little")
    assert data.count(size) == 2  # in the local header and in the directory
    path.write_bytes(bytes(data).replace(size, (10).to_bytes(4, "little")))
    refused(path, r"damaged \(Bad CRC-32")


def test_a_zip_that_promises_2_60_bytes(folder):
    path = make_zip(folder / "a.zip", {"a": b"1"})
    with zipfile.ZipFile(path) as archive:
        info = archive.infolist()[0]
        info.file_size = 2**60
        extra = b"\x01\x00\x08\x00" + (2**60).to_bytes(8, "little")
    # The directory entry again, with a zip64 field that says so.
    data = path.read_bytes()
    at = data.index(b"PK\x01\x02")
    entry = bytearray(data[at : at + 46 + 1])
    entry[24:28] = b"\xff\xff\xff\xff"
    entry[30:32] = len(extra).to_bytes(2, "little")
    end = bytearray(data[data.index(b"PK\x05\x06") :])
    end[12:16] = (len(entry) + len(extra)).to_bytes(4, "little")
    path.write_bytes(data[:at] + bytes(entry) + extra + bytes(end))
    refused(path, r"1,152,921,504,606,846,976 bytes unpacked; at most", max_bytes=2**40)


def test_a_tar_header_that_claims_a_gigabyte(folder):
    """A pax header is read whole: this one says that it is 2**33 bytes long."""
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 2**33
    (folder / "a.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    refused(folder / "a.tar", "a header of .* bytes|not a zip or tar file")


def test_a_tar_member_larger_than_the_file(folder):
    member = tarfile.TarInfo("a")
    member.size = 2**40
    (folder / "a.tar").write_bytes(member.tobuf() + bytes(1024))
    refused(folder / "a.tar", "damaged|bytes unpacked")


@pytest.mark.parametrize("suffix", MAKERS)
def test_every_cut_is_refused_or_harmless(folder, suffix):
    """A tar file may end early between members without telling; whatever is unpacked is right."""
    path = MAKERS[suffix](
        folder / f"a.{suffix}", {"a": b"abc" * 300, "b": np.random.default_rng(0).bytes(900)}
    )
    whole = path.read_bytes()
    for length in range(0, len(whole), 101):
        path.write_bytes(whole[:length])
        with suppress(DataSetError):
            out = unpack(path)
            assert suffix == "tar"
            assert all(file.stat().st_size == 900 for file in out.iterdir())
            shutil.rmtree(out)
        assert os.listdir(folder) == [path.name]


def test_what_is_no_archive(folder):
    (folder / "a.zip").write_bytes(b"<html>404</html>")
    refused(folder / "a.zip", "not a zip or tar file")


def test_an_encrypted_zip(folder):
    path = make_zip(folder / "a.zip", {"a": b"1"})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))
    refused(path, "'a' is encrypted")


def test_a_folder_that_is_there_is_not_touched(folder):
    path = make_zip(folder / "a.zip", FILES)
    (folder / "out").mkdir()
    (folder / "out" / "mine.txt").write_text("mine")
    with pytest.raises(DataSetError, match="out exists"):
        unpack(path)
    assert (folder / "out" / "mine.txt").read_text() == "mine"


def test_what_a_killed_run_left_is_in_nobodys_way(folder):
    path = make_zip(folder / "a.zip", FILES)
    (folder / ".out.unpacking" / "png").mkdir(parents=True)
    assert (unpack(path) / "readme.txt").read_bytes() == b"hello"
