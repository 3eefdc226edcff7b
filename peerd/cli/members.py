"""``--members``: who a group is founded for, as people write it."""

from __future__ import annotations

from pathlib import Path

from peerd.errors import ConfigError, IdentityError

MAX_MEMBERS_FILE_BYTES = 1 << 20
OPTION = "--members"
_AS_INIT = "copy members' peer ids as 'peerd init' prints them, with the checksum behind"


def members(words: list[str], option: str = OPTION, *, least: int = 1) -> dict[bytes, int | None]:
    """Public keys with what each states, such as its weight (None: nothing).

    From peer ids, hex keys, and files that hold one a line ("#" comments), each alone or with
    "=NUMBER", a whole one from ``least`` on.
    """
    found: list[tuple[bytes, int | None]] = []
    for word in words:
        path = Path(word)
        if path.is_file():
            found += _members_in(path, option, least)
        else:
            found.append(_stated(word, f"{option}: ", least))
    if len(dict(found)) != len(found):
        raise ConfigError(f"{option}: somebody is named twice")
    return dict(found)


def _members_in(path: Path, option: str, least: int) -> list[tuple[bytes, int | None]]:
    from peerd.text import NotText, read_text

    try:
        text = read_text(path, MAX_MEMBERS_FILE_BYTES)
    except OSError as error:
        raise ConfigError(f"{option}: can't read {path}: {error.strerror}") from None
    except NotText as error:
        raise ConfigError(f"{option}: {path} is {error.message}", error.hint) from None
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        # A mark within the file: somebody has joined several files to one.
        if word := line.partition("#")[0].strip("\ufeff \t"):
            found.append(_stated(word, f"{path} line {number}: ", least))
    return found


def _stated(word: str, where: str, least: int) -> tuple[bytes, int | None]:
    peer, equals, said = word.partition("=")
    public = _member(peer.strip(), where)
    if not equals:
        return public, None
    number = said.strip()
    if not number.isascii() or not number.isdigit() or not least <= int(number[:20]) < 1 << 53:
        kind = "a positive whole number" if least else "a whole number"
        raise ConfigError(f"{where}{word}: what is behind = must be {kind}")
    return public, int(number)


def _member(word: str, where: str) -> bytes:
    from peerd.identity import is_public_key, public_of

    try:
        public = bytes.fromhex(word) if len(word) == 64 else public_of(word)
    except ValueError:
        raise ConfigError(f"{where}{word}: neither hex nor a peer id", _AS_INIT) from None
    except IdentityError as error:
        file = "" if word.startswith("12D3") or "--" not in where else ", and no file"
        raise ConfigError(f"{where}{error.message}{file}", _AS_INIT) from None
    if not is_public_key(public):
        raise ConfigError(f"{where}{word}: no public key: it is mistyped", _AS_INIT)
    return public
