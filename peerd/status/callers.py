"""Who is at the other end: a user, as the kernel names it, or a certificate, as TLS does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peerd.trail import Factor
from peerd.trail.record import user_name

CERTIFICATE = "cert:"
"""Ahead of a name in ``[control]``: a certificate's."""
FINGERPRINT = "sha256:"
"""Ahead of 64 digits: the one certificate that has this fingerprint."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """``fingerprint``: SHA-256 of its DER, hexadecimal; ``serial``: decimal; ``names``: its common
    name, and the DNS names and mail addresses beside it. ``expires``: seconds since 1970;
    ``issuer``: its name, DER.
    """

    fingerprint: str
    serial: int
    names: tuple[str, ...] = ()
    expires: float = 0.0
    issuer: bytes = b""

    @property
    def called(self) -> frozenset[str]:
        """As ``[control]`` names it."""
        named = {CERTIFICATE + name for name in self.names}
        return frozenset({FINGERPRINT + self.fingerprint, *named})


@dataclass(frozen=True, slots=True)
class Caller:
    """One of the two: ``uid``, or ``certificate``."""

    uid: int | None = None
    certificate: Certificate | None = None

    @property
    def key(self) -> str:
        """No two callers have the same."""
        if self.certificate is not None:
            return FINGERPRINT + self.certificate.fingerprint
        return str(self.uid)

    def name(self) -> str | None:
        """For people, and for the trail; it may ask a directory service."""
        if self.certificate is not None:
            return self.certificate.names[0] if self.certificate.names else None
        return None if self.uid is None else user_name(self.uid)

    def names(self) -> frozenset[str]:
        """All that it is called, without what tells users from certificates."""
        if self.certificate is not None:
            return frozenset(self.certificate.names)
        return frozenset(filter(None, (self.name(),)))

    def factor(self, *, code: bool = False) -> Factor:
        """By what this machine knows it, with a code of a second factor or without."""
        if self.certificate is not None:
            return Factor.CERTIFICATE_CODE if code else Factor.CERTIFICATE
        return Factor.CODE if code else Factor.SOCKET

    def about(self) -> dict[str, str]:
        """What the trail says of it beside its name."""
        found = self.certificate
        return {} if found is None else {"certificate": found.fingerprint}

    def in_words(self) -> str:
        """``boris (uid 1002)``, ``boris (certificate 5f0c…)``."""
        name = self.name() or ("this user" if self.certificate is None else "no name")
        if self.certificate is not None:
            return f"{name} (certificate {self.certificate.fingerprint[:16]}…)"
        return f"{name} (uid {self.uid})"

    def stored(self) -> dict[str, Any]:
        """As ``restored`` takes it."""
        found = self.certificate
        if found is None:
            return {"uid": self.uid}
        return {
            "fingerprint": found.fingerprint,
            "serial": found.serial,
            "names": list(found.names),
            "expires": found.expires,
            "issuer": found.issuer.hex(),
        }


def restored(document: dict[str, Any]) -> Caller:
    """Whom ``stored`` wrote down."""
    if "uid" in document:
        return Caller(document["uid"])
    names = tuple(document["names"])
    issuer = bytes.fromhex(document["issuer"])
    return Caller(
        certificate=Certificate(
            document["fingerprint"], document["serial"], names, document["expires"], issuer
        )
    )
