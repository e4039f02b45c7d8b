"""The examples in the docstrings and in the README run, and print what they say."""

import doctest
import importlib
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
    """The two Python examples of the README, compiled."""
    sources = re.findall(r"```python\n(.*?)```", (repository / "README.md").read_text(), re.DOTALL)
    assert len(sources) == 2
    return [compile(source, "README.md", "exec") for source in sources]


def test_the_first_example_of_the_readme(readme_examples, capsys):
    names: dict = {}
    exec(readme_examples[0], names)
    assert names["maps"]["relu5"].images.shape == (1, 9, 1, 225, 225)
    assert capsys.readouterr().out.count("[(") == 2  # a line of guesses for each stroke of the house


def test_the_widgets_of_the_readme(readme_examples, monkeypatch):
    photo = pytest.importorskip("skimage.data").coffee()
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
    my_module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    )
    exec(readme_examples[1], {"sw": sketchwidgets, "photo": photo, "my_module": my_module.eval()})
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
