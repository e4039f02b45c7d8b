"""What the README points to is there, and the accuracies it states are those measured with the bundled weights."""

import re
from pathlib import Path

import pytest

from sketchwidgets import models


@pytest.fixture(scope="module")
def readme(repository):
    return (repository / "README.md").read_text(encoding="utf-8")


def test_links_and_pictures_exist(repository, readme):
    targets = re.findall(r"\]\(([^)#\s]+)", readme)
    files = [target for target in targets if "://" not in target]
    assert "docs/screenshot.png" in files
    assert [name for name in files if not (repository / name).exists()] == []


def test_accuracies_are_those_of_the_model_card(readme):
    weights = Path(models.__file__).parent / "weights" / "sketchwidgets-quickdraw345.safetensors"
    _, metadata = models.load_weights(weights)
    for name, found in metadata["card"]["measured"].items():
        low, high = found["top1_interval"]
        row = (
            f"| {name} | {found['drawings']:,} | {found['top1']:.1%} ({low:.1%} to {high:.1%}) | {found['top5']:.1%} "
            f"| {found['by_share']['50']:.1%} | {found['mean_over_shares']:.3f} |"
        )
        assert row in readme
