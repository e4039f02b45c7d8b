"""Files that are damaged, or made to do harm: a clear error, nothing executed, nothing large allocated."""

import math
import pickle
import struct
import tracemalloc
import zlib

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mat_files import FunctionHandle, StructArray, save

import sketchwidgets as sw
from sketchwidgets.models.importers import NetworkFileError

HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
NOTHING = np.zeros((0, 0))


@pytest.fixture(autouse=True)
def no_large_allocation():
    """No test here may hold more than 40 MB at a time: Python's and numpy's memory is counted."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000_000


def refused(path, match):
    with pytest.raises(NetworkFileError, match=match) as caught:
        sw.models.from_matconvnet(path)
    assert path.name in str(caught.value)


def conv(weights=None, **fields):
    default = [np.ones((3, 3, 1, 2), np.float32), np.zeros((1, 2), np.float32)]
    return {"type": "conv", "weights": default if weights is None else weights, **fields}


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


# --- networks that make no sense


@pytest.mark.parametrize(
    ("layers", "match"),
    [
        ([], "no layers"),
        ([{"type": "relu"}, {"type": "softmax"}], "no convolution"),
        ([{"type": "softmaxloss"}], "no layer that computes"),
        ([{"pad": 1.0}], "layer 1: 'type' should be a text, is missing"),
        (
            [conv(), {"type": "spiral", "name": "s"}],
            r"layer 2 \('s', 'spiral'\): layers of the type 'spiral'",
        ),
        ([conv(), {"type": "custom", "forward": "evil()"}, conv()], "a custom layer is MATLAB code"),
        ([{"type": "conv"}], "filters should be numbers, are missing"),
        ([conv(weights="abc")], "'weights' should be a cell array, is the text 'abc'"),
        ([conv(weights=["abc", NOTHING])], "filters should be numbers, are the text 'abc'"),
        ([conv(weights=[np.full((3, 3), np.nan), NOTHING])], "not finite"),
        ([conv(pad="abc")], "'pad' should be numbers, is the text 'abc'"),
        ([conv(pad=np.array([[1, 2, 3]]))], "1 or 4 whole numbers"),
        ([conv(pad=-1.0)], "whole numbers from 0 up"),
        ([conv(stride=0.0)], "whole numbers from 1 up"),
        ([conv(stride=1.5)], "whole numbers from 1 up"),
        ([conv(pad=1e300)], "whole numbers"),
        ([conv(dilate=float("inf"))], "finite"),
        ([conv(weights=[np.ones((1, 1, 1, 2)), np.ones((1, 3))])], "3 biases for 2 filters"),
        (
            [conv(), conv(weights=[np.ones((1, 1, 3, 2)), NOTHING])],
            "2 filters of 3 channels do not fit maps of 2",
        ),
        ([conv(), {"type": "pool", "pool": 2.0, "method": "median"}], "'max' or 'avg'"),
        ([conv(), {"type": "pool", "pool": 2.0, "pad": 2.0}], "not smaller than the pool"),
        ([conv(), {"type": "bnorm", "weights": [np.ones((2, 1)), np.ones((2, 1))]}], "no moments"),
        (
            [conv(), {"type": "bnorm", "weights": [np.ones((2, 1)), np.ones((2, 1)), np.zeros((2, 2))]}],
            "not above 0",
        ),
        ([conv(), {"type": "lrn", "param": np.array([[5.0, 1]])}], r"\[N kappa alpha beta\]"),
        ([conv(), {"type": "dropout", "rate": 2.0}], "'rate' should be in 0..1"),
        ([conv(), {"type": "loss"}, {"type": "relu"}], "a loss between layers"),
        ([1.0], "layer 1 should be a struct"),
    ],
)
def test_layers_that_make_no_sense(layers, match, tmp_path):
    refused(save(tmp_path / "net.mat", "5", net={"layers": layers, "meta": {}}), match)


def test_a_custom_layer_with_a_function_is_refused_by_name(tmp_path):
    layers = [conv(), {"type": "custom", "name": "mine", "forward": FunctionHandle()}, {"type": "relu"}]
    refused(
        save(tmp_path / "net.mat", "7.3", net={"layers": layers}),
        r"\('mine', 'custom'\): a custom layer is MATLAB",
    )


def test_layers_that_do_not_fit_the_size(tmp_path):
    big = [np.ones((9, 9, 1, 2), np.float32), NOTHING]
    meta = {"normalization": {"imageSize": np.array([[6.0, 6, 1]])}}
    path = save(tmp_path / "net.mat", "5", net={"layers": [conv(big)], "meta": meta})
    refused(path, "6 x 6 pixels are too small for layer 'conv1'")


def dag(*layers, params=("f",)):
    structs = StructArray(
        {
            "name": name,
            "type": f"dagnn.{kind}",
            "inputs": list(inputs),
            "outputs": list(outputs),
            "params": ["f"] if kind == "Conv" else [],
            "block": {"hasBias": False} if kind == "Conv" else {"dim": 3.0},
        }
        for name, kind, inputs, outputs in layers
    )
    values = StructArray({"name": name, "value": np.ones((1, 1, 1, 1), np.float32)} for name in params)
    return {"layers": structs, "params": values}


@pytest.mark.parametrize(
    ("net", "match"),
    [
        (
            dag(("a", "Conv", ["x", "z"], ["y"]), ("b", "Conv", ["y"], ["z"])),
            "'a', 'b' wait for each other in a circle",
        ),
        (dag(("a", "Sum", ["x", "w"], ["y"])), "variables that no layer makes: 'x', 'w'"),
        (dag(("a", "Conv", ["x"], ["y"]), ("b", "ReLU", ["x"], ["y"])), "two layers make the variable 'y'"),
        (dag(("a", "Conv", ["x"], ["y"]), params=["g"]), "the parameter 'f' is not in the file"),
        (
            dag(("a", "Spiral", ["x"], ["y"])),
            r"layer 'a' \(dagnn\.Spiral\): blocks of this type are not known",
        ),
        (dag(("a", "Conv", [], ["y"])), "needs inputs and outputs"),
        (dag(("a", "Conv", ["x"], ["y", "z"])), "has one output, not 2"),
        (dag(("a", "Loss", ["x", "label"], ["y"])), "no layer that computes"),
    ],
)
def test_graphs_that_make_no_sense(net, match, tmp_path):
    refused(save(tmp_path / "dag.mat", "5", net=net), match)


def test_layers_that_share_their_numbers_without_end(tmp_path):
    net = dag(*((f"c{i}", "Conv", [f"x{i}"], [f"x{i + 1}"]) for i in range(40)))
    path = save(tmp_path / "dag.mat", "5", net=net)
    assert len(sw.models.from_matconvnet(path).graph) == 40
    net["params"][0]["value"] = np.ones((300, 300, 1, 1), np.float32)
    refused(save(path, "5", net=net), "layers share parameters, and would use 3,600,000 numbers of 90,000")


def test_too_many_layers(tmp_path, monkeypatch):
    monkeypatch.setattr("sketchwidgets.models.importers.matconvnet._reader._MOST_LAYERS", 20)
    refused(save(tmp_path / "net.mat", "5", net={"layers": [{"a": 1.0}] * 21}), "21 layers; at most 20")


def test_a_circle_that_nothing_enters(tmp_path):
    net = dag(("in", "Conv", ["x"], ["a"]), ("p", "ReLU", ["q"], ["r"]), ("s", "ReLU", ["r"], ["q"]))
    refused(save(tmp_path / "dag.mat", "7.3", net=net), "'p', 's' wait for each other in a circle")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"input_size": 0}, "input_size must be"),
        ({"input_size": (3, 4, 5)}, "input_size must be"),
        ({"input_size": 1.5}, "input_size must be"),
        ({"ink": "blue"}, "ink must be one of"),
        ({"output": "nowhere"}, "output must be a value that a layer makes"),
    ],
)
def test_arguments_are_named(arguments, match, tmp_path):
    path = save(tmp_path / "net.mat", "5", net={"layers": [conv()]})
    with pytest.raises(ValueError, match=match):
        sw.models.from_matconvnet(path, **arguments)


def test_the_budget_is_enough_for_weights_of_zeros(tmp_path):
    """Pruned networks shrink far, and are still read."""
    filters = np.zeros((15, 15, 64, 64), np.float32)
    filters[0, 0] = 1
    path = save(tmp_path / "net.mat", "5 packed", net={"layers": [conv([filters, NOTHING])]})
    assert math.prod(filters.shape) * 4 > 90 * path.stat().st_size
    assert sw.models.from_matconvnet(path).conv1.weight.sum() == 64 * 64
