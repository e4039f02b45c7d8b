"""Filters against Gabors: what is fitted, what it is compared with, and what is said of it."""

import json

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

import sketchwidgets as sw
from sketchwidgets.studies import FiltersAndGabors, FittedFilters, GaborPlan, filters_and_gabors
from sketchwidgets.studies.gabors._sources import first_filters

PLAN = GaborPlan(seeds=2, threshold=0.7)


@pytest.fixture(scope="module")
def gabors():
    """Three clean Gabors of 7 x 7 as a first layer."""
    y, x = np.mgrid[-3:4, -3:4]
    angles = np.linspace(0, np.pi, 3, endpoint=False)
    waves = [
        np.exp(-(x**2 + y**2) / 8) * np.cos(2 * np.pi * (x * np.cos(a) + y * np.sin(a)) / 5) for a in angles
    ]
    layer = nn.Conv2d(1, 3, 7)
    layer.weight.data = torch.tensor(np.stack(waves), dtype=torch.float32)[:, None]
    return nn.Sequential(layer, nn.ReLU())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gabors")


@pytest.fixture(scope="module")
def result(gabors, folder):
    return filters_and_gabors({"made": gabors, "small": nn.Conv2d(1, 2, 3)}, folder, PLAN, progress=False)


def test_gabors_are_found_and_noise_is_not(result):
    trained, noise = result["made, trained"], result["made, noise"]
    assert min(trained.r2) > 0.99
    assert trained.gabor_like == 3
    assert len(noise.r2) == len(result["made, untrained"].r2) == 6
    assert noise.median().value < 0.7
    assert result.settings["left_out"] == {"small": "filters of 3 x 3: at least 5 x 5 are needed"}
    assert [ordering.holds for ordering in result.orderings()] == ["yes", "yes", "yes"]


def test_a_second_run_says_the_same_and_computes_nothing(result, gabors, folder, monkeypatch):
    monkeypatch.setattr("sketchwidgets.studies.gabors._study.gabor_fit", None)
    networks = {"made": gabors, "small": nn.Conv2d(1, 2, 3)}
    again = filters_and_gabors(networks, folder, PLAN, progress=False)
    assert again.rows == result.rows
    assert FiltersAndGabors.open(folder / "result.json").rows == result.rows
    with pytest.raises(ValueError, match="otherwise than this plan asks"):
        filters_and_gabors(networks, folder, GaborPlan(seeds=3, threshold=0.7), progress=False)


def test_run_anew_it_writes_the_same_json(result, gabors, folder, tmp_path):
    """The fastest study, from the start in another folder: all but the time that it took."""
    filters_and_gabors({"made": gabors, "small": nn.Conv2d(1, 2, 3)}, tmp_path, PLAN, progress=False)
    first, second = (json.loads((place / "result.json").read_text()) for place in (folder, tmp_path))
    assert first["settings"].pop("cpu_seconds").keys() == second["settings"].pop("cpu_seconds").keys()
    assert first == second
    assert len(first["rows"]) == 4


def test_the_median_has_the_interval_of_its_order_statistics():
    r2 = tuple(np.sort(np.random.default_rng(0).uniform(0, 1, 41)).tolist())
    median = FittedFilters("n", "trained", (7, 7), r2, 1, 0.8).median()
    oracle = stats.quantile_test(r2, p=0.5).confidence_interval(0.95)
    assert (median.low, median.high) == pytest.approx((oracle.low, oracle.high), abs=5e-4)


def test_the_table_and_the_figure_show_all_rows(result):
    assert len(result.table().splitlines()) == 2 + 4
    figure = result.figure()
    cumulative, histogram = figure.sections[0].tiles
    assert [name for name, _, _ in cumulative.series] == ["trained", "untrained", "noise", "smooth noise"]
    for _, _, shares in histogram.series:
        assert shares.sum() == pytest.approx(100)
    assert result.to_dict()["mann_whitney"][0]["probability"] == 1.0


def test_filters_come_from_files_too(tmp_path):
    weights = np.random.default_rng(0).normal(size=(3, 2, 5, 5)).astype(np.float32)
    np.savez(tmp_path / "net.npz", bias=np.zeros(3), conv1=weights)
    filters, fresh = first_filters(tmp_path / "net.npz")
    np.testing.assert_array_equal(filters, weights)
    assert fresh().shape == (3, 2, 5, 5)
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(3), "conv1": torch.from_numpy(weights)}, tmp_path / "net.safetensors")
    np.testing.assert_array_equal(first_filters(tmp_path / "net.safetensors")[0], weights)
    np.savez(tmp_path / "none.npz", bias=np.zeros(3))
    with pytest.raises(ValueError, match=r"none\.npz holds no filters"):
        first_filters(tmp_path / "none.npz")
    (tmp_path / "bad.safetensors").write_bytes(b"\xff" * 99)
    with pytest.raises(ValueError, match=r"bad\.safetensors"):
        first_filters(tmp_path / "bad.safetensors")


@pytest.mark.parametrize(
    ("changes", "match"), [({"seeds": 0}, "seeds must be"), ({"threshold": 1.0}, "threshold must be")]
)
def test_a_plan_out_of_range_is_refused(changes, match):
    with pytest.raises(ValueError, match=match):
        GaborPlan(**changes)


def test_no_network_left_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="networks: none is left"):
        filters_and_gabors({"small": nn.Conv2d(1, 2, 3)}, tmp_path, PLAN, progress=False)


def test_what_was_measured_is_there():
    result = FiltersAndGabors.measured()
    assert {"SketchResNet", "Sketch-a-Net"} <= set(result.networks)
    assert result.settings["scale"] == "small"
    for network in result.networks:
        assert len(result[f"{network}, untrained"].r2) == 10 * len(result[f"{network}, trained"].r2)
    assert isinstance(result.figure(), sw.Figure)
