"""Where a peer can be reached, signed by that peer.

A record is a 64-byte Ed25519 signature and a canonical msgpack body: group, public key, multiaddrs,
sequence number and expiry (both in milliseconds since 1970). It can be passed on by anybody and
changed by nobody. Of two valid records of a peer the one with the higher sequence number counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from multiaddr import Multiaddr
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from peerd.identity import Identity
from peerd.transport.circuit import relay_of
from peerd.transport.names import PUBLIC_BYTES
from protocols.errors import WireError
from protocols.hashing import digest
from protocols.wire.canonical import pack, unpack

MAX_RECORD_BYTES = 2048
MAX_ADDRESSES = 8
MAX_ADDRESS_CHARACTERS = 128
LIFETIME = 24 * 3600.0  # seconds that a record is valid
MAX_SKEW = 600.0  # seconds by which two peers' clocks may differ
_SIGNATURE_BYTES = 64
_DOMAIN = "peerd/address record"
_FIELDS = {"addresses", "expires", "group", "public", "sequence"}
_HOSTS = {"ip4", "ip6", "dns", "dns4", "dns6"}


class BadRecord(WireError):
    """A record that is dropped: forged, malformed, of another group, or out of its time."""


class ClockDiffers(BadRecord):
    """A record that is out of its time here. ``ahead``: seconds by which its signer's clock was
    ahead of this one when it signed, if that was just now; negative where it was behind, or where
    the record is merely old.
    """

    def __init__(self, message: str, public: bytes, ahead: float) -> None:
        super().__init__(message)
        self.public = public
        self.ahead = ahead


@dataclass(frozen=True, slots=True)
class AddressRecord:
    group: bytes
    public: bytes
    addresses: tuple[str, ...]
    sequence: int
    expires: int  # milliseconds since 1970
    raw: bytes  # as signed

    def expired(self, now: float) -> bool:
        return self.expires < (now - MAX_SKEW) * 1000


def sign_record(
    identity: Identity, group: bytes, addresses: tuple[str, ...], sequence: int, now: float
) -> AddressRecord:
    """A record of ``identity``, valid for LIFETIME from ``now`` (Unix seconds)."""
    expires = int((now + LIFETIME) * 1000)
    body = pack(
        {
            "addresses": list(addresses),
            "expires": expires,
            "group": group,
            "public": identity.public,
            "sequence": sequence,
        }
    )
    signature = SigningKey(identity.secret.reveal()).sign(digest(_DOMAIN, body)).signature
    return read_record(signature + body, group)


def read_record(raw: bytes, group: bytes) -> AddressRecord:
    """The record in ``raw``, with its signature checked. Raises BadRecord.

    The size is checked before anything is parsed. Expiry and roster are the caller's business:
    an old record is still a hint where to dial.
    """
    if not _SIGNATURE_BYTES < len(raw) <= MAX_RECORD_BYTES:
        raise BadRecord(f"an address record of {len(raw)} bytes")
    signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
    try:
        fields = unpack(body)
    except WireError as error:
        raise BadRecord(f"an address record that doesn't decode: {error}") from error
    if not isinstance(fields, dict) or set(fields) != _FIELDS:
        raise BadRecord("an address record without its five fields")
    of_group, public = fields["group"], fields["public"]
    sequence, expires = _number(fields["sequence"]), _number(fields["expires"])
    if not isinstance(of_group, bytes) or not isinstance(public, bytes):
        raise BadRecord("an address record with a field of the wrong type")
    if of_group != group:
        raise BadRecord("an address record of another group")
    if len(public) != PUBLIC_BYTES:
        raise BadRecord("an address record with a short key")
    checked = _check_addresses(fields["addresses"])
    try:
        VerifyKey(public).verify(digest(_DOMAIN, body), signature)
    except (BadSignatureError, ValueError) as error:
        raise BadRecord("an address record with a wrong signature") from error
    return AddressRecord(of_group, public, checked, sequence, expires, raw)


def check_time(record: AddressRecord, now: float) -> None:
    """Raises ClockDiffers for an expired record, and for one that claims to live too long."""
    ahead = record.expires / 1000 - LIFETIME - now
    if record.expired(now):
        raise ClockDiffers("an expired address record", record.public, ahead)
    if record.expires > (now + LIFETIME + MAX_SKEW) * 1000:
        what = "an address record that expires too far in the future"
        raise ClockDiffers(what, record.public, ahead)


def _number(value: object) -> int:
    if type(value) is not int or value < 0:  # not isinstance: a bool is an int
        raise BadRecord("an address record with a field out of range")
    return value


def _check_addresses(addresses: object) -> tuple[str, ...]:
    if not isinstance(addresses, list) or len(addresses) > MAX_ADDRESSES:
        raise BadRecord(f"an address record without a list of at most {MAX_ADDRESSES} addresses")
    return tuple(check_address(address) for address in addresses)


def check_address(address: object) -> str:
    """``address`` if it is ``/<host>/<value>/tcp/<port>``, or ``/p2p/<peer id>/p2p-circuit``, which
    is through another member. Raises BadRecord.
    """
    if not isinstance(address, str) or len(address) > MAX_ADDRESS_CHARACTERS:
        raise BadRecord("an address that is not a short string")
    try:
        names = [protocol.name for protocol in Multiaddr(address).protocols()]
    except Exception as error:  # multiaddr's parser raises many kinds
        raise BadRecord(f"{address[:60]!r} is not a multiaddr") from error
    if names == ["p2p", "p2p-circuit"] and relay_of(address) is not None:
        return address
    if len(names) != 2 or names[0] not in _HOSTS or names[1] != "tcp":
        raise BadRecord(f"{address[:60]!r} is not a host and a TCP port")
    return address
