"""The Unix socket's place in the file system: directory 0700, socket 0600, nothing followed; where
others have roles, 0711 and 0666, as the kernel says who connects.

A path that some other user could have put there is never used and never removed; the socket that
a dead daemon of ours left behind is.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

import trio

from peerd.config_values import MAX_SOCKET_PATH
from peerd.errors import NetworkError

BACKLOG = 64
_CREDENTIALS = struct.Struct("iII")  # struct ucred: pid, uid, gid


class StatusSocketError(NetworkError):
    """The status socket can't be put where the configuration wants it."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A listening socket, and the inode that it was given in the file system."""

    path: Path
    listener: socket.socket
    inode: tuple[int, int]  # device, inode

    def close(self) -> None:
        """Stop listening, and unlink the path if it still is this very socket."""
        self.listener.close()
        try:
            found = os.lstat(self.path)
        except FileNotFoundError:
            return
        if (found.st_dev, found.st_ino) == self.inode:
            self.path.unlink(missing_ok=True)


def listen(path: Path, *, shared: bool = False) -> Endpoint:
    """Bind and listen at ``path``, mode 0600, in a directory that only this user may enter;
    ``shared``: anybody may connect, and only this user may put anything there.

    StatusSocketError says what stands in the way and what to do about it.
    """
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise StatusSocketError(
            f"status socket {path}: the path is longer than {MAX_SOCKET_PATH} bytes",
            "set a shorter status socket path in peerd.toml",
        )
    _own_directory(path.parent, shared=shared)
    _clear_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # the socket is never wider than 0600, not even for an instant
    try:
        listener.bind(os.fspath(path))
        os.chmod(path, 0o666 if shared else 0o600)
        listener.listen(BACKLOG)
        found = os.lstat(path)
    except OSError as error:
        listener.close()
        raise StatusSocketError(
            f"status socket {path}: {error.strerror}", "choose another path in peerd.toml"
        ) from error
    finally:
        os.umask(before)
    return Endpoint(path, listener, (found.st_dev, found.st_ino))


def peer_uid(connection: trio.SocketStream) -> int:
    """User id of the process at the other end, from the kernel (SO_PEERCRED)."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    return int(uid)


def _own_directory(directory: Path, *, shared: bool) -> None:
    wider = 0o022 if shared else 0o077
    try:
        directory.mkdir(mode=0o711 if shared else 0o700, parents=True, exist_ok=True)
        found = os.lstat(directory)
    except OSError as error:
        raise StatusSocketError(
            f"status directory {directory}: {error.strerror}", "choose another path in peerd.toml"
        ) from error
    if not stat.S_ISDIR(found.st_mode):
        raise StatusSocketError(
            f"status directory {directory} is a symbolic link or no directory",
            "name a real directory in peerd.toml",
        )
    if found.st_uid != os.geteuid():
        raise StatusSocketError(
            f"status directory {directory} belongs to user {found.st_uid}",
            "name a directory of your own in peerd.toml",
        )
    if stat.S_IMODE(found.st_mode) & wider:
        raise StatusSocketError(
            f"status directory {directory} is open to other users",
            f"chmod {'711' if shared else '700'} {directory}",
        )


def _clear_stale(path: Path) -> None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
        raise StatusSocketError(
            f"status socket {path}: something that is not a socket of ours is there",
            "look at what it is, and remove it or choose another path in peerd.toml",
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise StatusSocketError(
                f"status socket {path}: {error}", "choose another path in peerd.toml"
            ) from error
    raise StatusSocketError(
        f"status socket {path}: another daemon answers there", "stop that daemon first"
    )
