"""The table of an ensemble: counted by hand, drawn, written and read."""

import json
from xml.etree import ElementTree

import pytest

from sketchwidgets.training.ensemble import EnsembleResult, EnsembleRow


@pytest.fixture
def result():
    rows = (
        EnsembleRow("scale 256", "network", (80, 70), (100, 100), 0, 0),
        EnsembleRow("scale 64", "network", (60, 62), (100, 100), 5, 33),
        EnsembleRow("<score> fusion", "fusion", (90, 81), (100, 100), 25, 4),
    )
    return EnsembleResult(rows, (0, 2), {"classes": 40, "images": 300})


def test_table(result):
    # Wilson's interval of 150 in 200 by hand: centre (0.75 + 1.92 / 200) / (1 + 3.84 / 200), half width 0.0596.
    assert result.table().splitlines() == [
        "| recogniser | top-1 | 95 % | fold 0 | fold 2 | against scale 256 |",
        "| --- | --- | --- | --- | --- | --- |",
        "| scale 256 | 75.0 % | 68.6 - 80.5 | 80.0 % | 70.0 % |  |",
        "| scale 64 | 61.0 % | 54.1 - 67.5 | 60.0 % | 62.0 % | +5 -33 |",
        "| <score> fusion | 85.5 % | 80.0 - 89.7 | 90.0 % | 81.0 % | +25 -4 |",
    ]
    assert result["scale 64"].accuracy == 0.61
    with pytest.raises(KeyError, match="no row 'JB'"):
        result["JB"]


def test_it_draws_itself(result):
    html = result._repr_html_()
    assert "&lt;score&gt; fusion" in html
    assert "<score>" not in html
    assert "85.5 %" in html
    assert "200 test images of folds 0, 2 of three" in html
    svg = ElementTree.fromstring(result.figure().to_svg())
    texts = ["".join(node.itertext()) for node in svg.iter() if node.tag.endswith("text")]
    assert {"256", "64", "<score>", "recognised, %"} <= set(texts)
    assert repr(result) == "EnsembleResult(3 rows, best <score> fusion 85.5 %)"


def test_written_and_read(result, tmp_path):
    result.save(tmp_path / "result.json")
    assert EnsembleResult.load(tmp_path / "result.json") == result
    found = json.loads((tmp_path / "result.json").read_text())
    assert found["rows"][2]["accuracy"] == 0.855
    assert found["rows"][0]["interval"] == pytest.approx([0.68569, 0.80485], abs=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        {"rows": []},
        {"folds": [0]},
        {"rows": [{"name": "x"}]},
        {
            "rows": [
                {"name": "x", "kind": "network", "right": [9, 1], "total": [5, 5], "gained": 0, "lost": 0}
            ]
        },
    ],
)
def test_a_file_that_does_not_fit_is_refused(result, tmp_path, change):
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result.to_dict() | change))
    with pytest.raises(ValueError, match=r"result\.json: not the result of an ensemble"):
        EnsembleResult.load(path)


def test_the_result_of_the_readme_is_whole(repository):
    path = repository / "docs" / "results" / "ensemble-tuberlin40.json"
    result = EnsembleResult.load(path)
    assert (
        json.loads(path.read_text()) == result.to_dict()
    )  # accuracies and intervals are those of the counts
    assert {sum(row.total) for row in result.rows} == {800 * len(result.folds)}
    assert {"scale 256", "score fusion", "feature fusion", "Joint Bayesian"} <= {
        row.name for row in result.rows
    }
