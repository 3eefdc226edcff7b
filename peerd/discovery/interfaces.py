"""The addresses of this machine's interfaces, as the Linux kernel lists them (rtnetlink(7))."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ADDRESS = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix, flags, scope, interface
_ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type
_ERROR, _DONE, _NEW_ADDRESS, _GET_ADDRESS = 2, 3, 20, 22
_DUMP = 0x301  # a request for all of them
_WHOLE, _OWN, _FLAGS = 1, 2, 8  # IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS
_TEMPORARY, _FAILED, _DEPRECATED, _TENTATIVE = 0x01, 0x08, 0x20, 0x40
_UNFIT = _FAILED | _DEPRECATED | _TENTATIVE
_GET_INTERFACE_FLAGS = 0x8913  # SIOCGIFFLAGS
_UP_AND_RUNNING = 0x41
_REPLY_BYTES = 1 << 17
_MOST_REPLIES = 64  # far more than a machine's addresses fill


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """``host``: without a zone. ``bridge``: of a virtual switch, as Docker and libvirt make them;
    ``temporary``: IPv6 changes it by itself, within a day.
    """

    host: str
    bridge: bool = False
    temporary: bool = False


def interface_addresses() -> list[InterfaceAddress]:
    """Those of interfaces that are up and have a carrier; none where the kernel is another's."""
    if not hasattr(socket, "AF_NETLINK"):
        return []
    try:
        return list(_fit(_dump()))
    except (OSError, struct.error):
        return []


def _fit(found: bytes) -> Iterator[InterfaceAddress]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for kind, body in _messages(found):
            if kind != _NEW_ADDRESS:
                continue
            _, _, short_flags, _, index = _ADDRESS.unpack_from(body)
            attributes = dict(_attributes(body[_ADDRESS.size :]))
            raw = attributes.get(_OWN) or attributes.get(_WHOLE)
            flags = int.from_bytes(attributes.get(_FLAGS, bytes((short_flags,))), sys.byteorder)
            if raw is None or flags & _UNFIT:
                continue
            try:
                name = socket.if_indextoname(index)
                running = _running(probe, name)
            except OSError:  # it has gone meanwhile
                continue
            if running:
                bridge = Path("/sys/class/net", name, "bridge").is_dir()
                host = str(ipaddress.ip_address(raw))
                yield InterfaceAddress(host, bridge, bool(flags & _TEMPORARY))


def _running(probe: socket.socket, name: str) -> bool:
    asked = struct.pack("16sH14x", name.encode()[:15], 0)
    (flags,) = struct.unpack_from("=H", fcntl.ioctl(probe, _GET_INTERFACE_FLAGS, asked), 16)
    return bool(flags & _UP_AND_RUNNING == _UP_AND_RUNNING)


def _dump() -> bytes:
    """The kernel's answer to: which addresses are there? OSError."""
    request = _HEADER.pack(_HEADER.size + _ADDRESS.size, _GET_ADDRESS, _DUMP, 1, 0)
    found = b""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as asked:
        asked.settimeout(1.0)
        asked.send(request + _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0))
        for _ in range(_MOST_REPLIES):
            reply = asked.recv(_REPLY_BYTES)
            found += reply
            if any(kind in (_DONE, _ERROR) for kind, _ in _messages(reply)):
                break
    return found


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _HEADER.size:
        length, kind, *_ = _HEADER.unpack_from(data)
        yield kind, data[_HEADER.size : length]
        data = data[max(_aligned(length), _HEADER.size) :]


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        yield kind, data[_ATTRIBUTE.size : length]
        data = data[max(_aligned(length), _ATTRIBUTE.size) :]


def _aligned(length: int) -> int:
    return (length + 3) & ~3
