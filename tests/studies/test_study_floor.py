"""What all studies stand on: rows that stay, orderings with their intervals, tables, results in a file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar

import pytest
from scipy import stats

from sketchwidgets.studies import Measured, Ordering
from sketchwidgets.studies._folder import MAX_BYTES, StudyFolder
from sketchwidgets.studies._result import StudyResult
from sketchwidgets.studies._settings import plan_of, settings
from sketchwidgets.studies._tables import html, markdown
from sketchwidgets.visualization import Figure


@dataclass(frozen=True)
class Line:
    name: str
    right: int
    total: int

    def to_dict(self):
        return asdict(self)

    @classmethod
    def from_dict(cls, values):
        return cls(str(values["name"]), int(values["right"]), int(values["total"]))


@dataclass(frozen=True)
class Lines(StudyResult[Line]):
    _row = Line
    published: ClassVar[Mapping] = {"a": 2}

    def orderings(self):
        rows = [Measured.share(row.name, row.right, row.total) for row in self.rows[:2]]
        return (Ordering("a above b", *rows, (2, 1), "a paper"),) if len(rows) > 1 else ()

    def figure(self):
        return Figure("<lines>")

    def _cells(self):
        return [["row", "right"], *([row.name, str(row.right)] for row in self.rows)]


def test_a_row_is_measured_once_and_only_as_it_was_asked_for(tmp_path):
    folder, calls = StudyFolder(tmp_path / "deep" / "study"), []

    def measure():
        calls.append(1)
        return {"right": 3}

    for _ in range(2):
        assert StudyFolder(folder.path).row("a-row", {"sizes": (1, 2)}, measure) == {"right": 3}
    assert len(calls) == 1
    with pytest.raises(ValueError, match=r"a-row\.json was measured otherwise than this plan asks"):
        folder.row("a-row", {"sizes": (1, 3)}, measure)
    with pytest.raises(ZeroDivisionError):
        folder.row("broken", {}, lambda: 1 / 0)
    assert not (folder.path / "rows" / "broken.json").exists()


@pytest.mark.parametrize("text", ["{", "[1]", '{"asked": {}}', '{"asked": {}, "row": 3}', "[" * 100_000])
def test_a_file_that_holds_no_row_is_refused(tmp_path, text):
    folder = StudyFolder(tmp_path)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"a\.json: not a row of this study"):
        folder.row("a", {}, dict)


def test_processor_seconds_add_up_over_runs_and_failures(tmp_path):
    def failing():
        with StudyFolder(tmp_path).count("loop"):
            sum(range(2_000_000))
            raise RuntimeError

    for _ in range(2):
        with pytest.raises(RuntimeError):
            failing()
    first = StudyFolder(tmp_path).cpu_seconds()["loop"]
    with StudyFolder(tmp_path).count("loop"):
        sum(range(10_000_000))
    assert StudyFolder(tmp_path).cpu_seconds()["loop"] > first


def test_settings_name_the_command_and_not_the_place_of_the_data():
    found = settings(
        "a-study",
        "/some/where/d.npz",
        "small",
        3,
        {"x": 1.0},
        options={"n": 2, "m": None},
        packages=("scipy",),
    )
    assert found["command"] == "sketchwidgets study a-study d.npz --scale small --seed 3 --n 2"
    assert "/some" not in json.dumps(found)
    assert {"torch", "scipy", "python", "sketchwidgets"} == set(found["versions"])
    assert "of its own" in settings("a-study", object(), "small", 0, {})["command"]
    with pytest.raises(ValueError, match="plan must be 'small', 'full' or a Line, not 3"):
        plan_of(3, Line)


def test_a_share_has_wilsons_interval():
    found = Measured.share("x", 81, 263)
    oracle = stats.binomtest(81, 263).proportion_ci(method="wilson")
    assert (found.low, found.high) == (round(100 * oracle.low, 1), round(100 * oracle.high, 1))


def test_a_mean_has_an_interval_where_there_are_several():
    assert Measured.mean("x", [3.0]) == Measured("x", 3.0, 3.0, 3.0)
    oracle = stats.ttest_1samp([1.0, 2.0, 3.0], 0).confidence_interval()
    assert (round(oracle.low, 2), round(oracle.high, 2)) == (-0.48, 4.48)
    assert Measured.mean("x", [1.0, 2.0, 3.0], 2) == Measured("x", 2.0, -0.48, 4.48)


@pytest.mark.parametrize(
    ("higher", "holds"),
    [(70, "yes"), (55, "undecided"), (50, "undecided"), (30, "no")],
)
def test_an_ordering_holds_beyond_the_intervals_only(higher, holds):
    found = Ordering("a above b", Measured.share("a", higher, 100), Measured.share("b", 50, 100), (2, 1))
    assert found.holds == holds
    assert found.to_dict()["holds"] == holds
    assert found.cells()[1] == "2 > 1"


@pytest.mark.parametrize(
    ("more", "holds"),
    [(0, "yes"), (100, "yes"), (150, "undecided"), (300, "undecided"), (400, "no"), (-300, "yes")],
)
def test_by_little_means_by_no_more_than_the_margin(more, holds):
    """Of 10,000 each half is right by chance: their difference is known to 1.4 points."""
    first, second = (Measured.share(name, n, 10_000) for name, n in (("a", 5000 + more), ("b", 5000)))
    found = Ordering("a costs little", first, second, (40.5, 40), margin=2.5)
    low, high = found.difference()
    half = 1.96 * 100 * (2 * 0.25 / 10_000) ** 0.5
    assert (low, high) == pytest.approx((more / 100 - half, more / 100 + half), abs=0.06)
    assert found.holds == holds
    assert found.cells()[:2] == ["a costs little (by at most 2.5)", "40.5 and 40"]


def test_what_was_measured_on_the_same_folds_is_compared_fold_by_fold():
    """Folds that differ much, and a difference that does not."""
    first, second = (
        Measured.mean(name, values) for name, values in (("a", [50, 60, 70.0]), ("b", [49, 58.8, 69.1]))
    )
    assert Ordering("a above b", first, second).holds == "undecided"
    found = Ordering("a above b", first, second, differences=(1.0, 1.2, 0.9))
    oracle = stats.ttest_rel([50, 60, 70], [49, 58.8, 69.1]).confidence_interval()
    assert found.difference() == pytest.approx((oracle.low, oracle.high))
    assert found.holds == "yes"
    assert "difference +1.03 (+0.654 to +1.41)" in found.cells()[2]
    assert Ordering("a above b", first, second, differences=(-1.0, -1.2, -0.9)).holds == "no"
    assert Ordering("a above b", first, second, differences=(1.0, -1.2, 0.9)).holds == "undecided"


def test_it_is_said_who_claims_what():
    rows = Measured.share("a", 6, 10), Measured.share("b", 5, 10)
    assert Ordering("a above b", *rows).claimed == "in words"
    assert Ordering("a above b", *rows, control=True).claimed == "control"


@pytest.mark.parametrize("bounds", [(1, 2, 3), (float("nan"), 0, 1), (0, 0, float("inf"))])
def test_bounds_that_are_none_are_refused(bounds):
    with pytest.raises(ValueError, match="a: "):
        Measured("a", *bounds)


def test_a_result_shows_itself_and_opens_again(tmp_path):
    result = Lines((Line("a <b>", 60, 100), Line("b|c", 20, 100)), {"seed": 0})
    assert result.table().splitlines()[3] == r"| b\|c | 20 |"
    assert "| 2 > 1 | a <b> 60 (50.2 to 69.1); b\\|c 20 (13.3 to 28.9) | yes |" in result.orderings_table()
    page = result._repr_html_()
    assert "a &lt;b&gt;" in page
    assert "<b>" not in page.replace("&lt;b&gt;", "")
    result.save(tmp_path / "result.json")
    found = json.loads((tmp_path / "result.json").read_text())
    assert found["orderings"][0]["holds"] == "yes"
    assert Lines.open(tmp_path / "result.json") == result
    assert result["b|c"].right == 20
    assert result.get("c") is None
    with pytest.raises(KeyError, match="no row 'c'; there are a <b>, b"):
        result["c"]


@pytest.mark.parametrize(
    "text",
    ["", "3", "{}", '{"rows": [], "settings": {}}', '{"rows": [{"name": "a", "right": 1e999, "total": 1}]}'],
)
def test_a_file_that_holds_no_result_is_refused(tmp_path, text):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(ValueError, match=r"r\.json: not the result of this study"):
        Lines.open(tmp_path / "r.json")


def test_a_huge_file_is_not_read(tmp_path):
    (tmp_path / "r.json").write_text(" " * (MAX_BYTES + 1))
    with pytest.raises(ValueError, match="larger than"):
        Lines.open(tmp_path / "r.json")


def test_rows_need_names_of_their_own():
    with pytest.raises(ValueError, match="two rows are called 'a'"):
        Lines((Line("a", 1, 2), Line("a", 2, 2)))


def test_tables_escape():
    assert markdown([["a"], ["x\ny"]]).endswith("| x y |")
    assert html([["<a>"], ["1"]]).startswith("<table><thead><tr><th>&lt;a&gt;")
