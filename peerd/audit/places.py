"""From what a person names (a directory, a socket, files) to the pieces that are there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from peerd.audit.files import read_file
from peerd.audit.material import Lie, Material, together
from peerd.audit.socket import read_socket
from peerd.audit.store import is_store, read_store
from peerd.config import Config
from peerd.errors import ConfigError, GroupError, LockedError
from peerd.group import load

GENESIS = "genesis.json"
CONFIGURATION = "peerd.toml"
SOCKET = Path("run") / "status.sock"


def read_places(paths: list[Path], *, genesis_given: bool) -> Material:
    """The pieces of all of them. ConfigError for a path where nothing is. ``genesis_given``: no
    genesis is looked for beside a peer's data.
    """
    return together(_read(path, genesis_given=genesis_given) for path in paths)


def _read(path: Path, *, genesis_given: bool) -> Material:
    if path.is_socket():
        return read_socket(path)
    if path.is_dir():
        return _directory(path, genesis_given=genesis_given)
    if not path.is_file():
        raise ConfigError(
            f"there is no file {path}, and no directory or socket of that name",
            "'peerd rounds N --transcript FILE' writes a round's transcript",
        )
    found = Material()
    read_file(path, found, asked=True)
    return found


def _directory(path: Path, *, genesis_given: bool) -> Material:
    """A peer's, or a folder with whatever an auditor was sent: files, and peers' directories."""
    data = next((each for each in _data_of(path) if is_store(each)), None)
    if data is not None:
        return _peer(path, data, genesis_given=genesis_given)
    found = Material()
    try:
        entries = sorted(each for each in path.iterdir() if not each.name.startswith("."))
    except OSError as error:
        raise ConfigError(f"can't read {path}: {error.strerror}", "may you read it?") from None
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            found.add(_directory(entry, genesis_given=genesis_given))
        elif entry.is_file():
            read_file(entry, found, asked=False)
    return found


def _data_of(directory: Path) -> Iterator[Path]:
    """Where a peer's data may be, if this is the peer's directory, or the data itself."""
    yield directory
    yield directory / "data"
    configuration = directory / CONFIGURATION
    if configuration.is_file():
        with suppress(ConfigError):
            yield Config.load(configuration).data


def _peer(directory: Path, data: Path, *, genesis_given: bool) -> Material:
    try:
        found = read_store(data)
    except LockedError:
        if not (data / SOCKET).is_socket():
            raise
        found = read_socket(data / SOCKET)  # the daemon that holds it hands out the same
    if not genesis_given:
        _find_genesis(directory, data, found)
    return found


def _find_genesis(directory: Path, data: Path, found: Material) -> None:
    for path in _genesis_of(directory, data):
        if path.is_file():
            try:
                found.geneses.append((str(path), load(path)))
            except GroupError as error:
                reason = error.message.removeprefix(f"{path}: ")
                found.lies.append(Lie(str(path), reason))
            return


def _genesis_of(directory: Path, data: Path) -> Iterator[Path]:
    """Beside the data, as `peerd init` lays a peer out; above all peers, as a swarm does."""
    for place in (directory, data.parent):
        configuration = place / CONFIGURATION
        if configuration.is_file():
            with suppress(ConfigError):
                yield Config.load(configuration).genesis
        yield place / GENESIS
    yield directory.absolute().parent / GENESIS
    yield data.absolute().parent.parent / GENESIS
