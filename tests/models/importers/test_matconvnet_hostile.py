"""MAT files that are damaged, or made to do harm: a clear error, nothing executed, nothing large allocated."""

import math
import pickle
import struct
import zlib

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mat_files import conv, refused, save

import sketchwidgets as sw
from sketchwidgets.models.importers import NetworkFileError

HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"

pytestmark = pytest.mark.usefixtures("no_large_allocation")


def element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def matrix(kind, dimensions, name, body):
    flags = element(6, struct.pack("<II", kind, 0))
    return element(
        14, flags + element(5, struct.pack(f"<{len(dimensions)}i", *dimensions)) + element(1, name) + body
    )


def raw(path, *variables):
    path.write_bytes(HEADER + b"".join(variables))
    return path


def packed(matrix_element):
    data = zlib.compress(matrix_element)
    return struct.pack("<II", 15, len(data)) + data


# --- version 5


@pytest.mark.parametrize("pack", [bytes, packed])
@pytest.mark.parametrize(
    ("variable", "match"),
    [
        (matrix(6, (1 << 30, 1 << 30), b"net", element(9, bytes(8))), "1073741824 x 1073741824 numbers"),
        (matrix(1, (1 << 30, 1 << 30), b"net", b""), "cells or structs with 0 bytes"),
        (matrix(1, (1 << 27, 1), b"net", b""), "cells or structs with 0 bytes"),
        (
            matrix(
                2, (1 << 27, 1), b"net", element(5, struct.pack("<i", 8)) + element(1, b"a".ljust(8, b"\0"))
            ),
            "structs",
        ),
        (
            matrix(2, (1 << 30, 1 << 30), b"net", element(5, struct.pack("<i", 8)) + element(1, b"")),
            "should be a struct",
        ),
        (matrix(6, (-1, 1), b"net", element(9, bytes(8))), "dimensions"),
        (matrix(6, (1, 1), b"net", struct.pack("<II", 9, (1 << 32) - 8)), "cut short"),
        (matrix(6, (1,) * 40, b"net", element(9, bytes(8))), "dimensions"),
        (matrix(77, (1, 1), b"net", element(9, bytes(8))), "unknown class 77"),
        (matrix(6, (1, 1), b"net", element(40, bytes(8))), "unknown type 40"),
        (
            matrix(4, (1 << 30, 1), b"net", element(4, b"a\0b\0")),
            "a text of 1,073,741,824 rows and 2 characters",
        ),
        (matrix(3, (1, 1), b"net", b""), "an object of a MATLAB class"),
        (matrix(5, (1, 1), b"net", b""), "a sparse matrix"),
        (element(14, b""), "cut short|no variable"),
    ],
)
def test_arrays_that_announce_what_is_not_there(variable, match, pack, tmp_path):
    refused(raw(tmp_path / "net.mat", pack(variable)), match)


def test_a_network_that_unpacks_to_gigabytes(tmp_path):
    path = tmp_path / "bomb.mat"
    squeeze = zlib.compressobj(9)
    length = 2 << 30
    start = (
        element(6, struct.pack("<II", 9, 0))
        + element(5, struct.pack("<2i", length >> 4, 16))
        + element(1, b"net")
    )
    # The bytes are all there, packed a thousandfold: 2 MB for 2 GB.
    data = squeeze.compress(
        struct.pack("<II", 14, length + len(start) + 8) + start + struct.pack("<II", 2, length)
    )
    block = bytes(1 << 20)
    for _ in range(64):  # as far as anyone should read
        data += squeeze.compress(block)
    data += squeeze.flush()
    path.write_bytes(HEADER + struct.pack("<II", 15, len(data)) + data)
    refused(path, "more than a file of this length can mean")


def test_cells_inside_cells_without_end(tmp_path):
    nested = matrix(6, (1, 1), b"", element(9, bytes(8)))
    for _ in range(4000):
        nested = matrix(1, (1, 1), b"", nested)
    refused(raw(tmp_path / "deep.mat", matrix(1, (1, 1), b"net", nested)), "nested more than 32 deep")


def test_millions_of_empty_values(tmp_path, monkeypatch):
    monkeypatch.setattr("sketchwidgets.models.importers.matconvnet._values.MOST_VALUES", 1000)
    cells = element(14, b"") * 2000
    refused(raw(tmp_path / "many.mat", packed(matrix(1, (1, 2000), b"net", cells))), "more than 1,000 values")


@pytest.mark.parametrize("version", ["5", "5 packed", "7.3"])
def test_cut_short_anywhere(version, tmp_path):
    whole = save(
        tmp_path / "whole.mat", version, net={"layers": [conv()], "meta": {"note": "x" * 300}}
    ).read_bytes()
    path = tmp_path / "cut.mat"
    for length in (0, 7, 100, 127, 128, 130, *range(140, len(whole) - 8, len(whole) // 12)):
        path.write_bytes(whole[:length])
        with pytest.raises(NetworkFileError, match=r"cut\.mat"):
            sw.models.from_matconvnet(path)


@pytest.fixture(scope="module", params=["5", "7.3"])
def sound(request, tmp_path_factory):
    """A path to write to, and the bytes of a file that is in order."""
    path = tmp_path_factory.mktemp("sound") / "changed.mat"
    return path, save(path, request.param, net={"layers": [conv(pad=1.0), {"type": "relu"}]}).read_bytes()


@settings(max_examples=40)
@given(st.data())
def test_bytes_that_were_changed(sound, data):
    """A network or an error, never anything else."""
    path, whole = sound
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(damaged))
    try:
        network = sw.models.from_matconvnet(path)
    except NetworkFileError:
        return
    assert isinstance(network, sw.models.importers.ImportedNetwork)


def test_what_is_no_mat_file(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    path = tmp_path / "pickle.mat"
    path.write_bytes(pickle.dumps(Trap()).ljust(600, b"\0"))
    refused(path, "not a MAT file")
    assert not (tmp_path / "executed").exists()
    with pytest.raises(FileNotFoundError, match="missing"):
        sw.models.from_matconvnet(tmp_path / "missing.mat")
    with pytest.raises(FileNotFoundError, match=f"^{tmp_path} is a folder, not a file$"):
        sw.models.from_matconvnet(tmp_path)


def test_the_budget_is_enough_for_weights_of_zeros(tmp_path):
    """Pruned networks shrink far, and are still read."""
    filters = np.zeros((15, 15, 64, 64), np.float32)
    filters[0, 0] = 1
    path = save(tmp_path / "net.mat", "5 packed", net={"layers": [conv([filters, np.zeros((0, 0))])]})
    assert math.prod(filters.shape) * 4 > 90 * path.stat().st_size
    assert sw.models.from_matconvnet(path).conv1.weight.sum() == 64 * 64


# --- version 7.3


@pytest.fixture
def file73(tmp_path):
    """A file of version 7.3 of one network, opened to be changed."""
    path = save(tmp_path / "net73.mat", "7.3", net={"layers": [conv(), {"type": "relu"}]})
    with h5py.File(path, "r+") as file:
        yield path, file


def test_a_data_set_of_2_to_the_60(file73):
    path, file = file73
    del file["net/layers"]
    file.create_dataset("net/layers", shape=(1 << 60, 1), dtype="f4", chunks=(1 << 10, 1))
    file["net/layers"].attrs["MATLAB_class"] = np.bytes_("single")
    file.close()
    refused(path, "more than a file of this length can mean")


def test_a_data_set_without_its_bytes(file73):
    path, file = file73
    del file["net/layers"]
    file.create_dataset("net/layers", shape=(4000, 4000), dtype="f4").attrs["MATLAB_class"] = np.bytes_(
        "single"
    )
    file.close()
    refused(path, "does not have them")


def test_references_that_lead_nowhere(file73):
    path, file = file73
    references = file["net/layers"]
    bad = np.empty((2, 1), h5py.ref_dtype)
    bad[0, 0], bad[1, 0] = references[0, 0], h5py.Reference()
    references[...] = bad
    file.close()
    refused(path, "reference to nothing")


def test_references_out_of_the_file(file73):
    path, file = file73
    offset = file["net/layers"].id.get_offset()
    file.close()
    with path.open("r+b") as bytes_of_file:
        bytes_of_file.seek(offset)
        bytes_of_file.write(struct.pack("<Q", 1 << 60))
    refused(path, "leads nowhere|damaged")


def test_cells_that_hold_themselves(file73):
    path, file = file73
    node = file["net/layers"]
    references = np.empty((2, 1), h5py.ref_dtype)
    references[:, 0] = node.ref
    node[...] = references
    file.close()
    refused(path, "nested more than 32 deep|more than .* values")


def test_objects_instead_of_references(file73):
    path, file = file73
    del file["net/layers"]
    node = file.create_dataset(
        "net/layers", data=np.array([b"x" * 10, b"y"], object), dtype=h5py.string_dtype()
    )
    node.attrs["MATLAB_class"] = np.bytes_("cell")
    file.close()
    refused(path, "should hold references")


def test_links_and_data_in_other_files(file73, tmp_path):
    path, file = file73
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(64))
    del file["net/layers"]
    file["net/layers"] = h5py.ExternalLink("other.h5", "/x")
    file.close()
    refused(path, "link to elsewhere")
    with h5py.File(path, "r+") as file:
        del file["net/layers"]
        node = file.create_dataset("net/layers", shape=(4, 4), dtype="f4", external=[(str(secret), 0, 64)])
        node.attrs["MATLAB_class"] = np.bytes_("single")
    refused(path, "in another file")
    with h5py.File(path, "r+") as file:
        del file["net/layers"]
        layout = h5py.VirtualLayout((4, 4), "f4")
        layout[:] = h5py.VirtualSource("other.h5", "x", (4, 4))
        file.create_virtual_dataset("net/layers", layout).attrs["MATLAB_class"] = np.bytes_("single")
    refused(path, "in another file")


def test_an_object_of_matlab(file73):
    path, file = file73
    del file["net"]
    node = file.create_dataset("net", data=np.zeros((1, 6), np.uint32))
    node.attrs["MATLAB_class"] = np.bytes_("dagnn.DagNN")
    node.attrs["MATLAB_object_decode"] = np.int32(3)
    file.close()
    refused(path, r"an object of the MATLAB class 'dagnn\.DagNN'")
