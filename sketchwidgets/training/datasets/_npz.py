"""Plain arrays out of an .npz file from a stranger: nothing unpickled, nothing huge allocated."""

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

MAX_BYTES = 8 * 2**30
"""All arrays of a file together: six times TU-Berlin's 20,000 sketches at 256 x 256."""

# Deflate cannot do better than 1032 to 1 (zlib's technical details): what promises more lies.
_MOST_DEFLATED = 1032
_MAX_ARRAYS = 1000


def read_npz(path: str | Path, max_bytes: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name.

    Raises FileNotFoundError, or ValueError naming the file where it is no .npz of plain arrays, where an
    array would take more than the file holds, or all of them more than `max_bytes`.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file at {path}")
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > _MAX_ARRAYS:
                raise ValueError(f"{len(members)} arrays; at most {_MAX_ARRAYS} are allowed")
            total = sum(member.file_size for member in members)
            if total > max_bytes:
                raise ValueError(f"its arrays take {total:,} bytes; at most {max_bytes:,} are allowed")
            size = path.stat().st_size
            for member in members:
                if member.file_size > size * _MOST_DEFLATED:
                    raise ValueError(
                        f"{member.filename} cannot hold the {member.file_size:,} bytes it promises"
                    )
                with archive.open(member) as file:
                    _check_header(file, member)
                with archive.open(member) as file:
                    arrays[member.filename.removesuffix(".npy")] = npy.read_array(file, allow_pickle=False)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{path}: not an .npz file of plain arrays ({error})") from None
    except (ValueError, TypeError, SyntaxError) as error:
        raise ValueError(f"{path}: not an .npz file of plain arrays: {error}") from None
    return arrays


def _check_header(file, member: zipfile.ZipInfo) -> None:
    """Refuse an array larger than its place in the file before anything is allocated for it."""
    version = npy.read_magic(file)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"{member.filename} is of .npy version {version}")
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise ValueError(f"{member.filename} holds Python objects")
    wanted = math.prod(shape) * dtype.itemsize
    if wanted != member.file_size - file.tell():
        raise ValueError(
            f"{member.filename} is {shape} {dtype}, {wanted:,} bytes, of which the file holds "
            f"{member.file_size - file.tell():,}"
        )
