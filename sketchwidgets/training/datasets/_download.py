"""Downloads that go on where they were cut off: pooch's, with the part of a file kept and asked for by HTTP Range.

Beside the file `name` lies, while it is incomplete, what has arrived of it in `name.part`, and in `name.part.json` what
the server said of it, so that the rest is only ever added to the same version of the file (If-Range).
"""

import base64
import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sketchwidgets.training.datasets._errors import DataSetError

_CONNECT, _READ = 10, 30  # seconds of silence after which a connection counts as lost
_RETRIES = 3
_WAIT = 1.0  # seconds before the first retry, doubled for each further one
_BLOCK = 2**16  # bytes; what has arrived of a block is lost with the connection
_SPARE = 2**26  # bytes of the disk that are left free


def fetch(
    url: str,
    folder: str | Path,
    name: str | None = None,
    *,
    known_hash: str | None = None,
    max_bytes: int = 2**36,
    check: Callable[[Path], None] | None = None,
    progress: bool = True,
) -> Path:
    """Download a file into `folder` and return its path; one that is there already and right is not asked for again.

    Parameters
    ----------
    url : http or https.
    name : of the file; by default the last part of the URL.
    known_hash : "md5:..." or "sha256:..." that the file must have, or None to believe what arrives, except that
        an MD5 which the server states itself (Google's `x-goog-hash`) is checked, and a web page (text/html) refused.
    max_bytes : a larger file is refused.
    check : called with what has arrived, before it takes its name; what it raises DataSetError for is deleted.
    progress : show a bar.

    A connection that breaks is taken up again, a few times at once and else when called again: what has arrived is
    kept, and used where the server can continue a file and says by what to know it again, or `known_hash` does. Several
    processes may ask for the same file; one downloads. Raises DataSetError for a URL that cannot be reached, a
    `known_hash` that is none, a file that is too large for `max_bytes` or the disk, or one that has another checksum,
    which is deleted.
    """
    import pooch
    from filelock import FileLock

    folder = Path(folder)
    name = name or url.partition("?")[0].rstrip("/").rpartition("/")[2]
    if not re.match(r"https?://[^/]+/", url):
        raise DataSetError(f"{url!r} is no http or https address of a file")
    if not name or name in (".", "..") or re.search(r"[\\/\0]", name):
        raise DataSetError(f"{name!r} is no name for a file")
    check_hash(known_hash, url)
    folder.mkdir(parents=True, exist_ok=True)
    downloader = _Resuming(folder / f"{name}.part", bool(known_hash), max_bytes, check, progress)
    lock = folder / f".{name}.lock"
    with FileLock(lock), _quiet_pooch():
        try:
            return Path(pooch.retrieve(url, known_hash, name, folder, downloader=downloader))
        except DataSetError:
            raise
        except ValueError as error:  # pooch's word for a wrong checksum, or for a known_hash that is none
            raise DataSetError(f"{url}: {error}") from None
        except OSError as error:
            raise DataSetError(f"{url} cannot be written to {folder}: {error}") from None
        finally:
            # While it is held: who has opened it meanwhile sees that it has no name any more, and opens another. Where
            # an open file cannot be removed, on Windows, FileLock does it.
            with suppress(OSError):
                lock.unlink()


def check_hash(known_hash: str | None, of: str) -> None:
    """DataSetError, naming what it is of, where `known_hash` is neither None nor a checksum."""
    if known_hash is None:
        return
    algorithm, _, digits = str(known_hash).rpartition(":")
    algorithm = (algorithm or "sha256").lower()
    size = hashlib.new(algorithm).digest_size if algorithm in hashlib.algorithms_guaranteed else 0
    if not size or not re.fullmatch(rf"[0-9a-fA-F]{{{2 * size}}}", digits):
        raise DataSetError(f'{of}: known_hash must be "md5:..." or "sha256:..." in hex, not {known_hash!r}')


def file_hash(path: str | Path) -> str:
    """The checksum of a file as `known_hash` takes it, "sha256:..."."""
    with open(path, "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


class _Lost(Exception):
    """The connection broke; what has arrived is good."""


class _Resuming:
    """A downloader for `pooch.retrieve`."""

    def __init__(
        self,
        part: Path,
        checked: bool,
        max_bytes: int,
        check: Callable[[Path], None] | None,
        progress: bool,
    ) -> None:
        self.part, self.note = part, part.with_name(f"{part.name}.json")
        self.checked, self.max_bytes, self.check, self.progress = checked, max_bytes, check, progress
        self.bar: Any = None

    def __call__(self, url: str, output_file: str, pooch: object, check_only: bool = False) -> None:
        try:
            self._retry(url)
        finally:
            if self.bar is not None:
                self.bar.close()
                self.bar = None
        if self.check is not None:
            try:
                self.check(self.part)
            except DataSetError as error:
                self._forget()
                raise DataSetError(f"{url}: {error}; what arrived is deleted") from None
        os.replace(self.part, output_file)
        self.note.unlink(missing_ok=True)

    def _retry(self, url: str) -> None:
        failures = 0
        while True:
            before = self._size()
            try:
                self._attempt(url)
                return
            except _Lost as lost:
                failures = 0 if self._size() > before else failures + 1
                if failures > _RETRIES:
                    raise DataSetError(f"{url} cannot be downloaded: {lost}{self._kept(url)}") from None
                time.sleep(_WAIT * 2 ** max(failures - 1, 0))

    def _kept(self, url: str) -> str:
        """What the next call will make of what has arrived."""
        note, size = self._read_note(url), self._size()
        if note is None or not size:
            return ""
        if note["ranges"] is False:
            return "; the next call begins anew, because the server does not continue files"
        if not (note["validator"] or self.checked):
            return (
                "; the next call begins anew, because the server gives nothing to know its file by, and there is no "
                "known_hash"
            )
        where = "" if note["ranges"] else " if the server continues files"
        return f"; the first {size:,} bytes are kept, and the next call goes on there{where}"

    def _attempt(self, url: str) -> None:
        import requests

        known = self._read_note(url)
        have = self._size() if known is not None else 0
        # Without a word of the server by which to know its file again, only a checksum can tell a wrong continuation.
        if have and not (known["validator"] or self.checked):
            have = 0
        headers = {"Accept-Encoding": "identity", "User-Agent": "sketchwidgets"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if known["validator"]:
                headers["If-Range"] = known["validator"]
        try:
            with requests.get(url, headers=headers, stream=True, timeout=(_CONNECT, _READ)) as response:
                self._receive(url, response, have)
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise DataSetError(f"{url!r} is no address: {error}") from None
        except requests.exceptions.RequestException as error:
            raise _Lost(_reason(error)) from None

    def _receive(self, url: str, response: Any, have: int) -> None:
        """Write what a server sends, behind the first `have` bytes or from the start, as it answers."""
        status, asked = response.status_code, bool(have)
        if status == 416:  # nothing behind what there is: it is complete, or of another version
            if have and _total(response) == have:
                self._check_stated(url, response)
                return
            self._forget()
            raise _Lost("the server has another version of the file")
        if status == 206:
            if not have or _first(response) != have:
                self._forget()
                raise _Lost("the server sent another part of the file than was asked for")
            total = _total(response)
        elif status == 200:
            have = 0
            total = int(response.headers["Content-Length"]) if _has_length(response) else None
        elif status in (408, 429) or status >= 500:
            raise _Lost(f"the server answers {status} {response.reason}")
        else:
            raise DataSetError(f"{url}: the server answers {status} {response.reason}")
        if "text/html" in response.headers.get("Content-Type", "").lower() and not self.checked:
            raise DataSetError(
                f"{url}: the server sends a web page (text/html) instead of the file, perhaps one to log in"
            )
        self._check_room(url, have, total)
        self._write_note(url, response, asked)
        self._show(have, total)
        with open(self.part, "ab" if have else "wb") as file:
            for block in response.iter_content(_BLOCK):
                have += len(block)
                if have > min(self.max_bytes, self.max_bytes if total is None else total):
                    self._forget()
                    most = self.max_bytes if total is None else total
                    raise DataSetError(f"{url}: the server sends more than the {most:,} bytes it may")
                file.write(block)
                if self.bar is not None:
                    self.bar.update(len(block))
        if total is not None and have < total:
            raise _Lost(f"the connection ended after {have:,} of {total:,} bytes")
        self._check_stated(url, response)

    def _check_room(self, url: str, have: int, total: int | None) -> None:
        if total is None:
            return
        if total > self.max_bytes:
            raise DataSetError(f"{url}: {total:,} bytes; at most {self.max_bytes:,} are expected")
        free = shutil.disk_usage(self.part.parent).free
        if total - have + _SPARE > free:
            raise DataSetError(
                f"{url}: {total - have:,} bytes to come, and {free:,} free in {self.part.parent}"
            )

    def _check_stated(self, url: str, response: Any) -> None:
        """Compare with the MD5 that Google's storage states of its files; pooch compares with a known checksum."""
        stated = re.search(r"md5=([A-Za-z0-9+/=]+)", response.headers.get("x-goog-hash", ""))
        if stated is None or self.checked:
            return
        with open(self.part, "rb") as file:
            found = hashlib.file_digest(file, "md5").digest()
        if base64.b64encode(found).decode() != stated[1]:
            self._forget()
            raise DataSetError(f"{url}: what arrived does not have the MD5 that the server states; try again")

    def _show(self, have: int, total: int | None) -> None:
        if not self.progress:
            return
        if self.bar is None:
            from tqdm.auto import tqdm

            self.bar = tqdm(desc=self.part.stem, unit="B", unit_scale=True, unit_divisor=1024)
        self.bar.total = total
        self.bar.n = have
        self.bar.refresh()

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def _read_note(self, url: str) -> dict[str, Any] | None:
        try:
            note = json.loads(self.note.read_text())
            good = isinstance(note["validator"], str | None) and isinstance(note.get("ranges"), bool | None)
            return {"ranges": None, **note} if note["url"] == url and good else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write_note(self, url: str, response: Any, asked: bool) -> None:
        """What the server says of its file; asked : whether it was to continue it."""
        tag = response.headers.get("ETag", "")
        # RFC 9110, 13.1.5: a weak tag is not good enough to continue a file by.
        validator = tag if tag.startswith('"') else response.headers.get("Last-Modified")
        before = (self._read_note(url) or {}).get("validator")
        if response.status_code == 206:
            ranges = True
        elif asked and validator == before:  # the same file, and sent from its start
            ranges = False
        else:
            ranges = {"bytes": True, "none": False}.get(response.headers.get("Accept-Ranges", "").lower())
        self.note.write_text(json.dumps({"url": url, "validator": validator, "ranges": ranges}))


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Without pooch's line for every file: the bar says as much."""
    import pooch

    logger = pooch.get_logger()
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def _has_length(response: Any) -> bool:
    return response.headers.get("Content-Length", "").isdecimal()


def _first(response: Any) -> int | None:
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _total(response: Any) -> int | None:
    found = re.fullmatch(r"bytes .*/(\d+)", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _reason(error: Exception) -> str:
    """What a person wants to know of the many layers of a network error."""
    text = str(error)
    for words in (
        "Name or service not known",
        "getaddrinfo failed",
        "nodename nor servname",
        "name resolution",
    ):
        if words in text:
            return "the name of the server is not known: is there a connection to the internet?"
    if "refused" in text:
        return "the server refuses the connection"
    if "timed out" in text.lower():
        return "the server does not answer in time"
    return f"the connection broke ({type(error).__name__})"
