#!/usr/bin/env python3
"""Verify what a peerd group did, without peerd: this file, Python 3.11, PyNaCl, and NumPy for .npz.

    verify_transcript.py GENESIS FILE... [--model FILE] [--json]

A second implementation, written from docs/protocol.md. FILE is a transcript ('peerd rounds N
--transcript'), certificates ('peerd rounds --certificates'), a piece of evidence, or the genesis
of a group that goes on from the one before. Exit code 0: all of it holds; 9: the first thing that
does not is named.

VERIFIED here: that all members signed the genesis; the committee plan that follows from it; of
each round that a quorum of the roster elected, the seed, and the committee that it draws; that
a quorum of that committee signed the result, of this cohort and of this model; votes on the
cohort; that every statement in the pool, in void flips and in evidence was signed by whom it
names, and two that contradict each other, a wrong reveal and a wrong result do so; that each
round leads on from the one before, the first from the genesis, if more than one is given; that a
quorum of the roster voted for each rest and each handover, which open nothing and forget nobody
that is guilty, and that the genesis of a successor fits the group that hands over to it; that
a model (.npz, .safetensors) is a certified one.

NOT VERIFIED here, and by 'peerd audit' only: the zero-knowledge proofs of dealings, so that for
a malformed proof, a complaint and a disclosure only the signatures are checked and not who is
guilty; words of the opening against the certified polynomials (a wrong sum), and so the opened
sum itself, of which the certificate has the hash; whether the cohort follows from the pool; the
constants of the group's rule; deadlines; sizes of statements; how many rounds a privacy budget
allows, of which the genesis states the most, and what a successor has left.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
import zipfile
import zlib
from fractions import Fraction
from itertools import pairwise
from math import comb
from pathlib import Path
from typing import Any, NamedTuple

from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_open
from nacl.exceptions import BadSignatureError

MAX_PEERS, MAX_SEATS, MAX_ROUND, MAX_ATTEMPT, MAX_VIEW = 5000, 512, (1 << 32) - 1, 8191, 65535
MAX_STATEMENT, MAX_EVIDENCE, MAX_BULK, MAX_POOL = 8 << 20, 16 << 20, 64 << 20, 1 << 20
MAX_SUBJECT = MAX_PEERS * MAX_SEATS
MAX_FILE, MAX_MODEL, MAX_WINDOW = 1 << 30, 5 << 30, 1 << 16
WORDS = (
    b"We give up the sum of the cohort named here. Up to t members, and whom they tell, may know"
    b" that sum all the same. What is opened next starts from the same model: the difference of the"
    b" two sums may show the update of a single peer. We accept this."
)
COMMIT, REVEAL, SEEN, PROPOSAL, FIRST, SECOND, NEW_VIEW, HEADER, REPORT = range(1, 10)
COMPLAINT, DELIVERY, ATTESTATION, ANSWER, DISCLOSURE, SUM, RESULT, ABANDON = range(10, 18)
COMMITS, REVEALS, COHORT = 1, 2, 3  # topics of agreements
HANDOVER, PAUSE = 1, 2
KEPT = ("task", "parameters", "first_model", "fixed", "statistics", "model_seed", "starts_from")
BROKEN = (  # what bytes that lie lead Python to
    *(ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError),
    *(EOFError, MemoryError, NotImplementedError, zipfile.BadZipFile, zlib.error),
)


class Lie(Exception):
    """Something is not as it is claimed."""


def need(holds: object, what: str) -> None:
    if not holds:
        raise Lie(what)


# -- hashes and canonical msgpack (docs/protocol.md, 7) --------------------------------------------


def framed(domain: str, parts: tuple[bytes, ...]) -> bytes:
    head = len(domain).to_bytes(2, "little") + domain.encode()
    return head + b"".join(len(part).to_bytes(8, "little") + part for part in parts)


def digest(domain: str, *parts: bytes) -> bytes:
    return hashlib.sha256(framed(domain, parts)).digest()


def le8(number: int) -> bytes:
    return number.to_bytes(8, "little")


def length(count: int, fix: tuple[int, int] | None, forms: list[tuple[int, int]]) -> bytes:
    if fix and count <= fix[1]:
        return bytes([fix[0] | count])
    code, width = next(form for form in forms if count < 1 << 8 * form[1])
    return bytes([code]) + count.to_bytes(width, "big")


def pack(value: Any) -> bytes:
    match value:
        case None | bool():
            return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
        case int() if -32 <= value < 128:
            return bytes([value & 0xFF])
        case int() if value > 0:
            return length(value, None, [(0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8)])
        case int():
            signed = [(0xD0, 1), (0xD1, 2), (0xD2, 4), (0xD3, 8)]
            code, width = next(form for form in signed if value >= -(1 << 8 * form[1] - 1))
            return bytes([code]) + value.to_bytes(width, "big", signed=True)
        case bytes():
            return length(len(value), None, [(0xC4, 1), (0xC5, 2), (0xC6, 4)]) + value
        case str():
            text = value.encode()
            return length(len(text), (0xA0, 31), [(0xD9, 1), (0xDA, 2), (0xDB, 4)]) + text
        case list() | tuple():
            head = length(len(value), (0x90, 15), [(0xDC, 2), (0xDD, 4)])
            return head + b"".join(map(pack, value))
        case dict():
            head = length(len(value), (0x80, 15), [(0xDE, 2), (0xDF, 4)])
            keys = sorted(value, key=str.encode)
            return head + b"".join(pack(key) + pack(value[key]) for key in keys)
    raise Lie(f"no encoding of {type(value).__name__}")


def unpack(data: bytes) -> Any:
    """Only what ``pack`` gives back byte by byte: one value has one encoding."""
    need(isinstance(data, bytes), "a field of the wrong kind")
    place = 0

    def take(count: int) -> bytes:
        nonlocal place
        need(count <= len(data) - place, "it ends too early")
        place += count
        return data[place - count : place]

    def number(width: int, signed: bool = False) -> int:
        return int.from_bytes(take(width), "big", signed=signed)

    def read(depth: int) -> Any:
        need(depth <= 8, "it is nested too deep")
        code = take(1)[0]
        if code < 0x80:
            return code
        if code >= 0xE0:
            return code - 256
        if code < 0xA0 or 0xDC <= code <= 0xDF:
            maps = code < 0x90 or code >= 0xDE
            count = code & 15 if code < 0xA0 else number(2 if code % 2 == 0 else 4)
            need(count <= len(data) - place, "it promises more than is there")
            if not maps:
                return [read(depth + 1) for _ in range(count)]
            pairs = [(read(depth + 1), read(depth + 1)) for _ in range(count)]
            need(all(isinstance(key, str) for key, _ in pairs), "a key is no text")
            return dict(pairs)
        if code < 0xC0 or 0xD9 <= code <= 0xDB:
            count = code & 31 if code < 0xC0 else number(1 << code - 0xD9)
            try:
                return take(count).decode()
            except UnicodeDecodeError:
                raise Lie("a text is not UTF-8") from None
        if code in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[code]
        if 0xC4 <= code <= 0xC6:
            return take(number(1 << code - 0xC4))
        if 0xCC <= code <= 0xD3:
            return number(1 << (code & 3), signed=code >= 0xD0)
        raise Lie(f"a byte 0x{code:02x} that begins nothing")

    value = read(0)
    need(place == len(data), "bytes behind its end")
    need(pack(value) == data, "it is not in its one encoding")
    return value


# -- shapes: what a field may be -------------------------------------------------------------------


def integer(most: int, least: int = 0) -> Any:
    def check(value: Any) -> None:
        need(type(value) is int and least <= value <= most, "a number out of its bounds")

    return check


def octets(most: int, exact: bool = False) -> Any:
    def check(value: Any) -> None:
        need(isinstance(value, bytes) and len(value) <= most, "a field of the wrong size")
        need(not exact or len(value) == most, "a field of the wrong size")

    return check


def listed(item: Any, most: int, rising: bool = False) -> Any:
    def check(value: Any) -> None:
        need(isinstance(value, list) and len(value) <= most, "a list of the wrong length")
        for each in value:
            item(each)
        keys = [each[0] if isinstance(each, list) else each for each in value]
        need(not rising or all(a < b for a, b in pairwise(keys)), "no order")

    return check


def fields(*items: Any) -> Any:
    def check(value: Any) -> None:
        need(isinstance(value, list) and len(value) == len(items), "the wrong number of fields")
        for item, each in zip(items, value, strict=True):
            item(each)

    return check


HASH, PEER = octets(32, exact=True), integer(MAX_PEERS - 1)
BIG, SMALL = octets(MAX_STATEMENT), octets(1024)
PEERS = listed(PEER, MAX_PEERS, rising=True)
BY_PEER = listed(fields(PEER, HASH), MAX_PEERS, rising=True)
PAYLOADS = {
    COMMIT: fields(HASH, HASH),
    REVEAL: fields(HASH),
    SEEN: fields(listed(HASH, 2 * MAX_PEERS, rising=True), listed(HASH, MAX_PEERS, rising=True)),
    PROPOSAL: fields(HASH),
    FIRST: fields(HASH),
    SECOND: fields(HASH),
    NEW_VIEW: fields(integer(MAX_VIEW + 1), HASH),
    HEADER: fields(HASH, HASH, BIG),
    REPORT: fields(listed(fields(PEER, integer(3, 1), HASH), MAX_PEERS, rising=True)),
    COMPLAINT: fields(BIG, BIG),
    DELIVERY: fields(HASH, BIG),
    ATTESTATION: fields(octets(MAX_SUBJECT // 8)),
    ANSWER: fields(HASH),
    DISCLOSURE: fields(HASH, HASH, HASH),
    SUM: fields(HASH, HASH),
    RESULT: fields(HASH, HASH, HASH, integer(MAX_PEERS, 1), HASH, HASH),
    ABANDON: fields(HASH, HASH, HASH, octets(512)),
}
SLOT = fields(
    integer(MAX_ROUND),
    integer(MAX_ATTEMPT),
    integer(ABANDON, 1),
    integer(MAX_SUBJECT),
    integer(MAX_VIEW),
    PEER,
)
ELECTION = fields(integer(MAX_ROUND), integer(MAX_ATTEMPT), BIG, listed(SMALL, MAX_PEERS))
OUTCOME = fields(listed(fields(PEER, HASH, HASH), MAX_PEERS, rising=True), PEERS, BY_PEER, PEERS)
CERTIFICATE = fields(ELECTION, BIG, listed(SMALL, MAX_SEATS))
LOCKOUTS = listed(fields(PEER, integer(MAX_ROUND + 64), integer(64)), MAX_PEERS, rising=True)
RESOLUTION = fields(integer(PAUSE, HANDOVER), HASH, HASH, HASH, BY_PEER, PEERS, LOCKOUTS)
CHARGE = fields(octets(16), *[octets(256)] * 4, integer(MAX_ROUND, 1))
CHARGED = fields(
    integer(HANDOVER, HANDOVER), HASH, HASH, HASH, BY_PEER, PEERS, LOCKOUTS, listed(CHARGE, 256)
)
RESOLVED = fields(integer(MAX_ROUND), integer(MAX_ATTEMPT), BIG, listed(SMALL, MAX_PEERS))
DEALT = fields(BY_PEER, listed(fields(PEER, integer(2, 1)), MAX_PEERS, rising=True))
TRANSCRIPT = fields(
    listed(ELECTION, MAX_PEERS),
    listed(SMALL, MAX_PEERS),
    listed(BIG, MAX_POOL),
    listed(octets(MAX_EVIDENCE), MAX_PEERS),
    BIG,
    listed(BIG, 1),
)
EVIDENCE = listed(octets(MAX_EVIDENCE), 8)


# -- the genesis and the plan (0, 1) ---------------------------------------------------------------

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def public_of(peer: str) -> bytes:
    """The key in a peer id; a checksum behind it is for people."""
    number = 0
    for char in peer.partition("-")[0]:
        need(char in ALPHABET, f"{peer!r} is no peer id")
        number = number * 58 + ALPHABET.index(char)
    need(number.bit_length() <= 304, f"{peer!r} is no peer id")
    data = number.to_bytes(38, "big")
    need(data.startswith(bytes((0, 0x24, 8, 1, 0x12, 0x20))), f"{peer!r} is no peer id")
    need(crypto_core_ed25519_is_valid_point(data[6:]), f"{peer!r} is nobody's peer id")
    return data[6:]


class Group:
    """What a genesis document says, once all members' signatures under it are verified."""

    clients = False

    def __init__(self, text: bytes) -> None:
        try:
            document = json.loads(text.decode("utf-8-sig"))
            self._read(dict(document), dict(document["signatures"]))
        except BROKEN as error:
            raise Lie(f"the genesis: {type(error).__name__}: {error}") from None

    def _read(self, content: dict[str, Any], signatures: dict[str, str]) -> None:
        del content["signatures"]
        self.version = content["version"]
        need(self.version in (2, 3), "the genesis is of another version than 2 and 3")
        self.roster = content["roster"] = [public_of(peer) for peer in content["roster"]]
        need(all(a < b for a, b in pairwise(self.roster)), "the roster")
        self.names = {}
        for name in ("weights", "names"):
            if name in content:
                content[name] = self._by_member(content[name])
        self.names = dict(enumerate(content.get("names", ())))
        self.clients = content.get("clients") is not None
        if "evaluation" in content:
            rows = self._by_member(content["evaluation"]["rows"])
            content["evaluation"] = content["evaluation"] | {"rows": rows}
        for name in ("first_model", "fixed"):
            if name in content:
                content[name] = bytes.fromhex(content[name])
        self.keys: dict[bytes, bytes] = {}
        self.follows = content.get("follows")
        if self.follows is not None:
            self.follows = content["follows"] = self._following(dict(self.follows))
        self.content = content
        self.id = digest("peerd/genesis", pack(content))
        self._signed({public_of(peer): bytes.fromhex(each) for peer, each in signatures.items()})
        self.limit = content["privacy"]["rounds"] if "privacy" in content else None
        self.first_model = content["first_model"]
        self.aggregator = content["aggregator"]
        adversary, dropout = Fraction(content["adversary"]), Fraction(content["dropout"])
        self.peers = n = len(self.roster)
        self.liars, self.gone = max(1, int(adversary * n)), int(dropout * n)
        self.plan(content["absent"], content["parameters"])
        self.quorum = n - self.liars - max(self.gone, self.absent)  # Q_r

    def _by_member(self, named: dict[str, Any]) -> list[Any]:
        by_key = {public_of(peer): value for peer, value in named.items()}
        need(len(by_key) == len(self.roster) == len(named), "the genesis leaves a member out")
        return [by_key[public] for public in self.roster]

    def _signed(self, signatures: dict[bytes, bytes]) -> None:
        """By the roster, and by each old key for the one in its place, but those that are lost."""
        message = digest("peerd/genesis signature", self.id)
        for index, public in enumerate(self.roster):
            need(public in signatures, f"{self.name(index)} has not signed the genesis")
            holds = verified(public, message, signatures[public])
            need(holds, f"the genesis has no valid signature of {self.name(index)}")
        lost = self.follows.get("lost", ()) if self.follows else ()
        for old, new in self.keys.items():
            if new not in (b"", old) and old not in lost:
                holds = verified(old, message, signatures.get(old, b""))
                need(holds, "the genesis has no valid signature of a key that is replaced")

    def _following(self, follows: dict[str, Any]) -> dict[str, Any]:
        """Of every old member its key, and the one that it has here; empty for one that leaves."""
        named = {
            public_of(old): b"" if new is None else public_of(new)
            for old, new in follows["keys"].items()
        }
        self.keys = dict(sorted(named.items()))
        need(len(named) == len(follows["keys"]), "the genesis names an old member twice")
        news = [new for new in named.values() if new]
        need(len(set(news)) == len(news), "two old members have one new key")
        for old, new in named.items():
            need(not new or new in self.roster, "a new key that is not in the roster")
            need(new == old or old not in self.roster, "an old key that is taken out, and stays")
        integer(MAX_ROUND)(follows["first"])
        most = min(follows["first"] + MAX_WINDOW - 1, MAX_ROUND)
        integer(most, follows["first"])(follows["last"])
        lost = [public_of(each) for each in follows["lost"]] if "lost" in follows else []
        group = bytes.fromhex(follows["group"])
        pairs = [list(pair) for pair in self.keys.items()]
        return follows | {"group": group, "keys": pairs} | ({"lost": lost} if lost else {})

    def name(self, index: int) -> str:
        named = self.names.get(index)
        end = f"peer {index} ({self.roster[index].hex()[:8]})"
        return f"{named}, {end}" if named else end

    def plan(self, absent: int | None, values: int) -> None:
        """The committee with the least upload (1): roster, or drawn."""
        n, b, gone = self.peers, self.liars, self.gone
        plans, sits, cap = [], False, 512
        if n <= cap:
            e = gone if absent is None else absent
            if e >= gone and packing(n, b, e) >= 1:
                sits = True
                plans.append((n, b, packing(n, b, e), e))
        t = away = 0
        for m in range(4, min(cap, n - gone - b) + 1):
            t = least_bound(n - gone, b, m, 40, 1 + b + gone, t)
            away = least_bound(n, gone, m, 10, 1, away) if absent is None else absent
            if sits and t >= b:
                break
            if packing(m, max(1, t), away) >= 1:
                plans.append((m, max(1, t), packing(m, max(1, t), away), away))
        need(plans, "no committee plan follows from the genesis")
        best = min(plans, key=lambda plan: (self._upload(plan, values), plan[0]))
        self.seats, self.threshold, _, self.absent = best
        self.draws = self.version < 3 or self.seats < n or self.clients
        self.committee_quorum = self.seats - self.threshold - self.absent

    def _upload(self, plan: tuple[int, ...], values: int) -> Fraction:
        """Of a dealer: m/k; since version 3 with the headers' bytes."""
        m, t, k, _ = plan
        if self.version < 3:
            return Fraction(m, k)
        header = 18 * (2 * k + 3 * t - 1) + 32 * (m - 1).bit_length() + 300
        return Fraction(m * header + (m - t) * 2 * (-(-values // k) + 18))


def packing(m: int, t: int, e: int) -> int:
    return min((m - t - e - 1) // 2 - t + 1, m - e - 3 * t) if m >= 3 * t + 2 * e + 1 else 0


def least_bound(pool: int, marked: int, sample: int, bits: int, times: int, start: int = 0) -> int:
    """Least x with Pr[more than x of the marked are drawn] < 2^-bits / times."""
    x, all_draws = start, comb(pool, sample)
    while True:
        draws = sum(
            comb(marked, i) * comb(pool - marked, sample - i)
            for i in range(x + 1, min(marked, sample) + 1)
        )
        if draws * times << bits < all_draws:
            return x
        x += 1


# -- statements ------------------------------------------------------------------------------------


class Said(NamedTuple):
    round: int
    attempt: int
    kind: int
    subject: int
    view: int
    signer: int
    payload: list[Any]
    body: bytes
    signature: bytes

    @property
    def slot(self) -> tuple[int, ...]:
        return tuple(self[:6])

    @property
    def hash(self) -> bytes:
        return digest("peerd/statement", self.body)

    @property
    def by_identity(self) -> bool:
        kinds = (COMMIT, REVEAL, SEEN, ABANDON, PROPOSAL, FIRST, SECOND, NEW_VIEW)
        return self.kind in kinds and self.subject != COHORT


def statement(group: Group, data: bytes) -> Said:
    outer = unpack(data)
    fields(octets(MAX_BULK), octets(64, exact=True))(outer)
    body = unpack(outer[0])
    need(isinstance(body, list) and len(body) == 9, "a statement has nine fields")
    need(type(body[0]) is int and body[0] == 1, "a statement of another version")
    need(body[1] == group.id, "a statement of another group")
    SLOT(body[2:8])
    said = Said(*body[2:], *outer)
    PAYLOADS[said.kind](said.payload)
    agreed = said.kind in (PROPOSAL, FIRST, SECOND, NEW_VIEW)
    need(said.view == 0 or agreed, "a view where there is none")
    if agreed or said.kind == SEEN:
        need(1 <= said.subject <= 3, "no topic of an agreement")
    elif said.kind not in (COMPLAINT, DELIVERY, ANSWER, DISCLOSURE):
        need(said.subject == 0, "a subject where there is none")
    return said


def verified(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        crypto_sign_open(signature + message, public)
    except (BadSignatureError, ValueError):
        return False
    return True


def signed(group: Group, said: Said, keys: dict[int, bytes]) -> None:
    """By the identity, or by the one-round key that the election certified."""
    need(said.signer < group.peers, "a signer who is not in the roster")
    key = group.roster[said.signer] if said.by_identity else keys.get(said.signer)
    holds = key is not None and verified(key, b"peerd/statement/1\0" + said.body, said.signature)
    need(holds, f"a statement that {group.name(said.signer)} did not sign")


def outcome_hash(topic: int, outcome: bytes) -> bytes:
    return digest("peerd/outcome", bytes([topic]), outcome)


# -- elections (2, 5) ------------------------------------------------------------------------------


class Election:
    """A quorum of the roster voted for who revealed; the rest follows from that."""

    def __init__(self, group: Group, value: list[Any]) -> None:
        self.round, self.attempt, outcome, votes = value
        revealed, self.missing, guilty, self.silent = read(OUTCOME, outcome)
        self.keys = {peer: key for peer, key, _ in revealed}
        self.guilty = {peer for peer, _ in guilty}
        need(not self.keys.keys() & set(self.missing), "a peer both revealed and did not")
        known = max([*self.keys, *self.missing, 0]) < group.peers
        need(known, "an election of peers that are not in the roster")
        place = le8(self.round), le8(self.attempt)
        self.hash = digest("peerd/election", group.id, *place, outcome)
        voters = range(group.peers)
        topic = REVEALS if group.draws else COMMITS
        quorum(group, votes, self.place, outcome_hash(topic, outcome), topic, voters, {})
        self.seed = digest("peerd/seed", *(nonce for _, _, nonce in revealed))
        if not group.draws:
            self.seed = digest("peerd/order", group.id, *place)
        pool = range(group.peers) if group.seats == group.peers else self.keys
        drawn = shuffled(pool, self.seed, "committee")
        self.committee = [] if self.missing else drawn[: group.seats]

    @property
    def place(self) -> tuple[int, int]:
        return self.round, self.attempt


def read(shape: Any, data: bytes) -> list[Any]:
    value: list[Any] = unpack(data)
    shape(value)
    return value


def shuffled(peers: Any, seed: bytes, purpose: str) -> list[int]:
    """Fisher-Yates from the end, numbers by rejection from SHAKE-128 of the seed."""
    order, used = list(peers), 0
    stream = hashlib.shake_128(framed("peerd/shuffle", (purpose.encode(), seed)))
    for last in range(len(order) - 1, 0, -1):
        bound = last + 1
        width = (bound.bit_length() + 7) // 8
        while True:
            number = int.from_bytes(stream.digest(used + width)[used:], "little")
            used += width
            if number < (1 << 8 * width) // bound * bound:
                break
        drawn = number % bound
        order[last], order[drawn] = order[drawn], order[last]
    return order


def quorum(
    group: Group,
    votes: list[bytes],
    place: tuple[int, int],
    outcome: bytes,
    topic: int,
    voters: Any,
    keys: dict[int, bytes],
) -> None:
    """Second votes of one view, each by another voter."""
    said = [statement(group, vote) for vote in votes]
    wanted = group.committee_quorum if topic == COHORT else group.quorum
    need(said, "a quorum of no votes")
    for vote in said:
        about = (*place, SECOND, topic, said[0].view)
        need(vote.slot[:5] == about and vote.payload == [outcome], "a vote for something else")
        need(vote.signer in voters, "a vote by somebody who has none")
        signed(group, vote, keys)
    signers = {vote.signer for vote in said}
    need(len(signers) == len(said), "somebody voted twice")
    need(len(signers) >= wanted, f"{len(signers)} votes where {wanted} make a quorum")


# -- certificates (6) ------------------------------------------------------------------------------


class Certificate:
    """A round's result under a quorum of its committee, or the word of its operators."""

    draft = None

    def __init__(self, group: Group, data: bytes) -> None:
        self.group = group
        election, self.cohort_bytes, results = read(CERTIFICATE, data)
        self.election = flip = Election(group, election)
        self.round = flip.round
        need(not flip.missing, "a certificate of a void flip")
        said = [statement(group, each) for each in results]
        self.cohort, excluded = read(DEALT, self.cohort_bytes)
        self.excluded = dict(excluded)
        need(not dict(self.cohort).keys() & self.excluded.keys(), "a dealer in and out")
        need(said, "a certificate that nobody signed")
        self.abandoned = said[0].kind == ABANDON
        kind = ABANDON if self.abandoned else RESULT
        end = said[0].payload
        for each in said:
            need((each.round, each.attempt, each.kind) == (*flip.place, kind), "something else")
            need(each.payload == end, "a certificate with two results")
            need(self.abandoned or each.signer in flip.committee, "a signer without a seat")
            signed(group, each, flip.keys)
        signers = {each.signer for each in said}
        need(len(signers) == len(said), "somebody signed twice")
        seated = len(signers & set(flip.committee))
        need(seated >= group.committee_quorum, "too few of the committee signed")
        if self.abandoned:
            need(len(signers) >= group.quorum, "too few of the roster signed")
            need(end[3] == WORDS, "an abandonment in other words")
            self.previous, cohort, self.model = end[:3]
            self.dealers = 0
        else:
            elected, self.previous, cohort, self.dealers, _, self.model = end
            need(elected == flip.hash, "a certificate of another election")
            need(self.dealers == len(self.cohort), "a certificate that miscounts its dealers")
        need(cohort == outcome_hash(COHORT, self.cohort_bytes), "a certificate of another cohort")
        self.keys, self.opened = flip.keys, not self.abandoned
        place = le8(flip.round), le8(flip.attempt)
        self.hash = digest("peerd/certificate", group.id, *place, pack(end))

    def after(self, guilty: set[int]) -> set[int]:
        """Who is guilty behind this round; ``guilty`` before it."""
        return guilty | self.election.guilty

    def told(self) -> list[str]:
        flip, called = self.election, self.group.name
        dealt = ", ".join(called(peer) for peer, _ in self.cohort)
        return [
            f"seed {flip.seed.hex()} seats {', '.join(map(called, flip.committee))}",
            f"in the sum: {'nobody, given up' if self.abandoned else dealt}",
        ]


class Resolution:
    """A round that opened nothing: a quorum of the roster voted that the group rests, or that
    another goes on from here.
    """

    opened = False

    def __init__(self, group: Group, data: bytes) -> None:
        self.group = group
        self.round, attempt, outcome, votes = read(RESOLVED, data)
        value = unpack(outcome)
        longer = isinstance(value, list) and len(value) == 8
        act, draft, self.previous, self.model, named, guilty, lockouts, *charges = read(
            CHARGED if longer else RESOLUTION, outcome
        )
        need(not longer or charges[0], "a handover with charges, and none there")
        self.charged = sum(each[-1] for each in charges[0]) if longer else 0
        self.draft = draft if act == HANDOVER else None
        self.guilty = set(guilty)
        self.keys: dict[int, bytes] = {}
        need((act == PAUSE) == (draft == bytes(32)), "a handover names a draft, and a rest none")
        excluded = [peer for peer, *_ in (*named, *lockouts)]
        need(max([*excluded, *guilty, 0]) < group.peers, "peers that are not in the roster")
        place, about = (self.round, attempt), outcome_hash(COMMITS, outcome)
        quorum(group, votes, place, about, COMMITS, range(group.peers), {})
        self.hash = digest("peerd/resolution", group.id, *map(le8, place), outcome)

    def after(self, guilty: set[int]) -> set[int]:
        need(guilty <= self.guilty, f"round {self.round} forgets who was convicted before")
        return self.guilty

    def told(self) -> list[str]:
        if self.draft is None:
            return ["the group rests"]
        return [f"the group hands over to {self.draft.hex()}"]


Groups = dict[bytes, Group]


def group_of(groups: Groups, said: Any) -> Group:
    """Whose a statement is."""
    body = unpack(read(fields(octets(MAX_BULK), octets(64, exact=True)), said)[0])
    need(isinstance(body, list) and len(body) == 9, "a statement has nine fields")
    group = groups.get(body[1]) if isinstance(body[1], bytes) else None
    if group is None:
        raise Lie("a statement of another group")
    return group


def certificate(groups: Groups, data: bytes) -> Certificate | Resolution:
    """However its round ended, under the genesis of its own group."""
    value = unpack(data)
    need(isinstance(value, list), "no certificate")
    rest = len(value) == 4
    (RESOLVED if rest else CERTIFICATE)(value)
    need(value[-1], "a certificate that nobody signed")
    group = group_of(groups, value[-1][0])
    return Resolution(group, data) if rest else Certificate(group, data)


# -- transcripts -----------------------------------------------------------------------------------


def verify_transcript(
    groups: Groups, value: list[Any]
) -> tuple[Certificate | Resolution, list[str]]:
    """The certificate, and what else there is to tell."""
    TRANSCRIPT(value)
    void, votes, pool, evidence, data, _ = value
    end = certificate(groups, data)
    group = end.group
    for each in void:
        need(each[0] == end.round, "a void flip of another round")
        need(Election(group, each).missing, "a void flip that was not void")
    told = [verify_evidence({group.id: group}, unpack(each)) for each in evidence]
    if isinstance(end, Resolution):
        need(not votes and not pool, "a cohort in a round that ended before anybody was elected")
        return end, told
    flip = end.election
    if votes:
        outcome = outcome_hash(COHORT, end.cohort_bytes)
        quorum(group, votes, flip.place, outcome, COHORT, flip.committee, flip.keys)
    said = [statement(group, each) for each in pool]
    for each in said:
        need((each.round, each.attempt) == flip.place, "a statement of another round in the pool")
        need(not each.by_identity, "a statement in the pool that is none of a committee's")
        signed(group, each, flip.keys)
    return end, told


# -- evidence (0) ----------------------------------------------------------------------------------

FAULTS: dict[int, tuple[str, list[int]]] = {
    1: ("signed two different statements", [0, 0]),
    2: ("revealed another number than it committed to", [COMMIT, REVEAL]),
    3: ("is said to have published a malformed proof", [HEADER]),
    4: ("complains about a dealing, or was complained about", [COMPLAINT]),
    5: ("has its delivery disclosed, or discloses one", [REPORT, DELIVERY, DISCLOSURE]),
    6: ("is said to have sent a wrong word in the opening", [SUM]),
    7: ("signed another result than the certified one", [RESULT]),
}
REFERENCED = (4, 5)
JUDGED = (1, 2, 7)


def verify_evidence(groups: Groups, value: Any) -> str:
    """Whom it is about. Judged whole, or (see the top) for its signatures alone."""
    need(isinstance(value, list) and len(value) == 3, "evidence has three fields")
    fault, election, items = value
    integer(7, 1)(fault)
    EVIDENCE(items)
    need(items, "evidence without all its statements")
    group = group_of(groups, items[0])
    what, kinds = FAULTS[fault]
    need(len(items) >= len(kinds), "evidence without all its statements")
    flip = None
    if election is not None:
        ELECTION(election)
        flip = Election(group, election)
    said = [statement(group, each) for each in items[: len(kinds)]]
    rest = items[len(kinds) :]
    for each, kind in zip(said, kinds, strict=True):
        need(kind in (0, each.kind), "evidence with another kind of statement")
        held = each.by_identity or (flip and flip.place == (each.round, each.attempt))
        need(held, "a statement of another election than the evidence's")
        signed(group, each, flip.keys if flip else {})
    if fault in REFERENCED:
        need(len(rest) <= 1, "evidence with something too much")
    else:
        need(len(rest) == {6: 2, 7: 1}.get(fault, 0), "evidence with something too much")
    first = said[0]
    if fault == 1:
        need(first.slot == said[1].slot and first.body != said[1].body, "no contradiction")
    elif fault == 2:
        need(
            first.slot[:2] == said[1].slot[:2] and first.signer == said[1].signer, "another reveal"
        )
        place = le8(first.round), le8(first.attempt), group.roster[first.signer]
        fits = digest("peerd/commitment", group.id, *place, said[1].payload[0])
        need(fits != first.payload[0], "the reveal fits its commitment")
    elif fault in (6, 7):
        certificate = Certificate(group, rest[0])
        need(flip is not None and certificate.election.place == flip.place, "of another round")
        need(not certificate.abandoned, "a cohort that was given up has no result")
        need(first.signer in certificate.election.committee, "somebody without a seat")
        if fault == 7:
            result = statement(group, read(CERTIFICATE, rest[0])[2][0]).payload
            need(first.payload[:5] != result[:5], "the result is the certified one")
    judged = "" if fault in JUDGED else " (signatures alone: not judged here)"
    return f"{group.name(first.signer)} {what}, round {first.round}{judged}"


# -- models ----------------------------------------------------------------------------------------


def model_hash(path: Path) -> bytes:
    """Of a .npz or .safetensors that peerd exported: its numbers in the group's order, and behind
    them what the rule keeps from round to round, which the description has.
    """
    data = contents(path, MAX_MODEL)
    if data[:2] == b"PK":
        import numpy

        with zipfile.ZipFile(path) as packed:
            stored = all(each.compress_type == zipfile.ZIP_STORED for each in packed.infolist())
        need(stored, f"{path} is compressed, which no model that peerd exported is")
        with numpy.load(path, allow_pickle=False) as archive:
            said = json.loads(archive["peerd"].tobytes()) if "peerd" in archive else {}
            return digest("peerd/model", whole(archive["parameters"].astype("<f4").tobytes(), said))
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    said = json.loads(header.pop("__metadata__")["peerd"])
    own = said.get("own", {}).get("names", [])
    places = sorted(each["data_offsets"] for name, each in header.items() if name not in own)
    body = data[8 + size :]
    return digest("peerd/model", whole(b"".join(body[start:end] for start, end in places), said))


def whole(own: bytes, said: dict[str, Any]) -> bytes:
    """With what lies behind the model's own numbers, of which there are as many as it says."""
    need(len(own) == 4 * said.get("parameters", len(own) // 4), "a model of another size")
    return own + base64.b64decode(said.get("optimizer", ""), validate=True)


# -- all of it -------------------------------------------------------------------------------------


def contents(path: Path, most: int = MAX_FILE) -> bytes:
    need(not path.is_file() or path.stat().st_size <= most, f"{path}: more than {most} bytes")
    with path.open("rb") as file:
        data = file.read(most + 1)
    need(len(data) <= most, f"{path}: more than {most} bytes")
    return data


class Found:
    """What all files say. ``whole``: whether one of them claims to be a history from its start."""

    def __init__(self, first: Group) -> None:
        self.first, self.whole, self.judged = first, False, 0
        self.groups = {first.id: first}
        self.rounds: dict[int, Certificate | Resolution] = {}

    def take(self, data: bytes, say: Any) -> None:
        value = unpack(data)
        need(isinstance(value, list), "it is nothing of a group's")
        if len(value) == 2 and value[0] == "peerd/certificates/1":
            self.whole = True
            need(isinstance(value[1], list), "a list of the wrong length")
            ends = [certificate(self.groups, each) for each in value[1]]
        elif len(value) == 3 and isinstance(value[0], int):
            say(verify_evidence(self.groups, value))
            self.judged += 1
            return
        elif len(value) in (3, 4):
            ends = [certificate(self.groups, data)]
        else:
            end, told = verify_transcript(self.groups, value)
            ends = [end]
            for line in told:
                say(f"round {end.round}: {line}")
        for each in ends:
            known = self.rounds.setdefault(each.round, each)
            need(known.hash == each.hash, f"round {each.round} has two certificates")


def verify(group: Group, paths: list[Path], model: Path | None, say: Any) -> int:
    """How many rounds hold. Lie names file and fault."""
    found, pieces = Found(group), []
    for path in paths:
        data = contents(path)
        if data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
            try:
                successor = Group(data)
            except Lie as lie:
                raise Lie(f"{path}: {lie}") from None
            found.groups.setdefault(successor.id, successor)
        else:
            pieces.append((path, data))
    for path, data in pieces:
        try:
            found.take(data, say)
        except Lie as lie:
            raise Lie(f"{path}: {lie}") from None
        except BROKEN as error:
            raise Lie(f"{path}: it can't be read: {type(error).__name__}") from None
    rounds = found.rounds
    need(rounds or (found.judged and not found.whole), "there is no certified round in it")
    follow(found, found.whole or len(rounds) > 1, say)
    if model is not None:
        try:
            named = model_hash(model)
        except BROKEN as error:
            raise Lie(f"{model} is no model that peerd exported: {error}") from None
        certain = [number for number, each in rounds.items() if each.model == named]
        need(certain, f"{model}: no round here certifies this model")
        say(f"the model {model} is the one of round {max(certain)}")
    return len(rounds)


def follow(found: Found, whole: bool, say: Any) -> None:
    """Each leads on from the one before: the first from the genesis, unless it is alone."""
    rounds, group = found.rounds, found.first
    before = digest("peerd/genesis-certificate", group.id, group.first_model)
    model, guilty, reached, over = group.first_model, set[int](), {group.id}, ""
    charged, inherited = 0, 0
    for number in range(max(rounds, default=-1) + 1) if whole else rounds:
        need(number in rounds, f"round {number} is missing")
        each = rounds[number]
        if whole:
            need(not over, over)
            need(each.group is group, f"round {number} is of a group that does not go on here")
            need(each.previous == before, f"round {number} does not lead on from the one before")
            need(each.opened or each.model == model, f"round {number} changes a model")
            need(not guilty & each.keys.keys(), f"round {number}: a convicted peer took part")
            before, model, guilty = each.hash, each.model, each.after(guilty)
            charged += isinstance(each, Certificate)
            within = group.limit is None or charged <= group.limit
            need(within, f"round {number} is beyond the {group.limit} of the privacy budget")
        for line in [*each.told(), f"model {each.model.hex()}"]:
            say(f"round {number}: {line}")
        if whole and each.draft is not None:
            successor = found.groups.get(each.draft)
            if successor is None:
                over = f"round {number} hands over to a group whose genesis is not among the files"
                continue
            inherited += charged if group.limit is not None else 0
            told = each.charged if isinstance(each, Resolution) else 0
            need(told == inherited, f"round {number} misstates what is spent of the budget")
            guilty = handed_over(group, successor, number, guilty)
            group, charged = successor, 0
            reached.add(group.id)
    need(not whole or len(reached) == len(found.groups), "a genesis to which no handover leads")


def handed_over(old: Group, new: Group, number: int, guilty: set[int]) -> set[int]:
    """Who is guilty in the new group. Lie unless that follows the old one."""
    follows = new.follows or {"group": b""}
    need(follows["group"] == old.id, "a successor's genesis that follows another group")
    need(list(new.keys) == old.roster, "a successor's genesis that leaves an old member out")
    need(follows["first"] <= number <= follows["last"], f"round {number} hands over out of time")
    for name in KEPT:
        need(new.content.get(name) == old.content.get(name), f"a successor changes its {name}")
    now = [new.keys[old.roster[peer]] for peer in guilty]
    return {new.roster.index(key) for key in now if key}


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify what a peerd group did, without peerd.")
    parser.add_argument("genesis", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    lines: list[str] = []
    failure, rounds = None, 0
    try:
        group = Group(contents(args.genesis))
        rounds = verify(group, args.files, args.model, lines.append)
    except (Lie, OSError) as lie:
        failure = str(lie)
    if args.json:
        verdict = "verified" if failure is None else "failed"
        print(json.dumps({"verdict": verdict, "rounds": rounds, "first_failure": failure}))
    else:
        shown = [*lines, f"VERIFIED: {rounds} rounds" if failure is None else f"FAILED: {failure}"]
        print("\n".join("".join(c if c.isprintable() else "?" for c in line) for line in shown))
    return 0 if failure is None else 9


if __name__ == "__main__":
    sys.exit(main())
