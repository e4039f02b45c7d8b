"""Unpacking archives of strangers: every file in its place, or nothing at all."""

import bz2
import gzip
import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from sketchwidgets.training.datasets._errors import DataSetError

_BLOCK = 2**20
_LARGEST_READ = 2**24  # of the headers of a tar file, which may not fill the memory
_SPARE = 2**26
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class _Member(NamedTuple):
    name: str
    size: int
    folder: bool
    file: Any  # the archive's own record of it


def extract(
    archive: str | Path,
    into: str | Path,
    *,
    max_bytes: int = 2**36,
    max_files: int = 2_000_000,
    progress: bool = True,
) -> Path:
    """Unpack a zip or tar file (plain, gzip, bzip2, xz) into the new folder `into`, and return it.

    The folder appears when all is unpacked; a run that was cut off leaves nothing that looks like it. Only plain
    files and folders: a link, a device, a name that leads out of the folder, encryption, the same name twice, more than
    `max_files` members or `max_bytes` when unpacked make the whole archive refused. Raises DataSetError naming the
    archive and the member.
    """
    archive, into = Path(archive), Path(into)
    if into.exists():
        raise DataSetError(f"{into} exists; {archive.name} is unpacked into a new folder")
    temporary = into.with_name(f".{into.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                members = [_zip_member(info) for info in _few(opened.infolist(), max_files)]
                _check_declared(members, max_bytes, temporary)
                _write_all(members, lambda m: opened.open(m.file), temporary, max_bytes, progress)
        else:
            with _tar(archive) as opened:
                # One after the other: to know all of a compressed tar file is to read it twice.
                members = (_tar_member(info) for info in _few(opened, max_files))
                _write_all(members, lambda m: opened.extractfile(m.file), temporary, max_bytes, progress)
        temporary.rename(into)
    except DataSetError as error:
        raise DataSetError(f"{archive}: {error}") from None
    except (
        zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, NotImplementedError,
        RuntimeError,
    ) as error:  # fmt: skip
        raise DataSetError(f"{archive}: not a zip or tar file, or damaged ({error})") from None
    except OSError as error:
        raise DataSetError(f"{archive} cannot be unpacked into {into}: {error}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return into


def check_archive(path: Path) -> None:
    """DataSetError where a file is no zip or tar file by its end or its beginning, as `fetch` takes it."""
    if zipfile.is_zipfile(path):
        return
    try:
        with _tar(path):
            pass
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise DataSetError(f"not a zip or tar file, or damaged ({error})") from None


def _write_all(members: Any, opening: Any, folder: Path, max_bytes: int, progress: bool) -> None:
    bar: Any = members
    if progress:
        from tqdm.auto import tqdm

        bar = tqdm(members, desc="unpacking", unit="file", leave=False)
    left = max_bytes
    for member in bar:
        target = folder / _safe(member.name)
        if member.folder:
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            raise DataSetError(f"{member.name!r} is in it twice")
        with opening(member) as source, open(target, "xb") as out:
            written = 0
            # What is written counts, not what the archive says.
            while block := source.read(min(_BLOCK, max(left - written, 0) + 1)):
                written += len(block)
                if written > left:
                    raise DataSetError(f"more than {max_bytes:,} bytes unpacked, at {member.name!r}")
                out.write(block)
        if written != member.size:
            raise DataSetError(f"{member.name!r} has {written:,} bytes, and {member.size:,} are promised")
        left -= written


def _check_declared(members: list[_Member], max_bytes: int, folder: Path) -> None:
    total = sum(member.size for member in members)
    if total > max_bytes:
        raise DataSetError(f"{total:,} bytes unpacked; at most {max_bytes:,} are expected")
    free = shutil.disk_usage(folder).free
    if total + _SPARE > free:
        raise DataSetError(f"{total:,} bytes unpacked, and {free:,} free in {folder.parent}")


def _few(members: Any, most: int) -> Iterator[Any]:
    for count, member in enumerate(members, 1):
        if count > most:
            raise DataSetError(f"more than {most:,} members")
        yield member


def _safe(name: str) -> Path:
    """A member's name as a path below a folder, on any system."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    bad = (
        not parts
        or name.startswith("/")
        or "\\" in name
        or any(part == ".." or ":" in part or len(part.encode("utf-8", "replace")) > 255 for part in parts)
        or any(_DEVICES.fullmatch(part) for part in parts)
        or any(ord(character) < 32 for character in name)
    )
    if bad:
        raise DataSetError(f"{name[:80]!r} is no name of a file in a folder")
    return Path(*parts)


def _zip_member(info: zipfile.ZipInfo) -> _Member:
    # Only archives made on Unix say what kind of file it is; others hold plain ones.
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise DataSetError(f"{info.filename!r} is a link or a device")
    if info.flag_bits & 1:
        raise DataSetError(f"{info.filename!r} is encrypted")
    return _Member(info.filename, info.file_size, info.is_dir(), info)


def _tar_member(info: tarfile.TarInfo) -> _Member:
    if not (info.isreg() or info.isdir()) or info.issparse():
        raise DataSetError(f"{info.name!r} is a link, a device or sparse")
    return _Member(info.name, info.size, info.isdir(), info)


class _tar:
    """A tar file, read by the piece, so that a header which claims a gigabyte is refused instead of read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> tarfile.TarFile:
        with open(self.path, "rb") as file:
            magic = file.read(6)
        if magic.startswith(b"\x1f\x8b"):
            opened: IO[bytes] = gzip.open(self.path)
        elif magic.startswith(b"BZh"):
            opened = bz2.open(self.path)
        elif magic == b"\xfd7zXZ\x00":
            opened = lzma.open(self.path)
        else:
            opened = open(self.path, "rb")
        self.file = opened
        try:
            self.tar = tarfile.open(fileobj=_Bounded(opened), mode="r:")  # type: ignore[call-overload]
        except BaseException:
            opened.close()
            raise
        return self.tar

    def __exit__(self, *_: object) -> None:
        self.tar.close()
        self.file.close()


class _Bounded:
    """A file that does not read more at once than a header can rightly need."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.tell, self.seek, self.close = file.tell, file.seek, file.close

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LARGEST_READ:
            raise DataSetError(f"a header of {size:,} bytes")
        return self.file.read(size)
