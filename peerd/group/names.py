"""The names of members, which stand in the genesis: what one may be, and how it is shown.

What two people read alike must not be two members, and a name must not pass for a peer id, which is
what tells members apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from peerd.group.fields import refused, shown
from peerd.identity import peer_id_of
from peerd.labels import SHOWN, short

MAX_NAME = 64  # characters
_REFUSED = {
    "Cc": "a control character",
    "Cf": "a format character",
    "Cs": "half a character",
    "Co": "a character of private use",
    "Cn": f"a character that Unicode {unicodedata.unidata_version} does not have",
    "Zl": "a line separator",
    "Zp": "a line separator",
}
"""By general category. Format characters change the direction of a text, or can't be seen."""
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
"""Drawn as nothing, though of other categories: fillers, selectors, the empty braille cell."""
_LIKE_A_PEER_ID = re.compile(r"12d3koow|\.{3}[0-9a-z]{8}(?![0-9a-z])|^[0-9a-f]{64}$")
"""Folded: a peer id's beginning, a short one with its dots, a public key."""


class BadName(ValueError):
    """Why a text can't be a member's name."""


def check_name(name: object) -> str:
    """The name, if a member may have it by itself. Raises BadName."""
    if not isinstance(name, str):
        raise BadName(f"must be text, not {shown(name)}")
    if not 1 <= len(name) <= MAX_NAME:
        raise BadName(f"must have 1…{MAX_NAME} characters, not {len(name)}")
    for char in name:
        _check_character(char, name)
    if name.strip(" ") != name or "  " in name:
        raise BadName(f"must have no space around it and no two in a row: {shown(name)}")
    if not unicodedata.is_normalized("NFC", name):
        raise BadName(f"must be in Unicode's composed form, NFC: {shown(name)}")
    if unicodedata.category(name[0]).startswith("M"):
        raise BadName(f"begins with a mark that is drawn on the character before: {shown(name)}")
    if _LIKE_A_PEER_ID.search(folded(name)):
        raise BadName(f"looks like a peer id: {shown(name)}")
    return name


def check_names(value: object, roster: Sequence[bytes]) -> tuple[str, ...]:
    """One name a member, in roster order; empty where nobody has one. GroupError names whose."""
    if not isinstance(value, tuple | list):
        raise refused("names", f"must be a list of texts, not {shown(value)}")
    if not value:
        return ()
    if len(value) != len(roster):
        raise refused("names", f"must be {len(roster)}, one a member or none, not {len(value)}")
    peers = [peer_id_of(public) for public in roster]
    ends = {folded(peer[-SHOWN:]): peer for peer in peers}
    holders: dict[str, int] = {}
    for index, name in enumerate(value):
        try:
            key = folded(check_name(name))
        except BadName as error:
            raise refused("names", f"of {peers[index]}: {error}") from None
        first = holders.setdefault(key, index)
        if first != index:
            raise refused(
                "names",
                f"of {peers[first]} and {peers[index]} read alike: {shown(value[first])} and"
                f" {shown(name)}",
            )
        if alike := next((ends[end] for end in ends if end in key), None):
            raise refused("names", f"of {peers[index]}: looks like the id {short(alike)}")
    return tuple(value)


def folded(name: str) -> str:
    """What two names have in common that a person takes for one: NFKC and case folding."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", text)


def _check_character(char: str, name: str) -> None:
    category = unicodedata.category(char)
    why = _REFUSED.get(category)
    if why is None and _UNSEEN.match(char):
        why = "a character that can't be seen"
    if why is None and category == "Zs" and char != " ":
        why = "a space of another kind than U+0020"
    if why is not None:
        point = f"U+{ord(char):04X} {unicodedata.name(char, '')}".strip()
        raise BadName(f"has {why}, {point}: {shown(name)}")
