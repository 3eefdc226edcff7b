"""What the control port shows and asks for: its certificate, the clients' CA, what was revoked."""

from __future__ import annotations

import os
import ssl
import stat
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from peerd.config_control import ControlTlsConfig
from peerd.errors import ConfigError, printable
from peerd.status.callers import Certificate

MAX_CRL_BYTES = 1 << 24
MAX_NAMES, MAX_NAME = 16, 128
_SECTION = "[control.tls]"
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What a certificate may be though its signature is right: nobody else's names come of it."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """What the lists in one file take back, by issuer (DER): serial numbers, and until when (in
    seconds since 1970) the list holds. None for ``lists``: no file is configured.
    """

    lists: dict[bytes, tuple[frozenset[int], float]] | None = field(default=None, repr=False)

    def has(self, certificate: Certificate) -> bool:
        """Whether it counts no more: taken back, over, or of an issuer whose list is missing or out
        of date, as then nobody knows.
        """
        now = time.time()
        if now >= certificate.expires:
            return True
        if self.lists is None:
            return False
        serials, until = self.lists.get(certificate.issuer, (frozenset(), 0.0))
        return now >= until or certificate.serial in serials


@dataclass(frozen=True, slots=True)
class Credentials:
    """What new connections are taken with."""

    context: ssl.SSLContext = field(repr=False)
    revoked: Revoked


def credentials(config: ControlTlsConfig) -> Credentials | None:
    """Read anew from the files; None where no port is configured. ConfigError."""
    if config.listen is None:
        return None
    assert config.certificate is not None, "Config.load looks"
    assert config.key is not None and config.clients_ca is not None, "Config.load looks"
    _check_secret(config.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.num_tickets = 0  # each connection shows its certificate
    try:
        context.load_cert_chain(config.certificate, config.key, password=_refuse_encrypted)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{_SECTION} certificate {config.certificate}, key {config.key}: {_why(error)}",
            "both are PEM, and belong together; the key is not encrypted",
        ) from None
    try:
        context.load_verify_locations(config.clients_ca)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{_SECTION} clients_ca {config.clients_ca}: {_why(error)}") from None
    return Credentials(context, _revoked(config.crl, config.clients_ca))


def certificate_of(der: bytes) -> Certificate | None:
    """A verified one, as the gate knows it; None for one that can't be read."""
    try:
        found = x509.load_der_x509_certificate(der)
        return Certificate(
            _hex(found),
            found.serial_number,
            _names(found),
            found.not_valid_after_utc.timestamp(),
            found.issuer.public_bytes(),
        )
    except _UNREADABLE:
        return None


def _hex(found: x509.Certificate) -> str:
    return found.fingerprint(SHA256()).hex()


def _names(found: x509.Certificate) -> tuple[str, ...]:
    """The common name first; what could pass for another one, or can't be printed, is left out."""
    names = [str(each.value) for each in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    try:
        others = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names += others.get_values_for_type(x509.DNSName)
        names += others.get_values_for_type(x509.RFC822Name)
    except x509.ExtensionNotFound:
        pass
    good = [each for each in names if each and len(each) <= MAX_NAME and printable(each) == each]
    return tuple(dict.fromkeys(good))[:MAX_NAMES]


def _revoked(crl: Path | None, clients_ca: Path) -> Revoked:
    if crl is None:
        return Revoked()
    try:
        authorities = x509.load_pem_x509_certificates(_read(clients_ca))
        lists = [x509.load_pem_x509_crl(each) for each in _blocks(_read(crl))]
        if not lists:
            raise ValueError("there is no list in it")
        return Revoked({each.issuer.public_bytes(): _list(each, authorities) for each in lists})
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(
            f"{_SECTION} crl {crl}: {_why(error)}", "openssl ca -gencrl writes one, as PEM"
        ) from None


def _list(
    found: x509.CertificateRevocationList, authorities: Iterable[x509.Certificate]
) -> tuple[frozenset[int], float]:
    """ValueError where nobody among the authorities has signed it."""
    for each in authorities:
        if each.subject == found.issuer and _signed_by(found, each):
            until = found.next_update_utc
            holds = float("inf") if until is None else until.timestamp()
            return frozenset(one.serial_number for one in found), holds
    raise ValueError("no authority of clients_ca has signed it")


def _signed_by(found: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    try:
        return found.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except (InvalidSignature, TypeError, ValueError):
        return False


def _blocks(text: bytes) -> list[bytes]:
    end = b"-----END X509 CRL-----"
    return [each + end for each in text.split(end)[:-1]]


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_CRL_BYTES + 1)
    if len(data) > MAX_CRL_BYTES:
        raise ValueError(f"it has more than {MAX_CRL_BYTES} bytes")
    return data


def _check_secret(path: Path) -> None:
    """ConfigError where others can read the key."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise ConfigError(f"{_SECTION} key {path}: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o077:
        raise ConfigError(
            f"{_SECTION} key {path} is open to others, or no file", f"run: chmod 600 {path}"
        )


def _refuse_encrypted() -> str:
    raise ValueError("the key is encrypted, and nobody is there to type")


def _why(error: Exception) -> str:
    """No content of the files: a key may be in the wrong one."""
    if isinstance(error, ssl.SSLError):
        return f"not acceptable ({error.reason or 'not PEM'})"
    if isinstance(error, OSError):
        return str(error.strerror)
    return str(error)[:200]
