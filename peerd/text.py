"""The text files that people write: UTF-8, with a byte-order mark or without one.

Editors on Windows put the mark there, and some save as UTF-16, which is refused by its name: what
is guessed is wrong one day. Everything that a person may have edited is read here.
"""

from __future__ import annotations

import codecs
from pathlib import Path

_MARKS = (  # the longer ones first: UTF-32's begins as UTF-16's does
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_HEAD_BYTES = 256
_SAVE_AGAIN = "save it as UTF-8 (in an editor: 'Save as', encoding UTF-8)"


class NotText(ValueError):
    """``message`` says what the file is instead, ``hint`` what to do; neither quotes the file."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.message = message
        self.hint = hint


def decode(data: bytes) -> str:
    """The text in ``data``, without its byte-order mark. Raises NotText."""
    _check(data)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(data.count(b"\n", 0, error.start) + 1) from None


def read_text(path: Path, most: int) -> str:
    """The text of a file of at most ``most`` bytes. Raises OSError, NotText."""
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise NotText(f"more than {most} bytes")
    return decode(data)


def _not_utf8(line: int) -> NotText:
    return NotText(f"line {line} is not UTF-8 text, but perhaps Windows-1252", _SAVE_AGAIN)


def _check(data: bytes) -> None:
    """NotText for an encoding of two or four bytes a character."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            raise NotText(f"{name} text, not UTF-8", _SAVE_AGAIN)
    if b"\0" in data[:_HEAD_BYTES]:
        raise NotText(
            "not UTF-8 text: it has zero bytes, as UTF-16 without a mark has", _SAVE_AGAIN
        )
