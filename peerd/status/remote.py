"""Where a daemon is asked: at its socket, or over TLS with a client certificate."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from peerd.environment import REMOTE, REMOTE_CA, REMOTE_CERTIFICATE, REMOTE_KEY
from peerd.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Remote:
    """A daemon's TLS port. ``host``: also the name or address in its certificate."""

    host: str
    port: int
    context: ssl.SSLContext = field(repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}"


Place: TypeAlias = Path | Remote
"""A socket's path, or a TLS port."""


def remote(environment: Mapping[str, str] = os.environ) -> Remote | None:
    """What the environment names; None where it names none. ConfigError."""
    text = environment.get(REMOTE)
    if not text:
        return None
    host, port = _address(text)
    names = (REMOTE_CERTIFICATE, REMOTE_KEY, REMOTE_CA)
    for name in names:
        if not environment.get(name):
            raise ConfigError(f"{REMOTE} is set, and {name} is not", f"set {', '.join(names)}")
    certificate, key, authority = (environment[name] for name in names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(authority)
        context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        said = error.reason if isinstance(error, ssl.SSLError) else getattr(error, "strerror", "")
        raise ConfigError(
            f"{', '.join(names)}: not acceptable ({said or 'not PEM'})",
            "each is a PEM file; certificate and key belong together",
        ) from None
    return Remote(host, port, context)


def _address(text: str) -> tuple[str, int]:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port or parts.scheme != "https" or parts.path.strip("/") or parts.query:
        raise ConfigError(f"{REMOTE} is {text[:80]!r}", "such as https://control.example.org:9443")
    return host, port
