"""Weights files: what is written is read, and what is wrong in a file is named."""

import json
import pickle
import struct

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from sketchwidgets.models import (
    RecurrentClassifier,
    WeightsError,
    assign_weights,
    load_weights,
    save_weights,
)

INT8 = torch.ones(2, 2, dtype=torch.int8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


def write(path, tensors=None, header=None, text=None):
    """A safetensors file of the given header, by the library itself."""
    if text is None:
        text = json.dumps({"format": 1, "int8": [], "metadata": {}, **(header or {})})
    save_file(tensors or {"w": torch.ones(2)}, path, {"sketchwidgets": text})


def test_float32_is_exact(path):
    torch.manual_seed(0)
    tensors = {"a": torch.randn(3, 4), "b": torch.randn(5).double().float(), "n": torch.tensor(7)}
    metadata = {"classes": ["cat", "größe"], "accuracy": 0.5, "nested": {"x": [1, None, True]}}
    save_weights(path, tensors, metadata, dtype="float32")
    loaded, read = load_weights(path)
    assert read == metadata
    assert loaded.keys() == tensors.keys()
    assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)
    assert loaded["n"].dtype == torch.int64


def test_float16_is_rounded_once(path):
    tensor = torch.randn(64, 8)
    save_weights(path, {"a": tensor})
    loaded = load_weights(path)[0]["a"]
    assert loaded.dtype == torch.float32
    assert torch.equal(loaded, tensor.half().float())


@settings(max_examples=30, deadline=None)
@given(
    shape=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    seed=st.integers(0, 2**31),
    exponent=st.floats(-6, 6),
)
def test_int8_is_within_half_a_step_of_each_channel(tmp_path_factory, shape, seed, exponent):
    path = tmp_path_factory.mktemp("int8") / "net.safetensors"
    tensor = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 10**exponent
    tensor[0] = 0
    save_weights(path, {"w": tensor}, int8_above=0)
    loaded, _ = load_weights(path)
    assert loaded.keys() == {"w"}
    error = (loaded["w"] - tensor).abs().flatten(1).amax(1)
    step = tensor.abs().flatten(1).amax(1) / 127
    assert (error <= 0.5001 * step).all()


def test_only_big_tensors_of_two_dimensions_become_int8(path):
    tensors = {"big": torch.randn(64, 64), "small": torch.randn(4, 4), "bias": torch.randn(10_000)}
    save_weights(path, tensors, dtype="float32", int8_above=1000)
    loaded, _ = load_weights(path)
    assert torch.equal(loaded["small"], tensors["small"])
    assert torch.equal(loaded["bias"], tensors["bias"])
    assert not torch.equal(loaded["big"], tensors["big"])
    assert path.stat().st_size < 64 * 64 + 64 * 4 + 16 * 4 + 10_000 * 4 + 2000


def test_tensors_that_share_memory_are_saved(path):
    tensor = torch.randn(4, 4)
    save_weights(path, {"a": tensor, "b": tensor, "c": tensor.T}, dtype="float32")
    loaded, _ = load_weights(path)
    assert torch.equal(loaded["b"], tensor)
    assert torch.equal(loaded["c"], tensor.T)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"tensors": {"w": torch.tensor([1.0, torch.nan])}}, "'w' has values that are not finite"),
    ({"tensors": {"w": torch.tensor([1e6])}}, "'w' has values beyond float16"),
    ({"tensors": {"w::scale": torch.ones(1)}}, "kept for int8 tensors"),
    ({"tensors": {}, "dtype": "int4"}, "dtype must be one of float32, float16"),
    ({"tensors": {}, "int8_above": -1}, "int8_above must be"),
    ({"tensors": {}, "metadata": {"x": float("nan")}}, "not JSON compliant"),
    ({"tensors": {}, "metadata": {"x": "y" * 5_000_000}}, "at most 4000000 are allowed"),
])  # fmt: skip
def test_what_cannot_be_saved(path, arguments, message):
    with pytest.raises(ValueError, match=message):
        save_weights(path, **arguments)
    assert not path.exists()


def test_a_failed_save_keeps_the_old_file(path, monkeypatch):
    save_weights(path, {"w": torch.ones(2)}, {"version": "old"})

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        save_weights(path, {"w": torch.zeros(2)})
    assert load_weights(path)[1] == {"version": "old"}
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_missing_file(path):
    with pytest.raises(FileNotFoundError, match=r"no weights file at .*net\.safetensors"):
        load_weights(path)
    with pytest.raises(FileNotFoundError, match=f"^{path.parent} is a folder, not a file$"):
        load_weights(path.parent)


def test_truncated_anywhere(path):
    save_weights(path, {"w": torch.randn(8, 8), "b": torch.randn(8)}, {"x": 1}, int8_above=10)
    data = path.read_bytes()
    for length in [*range(0, len(data), 7), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(WeightsError, match=r"net\.safetensors: not a safetensors file, or cut short"):
            load_weights(path)


@pytest.mark.parametrize("data", [
    pickle.dumps({"w": [1.0]}),
    b"PK\x03\x04" + bytes(100),
    struct.pack("<Q", 2**63) + b"{}",
    struct.pack("<Q", 40) + b'{"w":{"dtype":"F32","shape":[2],"data_of',
])  # fmt: skip
def test_other_files(path, data):
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="not a safetensors file, or cut short"):
        load_weights(path)


@settings(max_examples=60, deadline=None)
@given(position=st.integers(0, 400), value=st.integers(0, 255))
def test_a_flipped_byte_never_gives_another_error(tmp_path_factory, position, value):
    path = tmp_path_factory.mktemp("flip") / "net.safetensors"
    save_weights(path, {"w": torch.ones(8, 8), "b": torch.ones(8)}, {"x": 1}, int8_above=10)
    data = bytearray(path.read_bytes())
    data[position % len(data)] = value
    path.write_bytes(data)
    try:
        tensors, _ = load_weights(path)
    except WeightsError:
        return
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())


@pytest.mark.parametrize(("text", "message"), [
    ("{", "the metadata is not JSON"),
    ("[" * 100_000, "the metadata is not JSON"),
    ("[]", "format 'list'; this version of sketchwidgets reads format 1"),
    ('{"format": 2}', "format 2; this version"),
    ('{"format": 1, "int8": "w", "metadata": {}}', '"int8" in the metadata is not a list of names'),
    ('{"format": 1, "int8": [], "metadata": 3}', '"metadata" is not an object'),
    ('{"format": 1, "int8": ["v"], "metadata": {}}', "int8 tensor 'v' is announced but not there"),
    ('"' + "x" * 5_000_000 + '"', "at most 4000000 are allowed"),
])  # fmt: skip
def test_bad_metadata(path, text, message):
    write(path, text=text)
    with pytest.raises(WeightsError, match=message):
        load_weights(path)


def test_safetensors_of_another_program(path):
    save_file({"w": torch.ones(2)}, path)
    with pytest.raises(WeightsError, match="not one of sketchwidgets"):
        load_weights(path)


@pytest.mark.parametrize(("tensors", "message"), [
    ({"w": torch.ones(2, 2)}, "'w' should be int8 of two or more dimensions, is torch.float32 2x2"),
    ({"w": INT8}, "the scales of 'w' are missing"),
    ({"w": INT8, "w::scale": torch.ones(3)}, "not one float for each of its 2 channels"),
    ({"w": INT8, "w::scale": torch.tensor([1, torch.inf])}, "'w' has values that are not finite"),
])  # fmt: skip
def test_bad_int8(path, tensors, message):
    write(path, tensors, {"int8": ["w"]})
    with pytest.raises(WeightsError, match=message):
        load_weights(path)


def test_values_that_are_not_finite(path):
    write(path, {"w": torch.tensor([1, torch.inf])})
    with pytest.raises(WeightsError, match="'w' has values that are not finite"):
        load_weights(path)


def test_assign_gives_the_tensors():
    network, other = RecurrentClassifier(4, 3, 2), RecurrentClassifier(4, 3, 2)
    assign_weights(network, other.state_dict())
    x = torch.randn(1, 2, 4)
    assert torch.equal(network(x), other(x))


def test_assign_names_everything_that_does_not_fit():
    network = RecurrentClassifier(4, 3, 2)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    tensors = {name: tensor + 1 for name, tensor in before.items()}
    del tensors["output.weight"]
    tensors["fc9.weight"] = torch.ones(7, 5)
    tensors["cell.gate_weight"] = torch.ones(2, 2)
    tensors["output.bias"] = torch.ones(2, dtype=torch.int8)
    with pytest.raises(WeightsError) as caught:
        assign_weights(network, tensors, "net.safetensors")
    assert str(caught.value) == (
        "net.safetensors does not fit RecurrentClassifier: "
        "missing output.weight 2x3; not expected fc9.weight 7x5; "
        "cell.gate_weight is 2x2 and should be 6x3; output.bias is torch.int8 and should be torch.float32"
    )
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_loaded_tensors_do_not_depend_on_the_file(path):
    save_weights(path, {"w": torch.ones(4096), "n": torch.ones(4096, dtype=torch.int64)}, dtype="float32")
    tensors, _ = load_weights(path)
    path.write_bytes(bytes(path.stat().st_size))
    assert all((tensor == 1).all() for tensor in tensors.values())
