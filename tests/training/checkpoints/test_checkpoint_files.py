"""States of a training: what is written is read, nothing else is, and half a file never stands for a whole one."""

import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from sketchwidgets.training import CheckpointError
from sketchwidgets.training.checkpoints import TensorFiles, read_checkpoint, write_checkpoint

KEY = "sketchwidgets-checkpoint"
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
trees = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(tree=st.dictionaries(st.text(max_size=4), trees, max_size=4))
def test_plain_values_come_back(tree, tmp_path_factory):
    path = tmp_path_factory.mktemp("tree") / "state.safetensors"
    write_checkpoint(path, tree)
    found = read_checkpoint(path)
    assert found == tree
    assert repr(found) == repr(tree)  # tuples stay tuples, 1 stays 1 and 1.0 stays 1.0


def test_the_state_of_an_optimiser_comes_back(tmp_path):
    net = torch.nn.Linear(3, 2)
    made = torch.optim.AdamW(net.parameters(), 0.1)
    net(torch.ones(1, 3)).sum().backward()
    made.step()
    files = TensorFiles()
    path = tmp_path / "a" / "state.safetensors"
    files.save_checkpoint({"optimizer": made.state_dict(), "shared": [net.weight, net.weight]}, path)
    found = files.load_checkpoint(path)
    other = torch.optim.AdamW(net.parameters(), 0.5)
    other.load_state_dict(found["optimizer"])
    for mine, theirs in zip(made.state.values(), other.state.values(), strict=True):
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert torch.equal(found["shared"][1], net.weight)
    assert read_checkpoint(path, tensors=False)["shared"] == [None, None]
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    files.remove_checkpoint(path)
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        read_checkpoint(path)


def test_the_order_in_memory_comes_back(tmp_path):
    image = torch.rand(2, 3, 4, 5)
    last = image.contiguous(memory_format=torch.channels_last)
    write_checkpoint(tmp_path / "state", {"image": image, "last": last, "turned": image.transpose(1, 3)})
    found = read_checkpoint(tmp_path / "state")
    assert found["image"].stride() == image.stride()
    assert found["last"].stride() == last.stride()
    assert torch.equal(found["last"], image)
    assert torch.equal(found["turned"], image.transpose(1, 3))


def test_what_cannot_be_stored_is_named_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "state.safetensors"
    write_checkpoint(path, {"step": 1})
    with pytest.raises(TypeError, match=r"checkpoint\['a'\]\[1\] is a set"):
        write_checkpoint(path, {"a": [1, {2}]})
    with pytest.raises(TypeError, match="key"):
        write_checkpoint(path, {"a": {1.5: 2}})
    assert read_checkpoint(path) == {"step": 1}


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("it was unpickled",))


def test_foreign_and_damaged_files_are_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    write_checkpoint(path, {"w": torch.arange(100.0)})
    whole = path.read_bytes()

    def refuses(message):
        with pytest.raises(CheckpointError, match=message):
            read_checkpoint(path)

    for end in (0, 7, 40, len(whole) - 1):
        path.write_bytes(whole[:end])
        refuses("not a checkpoint, or cut short")
    path.write_bytes(pickle.dumps(Trap()))
    refuses("not a checkpoint")
    torch.save({"w": torch.ones(2)}, path)
    refuses("not a checkpoint")
    path.write_bytes((2**60).to_bytes(8, "little") + b"{}")
    refuses("not a checkpoint")
    save_file({"w": torch.ones(2)}, path)
    refuses("not a checkpoint of sketchwidgets")
    for header, message in (
        ("[", "not JSON"),
        ('{"format": 2}', "another format"),
        ('{"format": 1, "tree": {"tensor": "9"}}', "announced but not there"),
        ('{"format": 1, "tree": {"channels_last": "0"}}', "1 dimensions"),
        ('{"format": 1, "tree": 3}', "not a checkpoint but a int"),
        ('{"format": 1, "tree": {"set": []}}', "damaged"),
        ('{"format": 1, "tree": {"dict": [["a"]]}}', "damaged"),
        ('{"format": 1, "tree": ' + '{"list": [' * 90 + "]}" * 90 + "}", "nested"),
        ('{"format": 1, "tree": ' + "[" * 100_000 + "]" * 100_000 + "}", "not JSON"),
    ):
        save_file({"0": torch.ones(2)}, path, {KEY: header})
        refuses(message)
