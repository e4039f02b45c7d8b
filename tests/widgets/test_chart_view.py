"""ChartView: the marks are the chart's, names switch curves, and what has no chart is refused."""

import numpy as np
import pytest

import sketchwidgets as sw

CURVES = sw.Chart(
    [("a", [1, 2, 3], [0.1, np.nan, 0.9]), ("b <i>", [2, 4], [0.2, 0.3])], "strokes", "share", "two"
)
BARS = sw.Chart([("here", ["x", "y"], [3, 4]), ("there", ["x", "y"], [5, 6])], "", "%", kind="bar")


@pytest.fixture
def view():
    made = []

    def make(*args):
        made.append(sw.ChartView(*args))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_the_marks_are_the_curves(view):
    shown = view(sw.Figure("both", [sw.Section("one", [CURVES], "caption"), sw.Section("two", [BARS])]))
    assert shown.charts == (CURVES, BARS)
    first, second = shown._drawn[0]._marks
    np.testing.assert_array_equal(first.x, [1, 2, 3])
    np.testing.assert_allclose(first.y, [0.1, np.nan, 0.9], rtol=1e-6)
    assert (list(second.labels), second.tooltip.labels) == (["b <i>"], ["strokes", "b <i>"])
    assert (first.scales["x"].min, first.scales["x"].max) == (1, 4)
    assert [round(value, 9) for value in shown._drawn[0]._figure.axes[0].tick_values] == [1, 2, 3, 4]
    (bars,) = shown._drawn[1]._marks
    np.testing.assert_array_equal(bars.y, [[3, 4], [5, 6]])
    assert list(bars.x) == ["x", "y"]
    assert bars.scales["x"].domain == ["y", "x"]


def test_a_name_hides_its_curve(view):
    drawn = view(CURVES)._drawn[0]
    drawn._buttons[1].value = False
    assert [mark.visible for mark in drawn._marks] == [True, False]


def test_names_are_escaped(view):
    shown = view(sw.Chart([("<b>x</b>", ["p"], [1]), ("y", ["p"], [2])], kind="bar", caption="<script>"))
    texts = "".join(w.value for w in (*shown._drawn[0]._named, *shown._drawn[0]._buttons))
    assert "<b>x" not in texts
    assert "<script>" not in texts


def test_logarithmic_charts_leave_out_what_has_no_logarithm(view):
    (mark,) = view(sw.Chart([("loss", [0, 1, 2], [1.0, 0.0, 0.01])], log=True))._drawn[0]._marks
    np.testing.assert_array_equal(np.isnan(mark.y), [False, True, False])
    assert 0 < mark.scales["y"].min <= 0.01


def test_one_point_and_marks_are_drawn(view):
    shown = view(sw.Chart([("one", [3], [0.5])], marks=[(3, "here")]))
    first, dashed = shown._drawn[0]._marks
    assert list(first.x) == [3, 3]
    assert list(dashed.x) == [3, 3]


def test_show_gives_a_study_to_be_pointed_at(tmp_path):
    study = sw.studies.OnlineRecognition.measured()
    shown = sw.show(study)
    assert isinstance(shown, sw.ChartView)
    assert len(shown.charts[0].series) == 6
    shown.save_picture(tmp_path / "chart.pdf")
    assert (tmp_path / "chart.pdf").read_bytes().startswith(b"%PDF")
    shown.close()
    grid = sw.show(sw.studies.MethodComparison.measured())
    assert isinstance(grid, sw.TileGrid)
    grid.close()


def test_all_that_is_made_is_closed(view):
    shown = sw.ChartView(sw.Figure("", [sw.Section("", [CURVES, BARS])]))
    parts = [shown, *shown.children, *(mark for drawn in shown._drawn for mark in drawn._marks)]
    parts += [button for drawn in shown._drawn for button in drawn._buttons]
    shown.close()
    assert all(part.comm is None for part in parts)


@pytest.mark.parametrize("source", [3, None, "x.png", sw.Figure])
def test_what_has_no_figure_is_refused(source):
    with pytest.raises(TypeError, match="source must be a Chart, a Figure or what has one"):
        sw.ChartView(source)


def test_a_figure_without_a_chart_is_refused():
    with pytest.raises(ValueError, match="no chart"):
        sw.ChartView(sw.Figure("tiles", [sw.Section("", [sw.Tile(np.zeros((4, 4), np.uint8))])]))


def test_keys_are_kept_from_the_notebook_though_no_other_part_is_of_the_bundle(view):
    monitor = sw.TrainingMonitor()
    for shown in (view(CURVES), monitor):
        (guard,) = (part for part in shown.children if part._model_module == "anywidget")
        assert guard._kind == "keys"
        assert {"skw-curves", "skw-explorer"} & set(shown._dom_classes)
        shown.close()
        assert guard.comm is None
