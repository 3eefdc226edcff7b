"""A module's state_dict from a file that may be anybody's. Imports torch.

``weights_only`` runs no code of the file. But what torch lets a pickle call takes memory on its
word, and a storage's size too. So the pickle names what torch.save writes of a state_dict and no
more, nothing in the archive is packed, and each tensor is a view of the file on the disk.
"""

from __future__ import annotations

import pickle
import pickletools
import re
import zipfile
from pathlib import Path

import torch

from peerd.errors import VerificationError
from peerd.tensor_file import BROKEN, MAX_HEADER_BYTES, stored

State = dict[str, torch.Tensor]
_NAMED = re.compile(
    r"torch\._utils _rebuild_tensor_v2|collections OrderedDict|torch [A-Z][A-Za-z0-9]*Storage"
)


def read_state(path: Path) -> State:
    """Tensors by their names, no larger than the file. VerificationError."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check(archive)
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        if not isinstance(found, dict) or not all(map(_is_plain, found.items())):
            raise ValueError("it holds something else than tensors by their names")
        if sum(each.numel() * each.itemsize for each in found.values()) > path.stat().st_size:
            raise ValueError("its tensors are larger than the file")
        return dict(found)
    except (*BROKEN, OSError, MemoryError, RecursionError, pickle.UnpicklingError) as error:
        raise VerificationError(
            f"{path} is no state_dict that can be read: {str(error)[:200]}",
            "'peerd model export' writes one",
        ) from None


def _check(archive: zipfile.ZipFile) -> None:
    """ValueError for an archive that torch.save would not have written."""
    pickles = [each for each in archive.infolist() if each.filename.endswith(".pkl")]
    if any(each.compress_type != zipfile.ZIP_STORED for each in archive.infolist()):
        raise ValueError("something in it is compressed")
    if len(pickles) != 1 or pickles[0].file_size > MAX_HEADER_BYTES:
        raise ValueError("it has not one pickle of a size that can be")
    for operation, argument, _ in pickletools.genops(stored(archive, pickles[0])):
        if "GLOBAL" in operation.name and not _NAMED.fullmatch(str(argument)):
            raise ValueError(f"its pickle names {str(argument)[:80]!r}")


def _is_plain(item: tuple[object, object]) -> bool:
    name, value = item
    return isinstance(name, str) and type(value) is torch.Tensor and value.layout == torch.strided
