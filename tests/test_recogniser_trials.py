"""The page of the trials on the default recogniser states what its JSON holds."""

import json


def test_tables_are_those_of_the_json(repository):
    page = (repository / "docs" / "recogniser-trials.md").read_text(encoding="utf-8")
    found = json.loads((repository / "docs" / "results" / "recogniser-trials.json").read_text())
    assert f"{found['settings']['held_out_drawings']:,}" in page
    assert [row["what"] for row in found["rows"] if _row(row) not in page] == []


def _row(row):
    low, high = row["whole_interval"]
    start = (
        f"| {row['what']} | {row['against'] or '-'} | {row['drawings']:,} | {row['whole']:.1%} ({low:.1%} to {high:.1%}) "
        f"| {row['shares']:.3f} |"
    )
    change = row.get("difference")
    if change is None:
        return start
    low, high = change["whole_interval"]
    over = change["shares_interval"]
    return (
        f"{start} {100 * change['whole']:+.1f} ({100 * low:+.1f} to {100 * high:+.1f}) "
        f"| {change['gained']} / {change['lost']}, {change['mcnemar_p']:.2f} "
        f"| {change['shares']:+.3f} ({over[0]:+.3f} to {over[1]:+.3f}) |"
    )
