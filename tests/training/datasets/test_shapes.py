"""Drawings by rule: deterministic, of ten kinds, different from each other, drawable."""

import numpy as np
import pytest

import sketchwidgets as sw


def test_the_drawings_follow_from_the_seed_and_differ():
    sketches, labels, classes = sw.training.draw_shapes(3, seed=5)
    again, _, _ = sw.training.draw_shapes(4, seed=5)
    other, _, _ = sw.training.draw_shapes(3, seed=6)
    assert len(classes) == 10
    assert np.bincount(labels).tolist() == [3] * 10
    assert sketches == again[:30]  # more of them do not change the first
    assert all(a != b for a, b in zip(sketches, other, strict=True))
    images = sw.rasterize(sketches, size=64, extent=56, width=2)
    assert ((images > 0.5).flatten(1).sum(1) > 60).all()
    assert len({tuple(image.flatten().tolist()) for image in images}) == 30
    assert {len(s) for s in sketches[6::10]} == {1}  # a spiral is one stroke
    assert min(len(s) for s in sketches[4::10]) >= 3
    with pytest.raises(ValueError, match="per_class"):
        sw.training.draw_shapes(0)


def test_a_class_is_recognised_by_its_nearest_neighbour():
    sketches, labels, _ = sw.training.draw_shapes(24)
    images = sw.rasterize(sketches, size=24, extent=21, width=2).flatten(1)
    images = images / images.norm(dim=1, keepdim=True)
    known, asked = images[:160], images[160:]
    named = labels[:160][(asked @ known.T).argmax(1).numpy()]
    assert (named == labels[160:]).mean() > 0.6
