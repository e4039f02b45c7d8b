"""Figures as PDF: what a reader of the format finds in the file."""

import re
import zlib

import numpy as np
import pytest

import sketchwidgets as sw


def objects_of(data: bytes) -> dict[int, bytes]:
    """The objects of a PDF file, by the places that its own table gives."""
    assert data.startswith(b"%PDF-1.4\n")
    assert data.endswith(b"%%EOF\n")
    start = int(re.search(rb"startxref\n(\d+)\n", data)[1])
    head, *entries = re.match(rb"xref\n0 (\d+)\n((?:\d{10} \d{5} [nf] \n)+)trailer", data[start:]).groups()
    lines = entries[0].splitlines()
    assert len(lines) == int(head)
    found = {}
    for number, line in enumerate(lines[1:], 1):
        place = int(line[:10])
        assert data[place:].startswith(b"%d 0 obj\n" % number)
        found[number] = data[place : data.index(b"\nendobj\n", place)]
    return found


def unpacked(content: bytes) -> bytes:
    length = int(re.search(rb"/Length (\d+)", content)[1])
    start = content.index(b"stream\n") + len(b"stream\n")
    assert content[start + length :].startswith(b"\nendstream")
    return zlib.decompress(content[start : start + length])


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (5, 7, 4)).astype(np.uint8)


@pytest.fixture(scope="module")
def objects(pixels, tmp_path_factory):
    chart = sw.Chart([("a", [0, 1, 2], [1, 3, 2])], "x", "up")
    bars = sw.Chart([("b", ["p", "q"], [1, 2])], kind="bar")
    tiles = [
        sw.Tile(pixels, "clear (é) σ"),
        sw.Tile(pixels[..., 0]),
        sw.Tile(None, label="dead"),
        chart,
        bars,
    ]
    path = tmp_path_factory.mktemp("pdf") / "figure.pdf"
    sw.Figure(r"50 % \ (all)", [sw.Section("one", tiles)]).save(path)
    return objects_of(path.read_bytes())


def test_pictures_are_there_without_loss(objects, pixels):
    images = [content for content in objects.values() if b"/Subtype /Image" in content]
    assert [unpacked(content) for content in images] == [
        pixels[..., :3].tobytes(),
        pixels[..., 3].tobytes(),
        pixels[..., 0].tobytes(),
    ]
    mask = int(re.search(rb"/SMask (\d+) 0 R", images[0])[1])
    assert objects[mask] == images[1]
    assert b"/Width 7 /Height 5" in images[0]
    named = re.findall(rb"/P\d+ (\d+) 0 R", objects[3])
    assert [objects[int(number)] for number in named] == [images[0], images[2]]


def test_text_is_text_and_escaped(objects):
    drawn = unpacked(objects[6]).decode("cp1252")
    assert r"(50 % \\ \(all\)) Tj" in drawn
    assert r"(clear \(é\) sigma) Tj" in drawn  # Helvetica has no Greek
    assert "(dead) Tj" in drawn
    assert re.search(r"0 -1 -1 0 [\d. ]+ Tm \(up\) Tj", drawn)  # read from below to above
    assert drawn.count(" Do Q") == 2
    assert rb"/Title (50 % \\ \(all\))" in objects[7]


def test_the_page_is_as_large_as_the_picture(objects):
    figure = sw.Figure("f", [sw.Section("", [sw.Tile(np.zeros((4, 4), np.uint8))])])
    width, height = re.search(r'width="([\d.]+)" height="([\d.]+)"', figure.to_svg()).groups()
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", figure.to_pdf())
    assert [float(x) * 96 / 72 for x in box.groups()] == pytest.approx(
        [float(width), float(height)], abs=0.01
    )
