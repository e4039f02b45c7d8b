"""The examples in the docstrings and in the README run, and print what they say."""

import doctest
import importlib
import pkgutil
import re

import pytest

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
    import torch

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


def test_the_example_of_the_readme(repository, capsys):
    (source,) = re.findall(r"```python\n(.*?)```", (repository / "README.md").read_text(), re.DOTALL)
    names: dict = {}
    exec(compile(source, "README.md", "exec"), names)
    assert names["maps"]["relu5"].images.shape == (1, 9, 1, 225, 225)
    assert capsys.readouterr().out.count("[(") == 2  # a line of guesses for each stroke of the house
