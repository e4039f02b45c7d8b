"""Files that are not there, and files that are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def no_file(path: Path, otherwise: str) -> FileNotFoundError:
    """What to raise where `path` is no file: that it is a folder, if it is one, or else what `otherwise` says.

    Of the same type either way, which is what callers catch.

    >>> from pathlib import Path
    >>> from sketchwidgets._files import no_file
    >>> Path("runs").mkdir()
    >>> no_file(Path("runs"), "there is no file"), no_file(Path("walks"), "there is no file")
    (FileNotFoundError('runs is a folder, not a file'), FileNotFoundError('there is no file'))
    """
    return FileNotFoundError(f"{path} is a folder, not a file" if path.is_dir() else otherwise)


@contextmanager
def written_whole(path: str | os.PathLike) -> Iterator[Path]:
    """A path beside `path` to write to; what stands there takes the name of `path` when the block ends.

    A reader never sees half a file, and a crash leaves the last one. Nothing is left where the block raises. Several
    in one `ExitStack` are written first, all of them, and then renamed.

    >>> from pathlib import Path
    >>> from sketchwidgets._files import written_whole
    >>> with written_whole("numbers.txt") as temporary:
    ...     _ = temporary.write_text("1 2 3")
    >>> Path("numbers.txt").read_text()
    '1 2 3'
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        # The new file must be on the disk before it takes the old one's name.
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
