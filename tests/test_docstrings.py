"""The examples in the docstrings and in the README run, and print what they say."""

import doctest
import importlib
import json
import pkgutil
import re

import pytest
import torch

import sketchwidgets


def _examples() -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = [info.name for info in pkgutil.walk_packages(sketchwidgets.__path__, "sketchwidgets.")]
    return [
        test
        for name in ["sketchwidgets", *modules]
        if not name.endswith("__main__")
        for test in finder.find(importlib.import_module(name), name)
        if test.examples
    ]


@pytest.fixture
def namespace(tmp_path, monkeypatch):
    """What a reader of an example has imported; files are written to a temporary folder."""
    import numpy as np

    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    return {"sw": sketchwidgets, "np": np, "torch": torch}


@pytest.mark.parametrize("example", _examples(), ids=lambda test: test.name)
def test_example(example, namespace):
    example.globs.update(namespace)
    lines: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE, verbose=False)
    runner.run(example, out=lines.append)
    assert not lines, "".join(lines)


@pytest.fixture
def readme_examples(repository):
    """The three Python examples of the README, compiled."""
    sources = re.findall(r"```python\n(.*?)```", (repository / "README.md").read_text(), re.DOTALL)
    assert len(sources) == 3
    return [compile(source, "README.md", "exec") for source in sources]


def test_the_first_example_of_the_readme(readme_examples, capsys):
    names: dict = {}
    exec(readme_examples[0], names)
    side = names["recognizer"].preprocessing.size
    assert {maps.images.shape for maps in names["maps"].values()} == {(1, 9, 1, side, side)}
    assert capsys.readouterr().out.count("[(") == 2  # a line of guesses for each stroke of the house


def test_the_widgets_of_the_readme(readme_examples, monkeypatch):
    pytest.importorskip("efficientnet_lite_pytorch")
    made = []
    for name in ("StrokeExplorer", "Compare", "ProjectionPanels"):
        widget = getattr(sketchwidgets, name)

        def make(*args, widget=widget, **kwargs):
            made.append(widget(*args, **kwargs))
            return made[-1]

        monkeypatch.setattr(sketchwidgets, name, make)
    torchvision = sketchwidgets.Network.torchvision
    # No download in tests: random weights.
    monkeypatch.setattr(sketchwidgets.Network, "torchvision", lambda name: torchvision(name, weights=None))
    exec(readme_examples[1], {"sw": sketchwidgets})
    try:
        assert [type(widget).__name__ for widget in made] == ["StrokeExplorer", "Compare"] + 2 * [
            "ProjectionPanels"
        ]
        for widget in made[2:]:
            assert widget.settle(120)
            assert widget.result is not None
    finally:
        for widget in made:
            widget.close()


def test_import_and_training_of_the_readme(readme_examples, tmp_path, monkeypatch):
    photo = pytest.importorskip("skimage.data").coffee()
    monkeypatch.chdir(tmp_path)
    layers = [torch.nn.Conv2d(3, 8, 5, stride=4), torch.nn.ReLU(), torch.nn.Conv2d(8, 2, 15)]
    sketchwidgets.models.to_matconvnet(torch.nn.Sequential(*layers), "network.mat", input_size=(64, 64))
    folder = tmp_path / "quickdraw"
    folder.mkdir()
    for name in ("cat", "house", "sailboat"):  # what is there is not fetched
        drawings = [
            {"word": name, "key_id": str(n), "drawing": [[[0, n, 9], [0, 7, n]]]} for n in range(1, 4)
        ]
        (folder / f"{name}.ndjson").write_text("\n".join(map(json.dumps, drawings)))
    recipe, panels = sketchwidgets.training.sketch_a_net_recipe, []
    short = {"epochs": 2, "batch_size": 4}  # instead of 20, of 135
    monkeypatch.setattr(
        sketchwidgets.training, "sketch_a_net_recipe", lambda **changes: recipe(**changes | short)
    )
    widget = sketchwidgets.ProjectionPanels
    monkeypatch.setattr(
        sketchwidgets, "ProjectionPanels", lambda *args: panels.append(widget(*args)) or panels[-1]
    )
    names = {"sw": sketchwidgets, "photo": photo}
    exec(readme_examples[2], names)
    try:
        assert panels[0].settle(120)
        assert panels[0].result is not None
    finally:
        panels[0].close()
    tensors, _ = sketchwidgets.models.load_weights(tmp_path / "runs" / "three" / "network.safetensors")
    trained = names["network"].state_dict()
    assert tensors.keys() == trained.keys()
    for name, tensor in trained.items():
        torch.testing.assert_close(tensors[name].float(), tensor, rtol=2e-3, atol=1e-5)
