"""An authority of a test's own: certifies a daemon and its clients, takes certificates back."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)


class Authority:
    """``folder``: where all files go; ``name``: of the authority, and of its own certificate's."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder = folder
        self._key = generate(SECP256R1())
        self._name = _named(f"The authority {name}")
        builder = _begun(self._name, self._name, self._key, 30 * DAY)
        builder = builder.add_extension(x509.BasicConstraints(True, 0), True)
        self.file = folder / f"{name}.crt"
        self._certificate = builder.sign(self._key, hashes.SHA256())
        self.file.write_bytes(self._certificate.public_bytes(Encoding.PEM))

    def server(self, stem: str = "server") -> tuple[Path, Path]:
        """Of 127.0.0.1: the certificate's file and the key's."""
        alternative = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return self._issued(stem, "localhost", alternative, ExtendedKeyUsageOID.SERVER_AUTH)

    def client(
        self, name: str, *mail: str, stem: str = "", lasts: timedelta = DAY, server: bool = False
    ) -> tuple[Path, Path]:
        """Of somebody by this common name. ``server``: for the use of servers."""
        use = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        alternative = [x509.RFC822Name(each) for each in mail]
        return self._issued(stem or name, name, alternative, use, lasts)

    def revoke(self, *certificates: Path, holds: timedelta = DAY) -> Path:
        """The list's file. ``holds``: from now on."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._name)
        builder = builder.last_update(now - 2 * DAY).next_update(now + holds)
        for file in certificates:
            found = x509.load_pem_x509_certificate(file.read_bytes())
            one = x509.RevokedCertificateBuilder().serial_number(found.serial_number)
            builder = builder.add_revoked_certificate(one.revocation_date(now).build())
        path = self.folder / f"{self.file.stem}.crl"
        path.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return path

    def _issued(
        self,
        stem: str,
        name: str,
        alternative: Sequence[x509.GeneralName],
        use: x509.ObjectIdentifier,
        lasts: timedelta = DAY,
    ) -> tuple[Path, Path]:
        key = generate(SECP256R1())
        builder = _begun(_named(name), self._name, key, lasts)
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), False)
        if alternative:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternative), False)
        certificate, secret = self.folder / f"{stem}.crt", self.folder / f"{stem}.key"
        signed = builder.sign(self._key, hashes.SHA256())
        certificate.write_bytes(signed.public_bytes(Encoding.PEM))
        secret.touch(0o600)
        secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate, secret


def fingerprint(certificate: Path) -> str:
    """SHA-256, hexadecimal."""
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    return found.fingerprint(hashes.SHA256()).hex()


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _begun(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, lasts: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - DAY).not_valid_after(now + lasts)
