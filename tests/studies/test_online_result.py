"""The table of online recognisers: how it shows itself, and how its rows are compared."""

import json
from dataclasses import replace

import numpy as np
import pytest

import sketchwidgets as sw
from sketchwidgets.studies import NamedRight, OnlineRecognition, OnlineRow, Pairs


def some_rows():
    def row(cnn, cell, size, weighting, last):
        right = (*range(10, 100, 10), last)
        return OnlineRow(cnn, cell, size, weighting, right, 97, 100, last / 100, (8_000, 1_000), (8.0, 0.5))

    return (
        row("AlexNet", None, None, None, 80),
        row("AlexNet", "gru", 512, "linear", 91),
        row("AlexNet", "gru", 512, "last", 85),
        row("AlexNet", "gru", 1024, "linear", 92),
    )


def test_the_result_shows_curves_beside_the_published_table():
    result = OnlineRecognition(some_rows(), {"classes": 345})
    figure = result.figure()
    charts = [tile for section in figure.sections for tile in section.tiles]
    assert [[name for name, _, _ in chart.series] for chart in charts] == [
        ["AlexNet alone", "AlexNet + GRU 512, linear"],
        ["linear", "last"],
        ["512", "1024"],
        ["published"],
    ]
    np.testing.assert_array_equal(charts[0].series[1][2], [10, 20, 30, 40, 50, 60, 70, 80, 90, 91])
    assert "TU-Berlin" in figure.sections[-2].caption
    assert "100 held-out drawings of 345 classes" in figure.to_html()
    assert figure.to_png()[1:4] == b"PNG"
    html = result._repr_html_()
    assert "AlexNet + GRU 1024, linear" in html and "<table>" in html  # noqa: PT018
    assert repr(result) == "OnlineRecognition(4 rows, best AlexNet + GRU 1024, linear 92.0 %)"
    with pytest.raises(KeyError, match="there are AlexNet alone"):
        result["VGG"]


def test_a_row_says_of_which_device_its_milliseconds_are():
    row = some_rows()[1]
    assert "device" not in row.to_dict()
    assert OnlineRow.from_dict(row.to_dict()) == row
    for device, shown in (("cpu", "| 8.0 + 0.5 |"), ("cuda", "| 8.0 + 0.5 (cuda) |")):
        timed = replace(row, device=device)
        assert OnlineRow.from_dict(timed.to_dict()) == timed
        assert shown in OnlineRecognition((timed,)).table()


def test_the_orderings_of_the_paper_compare_rows_of_one_size_and_weighting():
    alone, linear, last, wide = some_rows()
    lstm = replace(last, cell="lstm", right=(*range(10, 100, 10), 60))
    found = {o.sentence: o for o in OnlineRecognition((alone, linear, last, wide, lstm)).orderings()}
    assert len(found) == 3  # those of AlexNet
    cells = found["On AlexNet's features a GRU recognises more than an LSTM."]
    assert (cells.higher.name, cells.lower.name) == ("AlexNet + GRU 512, last", "AlexNet + LSTM 512, last")
    assert (cells.holds, cells.published) == ("yes", (85.1, 82.5))
    recurrent = found["AlexNet with a GRU recognises more than AlexNet alone."]
    assert (recurrent.higher.name, recurrent.holds) == ("AlexNet + GRU 512, linear", "undecided")
    assert found["AlexNet with an LSTM recognises less than AlexNet alone."].holds == "yes"


def test_rows_that_name_their_drawings_are_compared_drawing_by_drawing(tmp_path):
    """91 and 85 of a hundred: two intervals overlap, but all that the one lacks the other has."""
    alone, linear, last, wide = some_rows()

    def named(row, wrong):
        right = np.arange(100) >= wrong
        return replace(row, right=(*row.right[:-1], int(right.sum())), named=NamedRight.of(right))

    sentence = "AlexNet with a GRU recognises more than AlexNet alone."
    result = OnlineRecognition((named(alone, 15), named(linear, 9), last, wide))
    (found,) = [o for o in result.orderings() if o.sentence == sentence]
    assert found.pairs == Pairs(both=85, first=6, second=0, neither=9)
    assert found.holds == "yes"  # p is 1/32
    result.save(tmp_path / "result.json")
    assert OnlineRecognition.open(tmp_path / "result.json") == result
    text = (tmp_path / "result.json").read_text()
    kept = json.loads(text)["rows"][1]["named_right"]
    assert kept == "007f" + "f" * 20 + "f0"
    (tmp_path / "result.json").write_text(text.replace(kept, "003f" + "f" * 20 + "f0"))
    with pytest.raises(ValueError, match="90 of 100 right where 91 are counted"):
        OnlineRecognition.open(tmp_path / "result.json")
    with pytest.raises(ValueError, match="names 91 of 100"):
        replace(named(linear, 9), right=(*range(10, 100, 10), 92))
    # One of the two says nothing of its drawings, as in a table of before.
    (found,) = [
        o for o in replace(result, rows=(alone, *result.rows[1:])).orderings() if o.sentence == sentence
    ]
    assert (found.pairs, found.holds) == (None, "undecided")


def test_a_difference_that_another_seed_makes_too_is_none():
    alone, linear, last, wide = some_rows()

    def named(row, wrong, **changes):
        right = np.arange(100) >= wrong
        right = (*row.right[:-1], int(right.sum())), NamedRight.of(right)
        return replace(row, right=right[0], named=right[1], **changes)

    for wrong, holds in (
        (14, "yes"),
        (15, "undecided"),
    ):  # by 5 drawings and by 6, as the claim's two rows differ
        again = named(linear, wrong, another_seed=True)
        result = OnlineRecognition((again, named(alone, 15), named(linear, 9), last, wide))
        (found,) = [
            o
            for o in result.orderings()
            if o.sentence == "AlexNet with a GRU recognises more than AlexNet alone."
        ]
        assert (found.higher.name, found.chance, found.holds) == (
            "AlexNet + GRU 512, linear",
            wrong - 9,
            holds,
        )
    assert again.name == "AlexNet + GRU 512, linear, another seed"
    assert OnlineRow.from_dict(json.loads(json.dumps(again.to_dict()))) == again
    charts = [tile for section in result.figure().sections for tile in section.tiles]
    assert not [name for chart in charts for name, *_ in chart.series if "seed" in name]
    assert [name for name, *_ in charts[1].series] == ["linear", "last"]


def test_json_holds_counts_intervals_and_the_published_numbers(tmp_path):
    result = OnlineRecognition(some_rows(), {"seed": 0})
    found = json.loads(result.to_json())
    assert found["published"]["average_accuracy_percent"]["AlexNet + GRU 3600"] == 85.1
    row = found["rows"][1]
    assert row["by_share"]["50"] == 0.5
    low, high = row["by_share_intervals"]["50"]
    assert (low, high) == pytest.approx((0.404, 0.596), abs=5e-4)
    result.save(tmp_path / "result.json")
    assert OnlineRecognition.open(tmp_path / "result.json") == result
    (tmp_path / "other.json").write_text('{"rows": [{"cnn": 3}], "settings": {}}')
    with pytest.raises(ValueError, match=r"other\.json: not the result of this study"):
        OnlineRecognition.open(tmp_path / "other.json")


def test_rows_that_do_not_add_up_are_refused():
    row = some_rows()[0]
    with pytest.raises(ValueError, match="counts"):
        replace(row, right=(101,) * 10)
    with pytest.raises(ValueError, match="different numbers of drawings"):
        OnlineRecognition((row, replace(row, total=200)))


def test_what_was_measured_here_can_be_opened(repository):
    path = repository / "docs" / "results" / "online-recognition.json"
    if not path.exists():
        pytest.skip("not measured yet")
    result = OnlineRecognition.open(path)
    assert result.settings["scale"] in ("small", "full")
    assert isinstance(result.figure(), sw.Figure)
