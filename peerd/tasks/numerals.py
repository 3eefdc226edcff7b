"""Which texts are numbers: ``1.5``, ``1,5``, ``1.234,5``, ``1 234``, ``12 %``, ``1e3``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_SPACES = r" \x{a0}\x{2009}\x{202f}'’"
_TAIL = r"([eE][+-]?\d{1,4})?$"


def _forms(mark: str, group: str) -> tuple[str, str]:
    """Plain and grouped numbers where ``mark`` is the decimal mark, as regular expressions."""
    plain = rf"^[+-]?(\d+{mark}?\d*|{mark}\d+){_TAIL}"
    spaced = rf"[{_SPACES}]\d{{3}}([{_SPACES}]\d{{3}})*"
    grouped = rf"^[+-]?[1-9]\d{{0,2}}(({group}\d{{3}})+|{spaced})({mark}\d*)?$"
    return plain, grouped


_FORMS = {".": _forms(r"\.", ","), ",": _forms(",", r"\.")}
_GROUPS = {".": rf"[,{_SPACES}]", ",": rf"[.{_SPACES}]"}
# What can be written with one decimal mark only: "1,234" and "1.234" could be either.
_SURE = {
    mark: rf"^[+-]?((\d*{each}(\d{{1,2}}|\d{{4,}})|(0|\d{{4,}}){each}\d+){_TAIL[:-1]}"
    rf"|\d{{1,3}}([{other}{_SPACES}]\d{{3}})+{each}\d+)$"
    for mark, each, other in ((".", r"\.", ","), (",", ",", "."))
}
_EITHER = {
    ".": r"^[+-]?\d{1,3}\.\d{3}$",
    ",": r"^[+-]?\d{1,3},\d{3}$",
}


def bare(texts: Any) -> Any:
    """Without what changes no number: a percent sign, a plus, a typographic minus."""
    texts = pc.replace_substring(texts, "−", "-")
    return pc.replace_substring_regex(texts, r"^\+|[ \x{a0}\x{202f}]*%$", "")


def evidence(texts: Any, weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cells that speak for a decimal mark: surely a point, surely a comma, perhaps so, so."""
    texts = bare(texts)
    patterns = (_SURE["."], _SURE[","], _EITHER["."], _EITHER[","])
    return np.array([weights[_matches(texts, each)].sum() for each in patterns], dtype=np.int64)


def decimal_mark(found: NDArray[np.int64], delimiter: str) -> str:
    """What ``evidence`` says. Where nothing is sure: a comma only in a file with ``;``."""
    point, comma, maybe_point, maybe_comma = found
    if point != comma:
        return "," if comma > point else "."
    return "," if delimiter == ";" and maybe_comma > maybe_point else "."


def parse(texts: Any, mark: str) -> NDArray[np.float64]:
    """Finite float64 (n,), NaN for what is no number.

    A number that can only have been written with the other decimal mark is read by that one.
    """
    texts = bare(texts)
    other = "," if mark == "." else "."
    numbers = np.full(len(texts), np.nan)
    plain, grouped = (_matches(texts, form) for form in _FORMS[mark])
    strange = ~plain & ~grouped & _matches(texts, _SURE[other])
    for chosen, each in ((plain, mark), (grouped & ~plain, mark), (strange, other)):
        if chosen.any():
            found = pc.filter(texts, pa.array(chosen))
            numbers[chosen] = _floats(pc.replace_substring_regex(found, _GROUPS[each], ""), each)
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers


def _floats(texts: Any, mark: str) -> NDArray[np.float64]:
    if mark == ",":
        texts = pc.replace_substring(texts, ",", ".")
    try:
        return np.asarray(pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:  # one of them is beyond a float's range
        return np.array([float(text) for text in texts.to_pylist()])


def _matches(texts: Any, pattern: str) -> NDArray[np.bool_]:
    found = pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
    return np.asarray(found, dtype=np.bool_)
