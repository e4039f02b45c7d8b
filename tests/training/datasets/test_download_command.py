"""`sketchwidgets download`, against a server of the test's own."""

import json

from typer.testing import CliRunner

from sketchwidgets.cli import app


def run(*arguments):
    return CliRunner().invoke(app, ["download", *map(str, arguments)])


def test_classes_of_quickdraw(site, tmp_path):
    for word in ("cat", "the%20moon"):
        line = json.dumps({"key_id": "50", "drawing": [[[0, 9], [0, 7]]]})
        site.files[f"/full/simplified/{word}.ndjson"] = f"{line}\n".encode()
    done = run("quickdraw", tmp_path, "--classes", "cat, the moon", "--url", site.url)
    assert done.exit_code == 1
    assert "QuickDraw has no 'the moon'" in done.output
    done = run("quickdraw", tmp_path, "--classes", "cat", "--url", site.url)
    assert done.exit_code == 0, done.output
    assert "1 drawings of 1 classes" in done.output
    assert "licence: CC BY 4.0, Google LLC" in done.output
    assert (tmp_path / "simplified" / "cat.ndjson").exists()


def test_what_does_not_fit(tmp_path):
    for arguments, problem in (
        (("mnist",), "no data set is called 'mnist'"),
        (("tu-berlin", "--classes", "ant"), "tu-berlin has no option 'classes'"),
        (("quickdraw",), "classes must be named for a download"),
    ):
        done = run(arguments[0], tmp_path, *arguments[1:])
        assert done.exit_code == 1
        assert problem in done.output
