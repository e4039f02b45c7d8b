"""Downloads against a server of the test's own that breaks off, lies, changes its files and forgets."""

import base64
import hashlib
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sketchwidgets.training import DataSetError
from sketchwidgets.training.datasets import _download, fetch, file_hash

BLOCK = 2**16  # what arrives is written by the block
CONTENT = np.random.default_rng(0).bytes(40 * BLOCK)
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


@pytest.fixture
def get(site, tmp_path):
    site.files["/a/data.bin"] = CONTENT

    def get(**arguments):
        return fetch(f"{site.url}/a/data.bin", tmp_path / "data", **{"progress": False, **arguments})

    return get


def left_overs(folder):
    return sorted(os.listdir(folder))


@pytest.mark.parametrize("known_hash", [SHA256, MD5, None])
def test_a_file_is_fetched_once(get, site, known_hash, tmp_path):
    path = get(known_hash=known_hash)
    assert path == tmp_path / "data" / "data.bin"
    assert path.read_bytes() == CONTENT
    assert file_hash(path) == SHA256
    get(known_hash=known_hash)
    assert len(site.requests) == 1
    assert left_overs(tmp_path / "data") == ["data.bin"]


def test_a_file_that_has_changed_on_disk_is_fetched_again(get, site):
    get(known_hash=SHA256).write_bytes(b"scribble")
    assert get(known_hash=SHA256).read_bytes() == CONTENT
    assert len(site.requests) == 2


def test_a_connection_that_breaks_is_taken_up_again(get, site):
    site.break_after = [10 * BLOCK, 20 * BLOCK + 99]
    assert get().read_bytes() == CONTENT
    asked = [wanted for _, wanted in site.requests]
    assert asked[0] is None
    assert asked[1:] == [f"bytes={10 * BLOCK}-", f"bytes={30 * BLOCK}-"]


def test_what_has_arrived_is_kept_for_the_next_call(get, site, tmp_path):
    site.break_after = [10 * BLOCK, 0, 0, 0, 0, 0]
    with pytest.raises(DataSetError, match=r"data.bin cannot be downloaded: .*first 655,360 bytes are kept"):
        get(known_hash=SHA256)
    assert (tmp_path / "data" / "data.bin.part").stat().st_size == 10 * BLOCK
    assert not (tmp_path / "data" / "data.bin").exists()
    site.break_after, site.requests = [], []
    assert get(known_hash=SHA256).read_bytes() == CONTENT
    assert site.requests == [("/a/data.bin", f"bytes={10 * BLOCK}-")]
    assert left_overs(tmp_path / "data") == ["data.bin"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_that_is_killed_loses_nothing(get, site, tmp_path):
    """SIGKILL while it waits for the rest; what is on disk then is what the next process goes on from."""
    site.hold = 2_000_000
    part = tmp_path / "data" / "data.bin.part"
    child = os.fork()
    if not child:
        try:
            get(known_hash=SHA256)
        finally:
            os._exit(1)
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size >= 1_500_000) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    site.release()
    have = part.stat().st_size
    assert 1_500_000 <= have <= 2_000_000
    site.hold, site.requests = None, []
    assert get(known_hash=SHA256).read_bytes() == CONTENT
    assert site.requests == [("/a/data.bin", f"bytes={have}-")]


def test_a_server_without_range_sends_all_again(get, site):
    site.ranges = False
    site.break_after = [20 * BLOCK]
    assert get().read_bytes() == CONTENT
    assert len(site.requests) == 2


def test_another_version_of_the_file_is_not_appended(get, site, tmp_path):
    site.break_after = [10 * BLOCK, 0, 0, 0, 0, 0]
    with pytest.raises(DataSetError):
        get()
    site.break_after, site.etag = [], '"two"'
    site.files["/a/data.bin"] = CONTENT[::-1]
    assert get().read_bytes() == CONTENT[::-1]


def test_without_a_tag_only_a_checksum_lets_it_go_on(get, site):
    site.etag = None
    site.break_after = [10 * BLOCK]
    assert get().read_bytes() == CONTENT
    assert [wanted for _, wanted in site.requests] == [None, None]
    site.requests, site.break_after = [], [10 * BLOCK]
    assert get(name="again.bin", known_hash=SHA256).read_bytes() == CONTENT
    assert [wanted for _, wanted in site.requests] == [None, f"bytes={10 * BLOCK}-"]


@pytest.mark.parametrize("weak", ['W/"one"', None])
def test_a_date_is_a_tag_and_a_weak_tag_is_none(get, site, weak):
    site.etag = weak
    site.headers = {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
    site.break_after = [10 * BLOCK]
    assert get().read_bytes() == CONTENT
    # The server of this test takes any tag but its own for another version: it sends the whole.
    assert site.requests[1][1] == f"bytes={10 * BLOCK}-"


def test_a_server_that_continues_elsewhere(get, site):
    site.wrong_range = True
    site.break_after = [10 * BLOCK]
    assert get().read_bytes() == CONTENT
    assert [wanted for _, wanted in site.requests] == [None, f"bytes={10 * BLOCK}-", None]


def test_a_part_that_is_complete_is_not_fetched_again(get, site, tmp_path):
    site.break_after = [39 * BLOCK, 0, 0, 0, 0, 0]
    with pytest.raises(DataSetError):
        get()
    part = tmp_path / "data" / "data.bin.part"
    with open(part, "ab") as file:
        file.write(CONTENT[-BLOCK:])
    site.break_after, site.requests = [], []
    assert get().read_bytes() == CONTENT
    assert site.requests == [("/a/data.bin", f"bytes={40 * BLOCK}-")]


def test_a_part_that_is_too_long_is_begun_anew(get, site, tmp_path):
    site.break_after = [10 * BLOCK, 0, 0, 0, 0, 0]
    with pytest.raises(DataSetError):
        get()
    with open(tmp_path / "data" / "data.bin.part", "ab") as file:
        file.write(bytes(5_000_000))
    site.break_after = []
    assert get().read_bytes() == CONTENT


@pytest.mark.parametrize(
    "note", ["", "{}", "[1]", '{"url": 3}', '{"url": "http://other/", "validator": null}']
)
def test_a_damaged_note_means_a_new_start(get, site, tmp_path, note):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "data.bin.part").write_bytes(b"something else")
    (tmp_path / "data" / "data.bin.part.json").write_text(note)
    assert get(known_hash=SHA256).read_bytes() == CONTENT


def test_a_wrong_checksum(get, tmp_path):
    with pytest.raises(DataSetError, match=r"/a/data.bin: SHA256 hash .* does not match"):
        get(known_hash="sha256:" + "0" * 64)
    assert left_overs(tmp_path / "data") == []


@pytest.mark.parametrize(
    "known_hash",
    ["zzz", "nonsense", "md5:zzz", "md5:" + "0" * 64, "0" * 32, "crc:00", "shake_128:", "sha256:", ""],
)
def test_what_is_no_checksum_is_said_before_anything_is_fetched(get, site, tmp_path, known_hash):
    with pytest.raises(DataSetError, match=rf"a/data\.bin: known_hash must be .* in hex, not '{known_hash}'"):
        get(known_hash=known_hash)
    assert site.requests == []
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "known_hash", [SHA256[7:], SHA256.upper(), f"sha1:{hashlib.sha1(CONTENT).hexdigest()}"]
)
def test_checksums_as_pooch_takes_them(get, known_hash):
    assert get(known_hash=known_hash).read_bytes() == CONTENT


def test_a_web_page_instead_of_the_file(get, site, tmp_path):
    site.headers = {"Content-Type": "text/html; charset=utf-8"}
    with pytest.raises(DataSetError, match=r"a/data.bin: the server sends a web page \(text/html\) instead"):
        get()
    assert left_overs(tmp_path / "data") == []
    # What has the right checksum is the file, whatever the server calls it.
    assert get(known_hash=SHA256).read_bytes() == CONTENT


def test_a_web_page_does_not_harm_what_has_arrived(get, site, tmp_path):
    site.break_after = [10 * BLOCK, 0, 0, 0, 0, 0]
    with pytest.raises(DataSetError):
        get()
    site.break_after, site.headers = [], {"Content-Type": "text/html"}
    with pytest.raises(DataSetError, match="web page"):
        get()
    site.headers, site.requests = {}, []
    assert get().read_bytes() == CONTENT
    assert site.requests == [("/a/data.bin", f"bytes={10 * BLOCK}-")]


def test_what_a_check_refuses_is_deleted(get, site, tmp_path):
    def refuse(path):
        assert path.read_bytes() == CONTENT
        raise DataSetError("no cats in it")

    with pytest.raises(DataSetError, match=r"a/data.bin: no cats in it; what arrived is deleted"):
        get(check=refuse)
    assert left_overs(tmp_path / "data") == []
    assert get(check=lambda path: None).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("etag", "ranges", "headers", "known_hash", "goes_on", "words"),
    [
        ('"one"', True, {}, None, True, "and the next call goes on there$"),
        ('"one"', True, {"Accept-Ranges": "bytes"}, None, True, "and the next call goes on there$"),
        (None, True, {}, SHA256, True, "and the next call goes on there$"),
        (None, True, {}, None, False, "begins anew, because the server gives nothing to know its file by"),
        (
            'W/"one"',
            True,
            {},
            None,
            False,
            "begins anew, because the server gives nothing to know its file by",
        ),
        ('"one"', False, {}, None, False, "begins anew, because the server does not continue files$"),
        (None, False, {"Accept-Ranges": "none"}, SHA256, False, "does not continue files$"),
    ],
)
def test_what_is_said_of_the_next_call_is_true(get, site, etag, ranges, headers, known_hash, goes_on, words):
    site.etag, site.ranges, site.headers = etag, ranges, headers
    site.break_after = [10 * BLOCK] + [0 if goes_on else 10 * BLOCK] * 8
    with pytest.raises(DataSetError, match=words) as error:
        get(known_hash=known_hash)
    assert ("bytes are kept" in str(error.value)) == goes_on
    site.break_after, site.requests = [], []
    assert get(known_hash=known_hash).read_bytes() == CONTENT
    first = site.requests[0][1]
    assert (first is not None and site.ranges) == goes_on


def test_a_server_that_is_gone_before_it_is_known_what_it_can(get, site, monkeypatch):
    site.break_after = [10 * BLOCK]
    monkeypatch.setattr(_download, "_RETRIES", -1)
    with pytest.raises(
        DataSetError, match=r"655,360 bytes are kept, .* goes on there if the server continues files$"
    ):
        get()


def test_the_md5_that_google_states(get, site, tmp_path):
    stated = base64.b64encode(hashlib.md5(CONTENT).digest()).decode()
    site.headers = {"x-goog-hash": f"crc32c=n03x6A==,md5={stated}"}
    assert get().read_bytes() == CONTENT
    site.headers = {"x-goog-hash": "md5=AAAAAAAAAAAAAAAAAAAAAA=="}
    with pytest.raises(DataSetError, match="does not have the MD5 that the server states"):
        get(name="other.bin")
    assert left_overs(tmp_path / "data") == ["data.bin"]


def test_servers_that_fail_for_a_while_and_for_good(get, site, tmp_path):
    site.status = [503, 500, 429]
    assert get().read_bytes() == CONTENT
    site.status = [503] * 4
    with pytest.raises(
        DataSetError, match=r"cannot be downloaded: the server answers 503 Service Unavailable"
    ):
        get(name="b.bin")
    site.status = [403]
    with pytest.raises(DataSetError, match="the server answers 403 Forbidden"):
        get(name="b.bin")
    with pytest.raises(DataSetError, match=r"nothing: the server answers 404"):
        fetch(f"{site.url}/nothing", tmp_path, progress=False)


def test_too_large_by_its_own_word_and_without_one(get, site, tmp_path):
    with pytest.raises(DataSetError, match=r"2,621,440 bytes; at most 1,000,000 are expected"):
        get(max_bytes=1_000_000)
    site.length = False
    assert get().read_bytes() == CONTENT
    with pytest.raises(DataSetError, match="sends more than the 1,000,000 bytes it may"):
        get(name="b.bin", max_bytes=1_000_000)
    assert left_overs(tmp_path / "data") == ["data.bin"]


def test_a_full_disk(get, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(DataSetError, match=r"2,621,440 bytes to come, and 1,000 free"):
        get()


def test_no_server(site, tmp_path):
    with pytest.raises(DataSetError, match="the server refuses the connection"):
        fetch("http://127.0.0.1:9/file", tmp_path, progress=False)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a/b", "data.bin", "http://", "https:///x"])
def test_what_is_no_address(url, tmp_path):
    with pytest.raises(DataSetError, match="is no http or https address"):
        fetch(url, tmp_path)


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "a\\b"])
def test_what_is_no_name(name, tmp_path):
    with pytest.raises(DataSetError, match="is no name for a file"):
        fetch("http://127.0.0.1/x", tmp_path, name)


def test_a_bar_that_goes_on_where_the_file_does(get, site, capsys):
    site.break_after = [10 * BLOCK]
    get(progress=True)
    assert "data.bin: 100%" in capsys.readouterr().err


def test_who_asks_at_the_same_time_waits(get, site):
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: get(), range(4)))
    assert len(set(paths)) == 1
    assert paths[0].read_bytes() == CONTENT
    assert len(site.requests) == 1
    assert left_overs(paths[0].parent) == ["data.bin"]


def test_who_waits_for_a_lock_that_is_removed_still_is_alone(site, tmp_path):
    """Each of many in turn, none beside another, though the file of the lock goes with each."""
    site.files["/a/data.bin"] = CONTENT
    inside, most = [], []

    def check(path):
        inside.append(path)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()

    def one(number):
        path = fetch(f"{site.url}/a/data.bin", tmp_path, check=check, progress=False)
        path.unlink(missing_ok=True)  # so that the next one fetches it again

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one, range(24)))
    assert max(most) == 1
    assert left_overs(tmp_path) == []
