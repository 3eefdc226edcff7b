"""Files that an auditor is given: what each is follows from its bytes, not from its name."""

from __future__ import annotations

from pathlib import Path

from peerd.audit.bounded import read_bounded, size_of
from peerd.audit.chain import decode_chain, is_chain
from peerd.audit.material import Lie, Material, held
from peerd.errors import GroupError
from peerd.group import load
from peerd.group.fields import MAX_PARAMETERS
from peerd.onnx_file import is_onnx
from peerd.runner.evidence.evidence_file import is_evidence_file
from peerd.runner.succession.lineage import handed_to
from peerd.tensor_file import ARCHIVE
from peerd.text import NotText, decode
from protocols.errors import WireError
from protocols.wire.canonical import Value, unpack

MAX_FILE_BYTES = 1 << 30
MAX_EXPORT_BYTES = 4 * MAX_PARAMETERS + MAX_FILE_BYTES
"""A model, with its header, its certificate and running statistics."""
_HEAD = 4096
PICTURES = frozenset({".png", ".jpg", ".svg", ".pdf"})
_KINDS = "a transcript, a genesis, evidence, certificates or an exported model"


def read_file(path: Path, found: Material, *, asked: bool) -> None:
    """Adds what is in the file. ``asked``: a person named this very file, so that it must be one of
    an audit's; of a folder texts and pictures are left out.
    """
    if not asked and path.suffix.lower() in PICTURES:
        found.skipped.append(str(path))
        return
    try:
        size = size_of(path)
        with path.open("rb") as file:
            head = file.read(9)
        if _is_export(head) and size <= MAX_EXPORT_BYTES:
            found.exports.append(path)
            return
        data = read_bounded(path, MAX_FILE_BYTES)
    except OSError as error:
        found.lies.append(Lie(str(path), f"it can't be read: {error.strerror}"))
        return
    if data[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        _document(path, data, found, asked=asked)
    else:
        _canonical(path, data, found, asked=asked)


def _is_export(head: bytes) -> bool:
    return head.startswith(ARCHIVE) or head[8:9] == b"{" or is_onnx(head)


def _document(path: Path, data: bytes, found: Material, *, asked: bool) -> None:
    """JSON: a genesis, or something else of peerd's."""
    try:
        found.geneses.append((str(path), load(path)))
    except GroupError as error:
        if asked or b'"roster"' in data:
            found.lies.append(Lie(str(path), error.message.removeprefix(f"{path}: ")))
        else:
            found.skipped.append(str(path))


def _canonical(path: Path, data: bytes, found: Material, *, asked: bool) -> None:
    try:
        value = unpack(data)
    except WireError as error:
        if not asked and _is_text(data):
            found.skipped.append(str(path))
        else:
            found.lies.append(Lie(str(path), f"it is not {_KINDS}: {error}"))
        return
    _take(str(path), value, data, found)


def _take(file: str, value: Value, data: bytes, found: Material) -> None:
    try:
        match value:
            case _ if is_chain(value):
                take_chain(file, value, found)
            case [list(), bytes(), list()] | [int(), int(), bytes(), list()]:
                found.certificates.append(held(file, data))
            case [str(), _, _] if is_evidence_file(data):
                found.proofs.append(held(file, data))
            case [int(), _, _]:
                found.evidence.append(held(file, data))
            case [_, _, _, _, _, _]:
                found.transcripts.append(held(file, data))
            case _:
                raise WireError(f"it is not {_KINDS}")
    except WireError as error:
        found.lies.append(Lie(file, str(error)))


def take_chain(file: str, value: Value, found: Material) -> None:
    """Adds a file of certificates. WireError. One of a member that joined begins with the handover
    to its group.
    """
    certificates = decode_chain(value)
    if certificates and handed_to(certificates[0]):
        found.late = True
    else:
        found.whole = True
    for place, certificate in enumerate(certificates):
        found.certificates.append(held(f"{file}, certificate {place}", certificate))


def _is_text(data: bytes) -> bool:
    try:
        decode(data)
    except NotText:
        return False
    return True
