"""Reading IDX files, the format of MNIST and EMNIST, plain or gzipped.

Two zero bytes, a type byte, the number of dimensions, each dimension as a 32-bit big-endian
integer, then the elements. http://yann.lecun.com/exdb/mnist names it; types other than unsigned
bytes don't occur in those data sets and are refused.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from peerd.errors import TaskError

# EMNIST's largest split is 697,932 images of 784 bytes: 547 MB.
MAX_BYTES = 1 << 30
MAX_DIMENSIONS = 4
_UNSIGNED_BYTE = 0x08
_GZIP = b"\x1f\x8b"


def read_idx(path: Path | str) -> NDArray[np.uint8]:
    """The array in the file, with the shape that its header names. Raises TaskError."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP
            file.seek(0)
            if not packed:
                return _read(path, file)
            with gzip.open(file, "rb") as unpacked:
                return _read(path, unpacked)  # type: ignore[arg-type]
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise TaskError(f"{path} is a damaged gzip file: {error}", "fetch it again") from error
    except OSError as error:
        raise TaskError(f"can't read {path}: {error.strerror}") from error


def _read(path: Path, file: BinaryIO) -> NDArray[np.uint8]:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\x00\x00":
        raise TaskError(f"{path} is not an IDX file")
    if head[2] != _UNSIGNED_BYTE:
        raise TaskError(f"{path} holds elements of type 0x{head[2]:02x}, not unsigned bytes")
    if not 1 <= head[3] <= MAX_DIMENSIONS:
        raise TaskError(f"{path} has {head[3]} dimensions; 1…{MAX_DIMENSIONS} are read")
    sizes = file.read(4 * head[3])
    if len(sizes) < 4 * head[3]:
        raise TaskError(f"{path} ends within its header")
    shape = tuple(int.from_bytes(sizes[at : at + 4], "big") for at in range(0, len(sizes), 4))
    total = math.prod(shape)
    # An empty array counts, too: numpy can't make one whose other sizes are beyond its reach.
    if math.prod(max(size, 1) for size in shape) > MAX_BYTES:
        raise TaskError(f"{path} announces {shape} elements; at most {MAX_BYTES} are read")
    # One byte more than announced, to notice what trails; a bomb is cut off there.
    body = file.read(total + 1)
    if len(body) != total:
        more = "more" if len(body) > total else f"{len(body)}"
        raise TaskError(f"{path} announces {total} bytes and holds {more}")
    return np.frombuffer(body, dtype=np.uint8).reshape(shape)
