"""A member as a person names it: by its name, its peer id, or the end of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peerd.errors import ConfigError, IdentityError

if TYPE_CHECKING:
    from peerd.group import Genesis

_LEAST = 6
"""Characters of a peer id's end that are taken for one."""


def who(genesis: Genesis, text: str, option: str) -> bytes:
    """The member's public key. ConfigError."""
    from peerd.group.names import folded
    from peerd.identity import peer_id_of, public_of

    word = text.strip()
    try:
        known = [public_of(word)]
    except IdentityError:
        end = word.removeprefix("…").removeprefix("...")
        long_enough = len(end) >= _LEAST
        named = [i for i, name in enumerate(genesis.names) if folded(name) == folded(word)]
        known = [genesis.roster[index] for index in named] or [
            key for key in genesis.roster if long_enough and peer_id_of(key).endswith(end)
        ]
    if len(known) == 1 and known[0] in genesis.roster:
        return known[0]
    members = ", ".join(genesis.names) or "'peerd group show' has their peer ids"
    raise ConfigError(
        f"{option} {text}: is no member of {genesis.name!r}", f"its members: {members}"
    )


def public(option: str, text: str) -> bytes:
    """The public key of any peer id. ConfigError."""
    from peerd.identity import public_of

    try:
        return public_of(text.strip())
    except IdentityError as error:
        raise ConfigError(f"{option} {error.message}", error.hint) from None
