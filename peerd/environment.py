"""The environment's say in a configuration: a variable for each key, PEERD_TASK_DATA for task.data.

It goes before the file. A variable that is empty is one that is not set. What a text is to be
follows from the key's declared type: a whole number, addresses with commas between them, a JSON
object; else it is the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from types import UnionType
from typing import Any, Union, get_args, get_origin

from peerd.config_values import At
from peerd.errors import ConfigError

PREFIX = "PEERD_"
CONFIG, DEBUG = f"{PREFIX}CONFIG", f"{PREFIX}DEBUG"
"""Which file, and whether tracebacks and logs are shown: of commands, and no keys."""
REMOTE, REMOTE_CERTIFICATE = f"{PREFIX}REMOTE", f"{PREFIX}REMOTE_CERTIFICATE"
REMOTE_KEY, REMOTE_CA = f"{PREFIX}REMOTE_KEY", f"{PREFIX}REMOTE_CA"
"""The TLS port that commands ask in the place of a socket, and by which files: no keys either."""
_OF_COMMANDS = frozenset({CONFIG, DEBUG, REMOTE, REMOTE_CERTIFICATE, REMOTE_KEY, REMOTE_CA})
ALIKE = 0.75
"""From here on a variable of no key is a slip, and not somebody else's: such as those that a
cluster sets for a service of that name.
"""
_WHOLE = re.compile(r"-?[0-9]{1,20}", re.ASCII)


def variable(key: str) -> str:
    """The name of the variable for ``key``, such as ``task.data``."""
    return PREFIX + key.replace(".", "_").upper()


def keys_given(keys: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """By key what the environment says. ConfigError for a variable that is nearly a key's."""
    names = {variable(key): key for key in keys}
    for each in strangers(names, environment):
        nearest = max(names, key=lambda name: _alike(each, name))
        if _alike(each, nearest) >= ALIKE:
            raise ConfigError(
                f"the environment's {each[:80]} is no key's", f"did you mean {nearest}?"
            )
    return {key: text for name, key in names.items() if (text := environment.get(name))}


def strangers(names: Iterable[str], environment: Mapping[str, str]) -> list[str]:
    """Variables that look like peerd's and are nobody's."""
    known = {*names, *_OF_COMMANDS}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def without(environment: Mapping[str, str]) -> dict[str, str]:
    """For a daemon whose file says everything."""
    kept = {CONFIG, DEBUG}
    return {k: v for k, v in environment.items() if not k.startswith(PREFIX) or k in kept}


def from_text(kind: Any, text: str, at: At) -> Any:
    """``text`` as a file would have it, for a key of type ``kind``. ConfigError."""
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    origins = {get_origin(each) or each for each in kinds}
    if bool in origins:
        return {"true": True, "false": False}.get(text, text)
    if int in origins and _WHOLE.fullmatch(text):
        return int(text)
    if tuple in origins:
        return [each.strip() for each in text.split(",") if each.strip()]
    if dict in origins:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise at.wrong('must be a JSON object, such as {"hidden": 64}') from None
    return text


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one.removeprefix(PREFIX), other.removeprefix(PREFIX)).ratio()
