"""Lies with a valid form: messages taken apart, changed somewhere, and signed again by the liar.

A random change to bytes dies at the signature. Here a script of bytes (which a coverage-guided
fuzzer grows) says which message to take, what to change in its tree of values, and the hostile
member signs what is its own to sign.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fuzz_scene import CRYPTO, HOSTILE, scene, setting

from protocols.errors import WireError
from protocols.opening import decode_words, word_root
from protocols.record.votes import outcome_hash
from protocols.wire.canonical import pack, unpack
from protocols.wire.payloads import Topic
from protocols.wire.schema import MAX_PEERS, MAX_ROUND
from protocols.wire.statement import _DOMAIN, IDENTITY_KINDS, decode_statement

INTEGERS = (
    *(0, 1, 2, 3, 4, 5, 10, 15, 17, 255, 512, 4999, MAX_PEERS, 8191, 65535, 65536),
    *(65520, 65521, MAX_ROUND, MAX_ROUND + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, -1, -33),
    -(1 << 63),
)
PLAIN: tuple[Any, ...] = (None, True, False, -1, "", "text", b"", [], {}, b"\0" * 32, b"\xff" * 64)
MAX_STEPS = 12
"""Changes to one message."""


class Script:
    """Bytes that are read as decisions; zeros when they are used up."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    @property
    def done(self) -> bool:
        return self.position >= len(self.data)

    def byte(self) -> int:
        self.position += 1
        return 0 if self.position > len(self.data) else self.data[self.position - 1]

    def below(self, bound: int) -> int:
        """In [0, bound); two bytes where one is too few."""
        drawn = self.byte() if bound <= 256 else self.byte() << 8 | self.byte()
        return drawn % bound

    def pick(self, items: Sequence[Any]) -> Any:
        return items[self.below(len(items))]

    def rest(self) -> bytes:
        left, self.position = self.data[self.position :], len(self.data)
        return left


@dataclass(slots=True)
class Packed:
    """Bytes that hold a message of their own; ``signature`` where they are a signed statement."""

    value: Any
    signature: bytes | None
    original: bytes


def expand(value: Any) -> Any:
    """The value with every message inside taken apart too."""
    if isinstance(value, list):
        return [expand(item) for item in value]
    if isinstance(value, bytes) and len(value) > 8:
        try:
            inner = unpack(value)
        except WireError:
            return value
        if isinstance(inner, list) and len(inner) > 1:
            return _packed(inner, value)
    return value


def _packed(inner: list[Any], original: bytes) -> Any:
    match inner:
        case [bytes() as body, bytes() as signature] if len(signature) == 64:
            try:
                fields = unpack(body)
            except WireError:
                return original
            if isinstance(fields, list) and len(fields) == 9:
                return Packed([expand(each) for each in fields], signature, original)
    return Packed([expand(each) for each in inner], None, original)


def collapse(tree: Any) -> Any:
    """Back to plain values; what the hostile member says is signed again if it has changed."""
    if isinstance(tree, list):
        return [collapse(item) for item in tree]
    if not isinstance(tree, Packed):
        return tree
    inner = pack(collapse(tree.value))
    if tree.signature is None:
        return inner
    before = unpack(tree.original)
    assert isinstance(before, list)
    if before[0] == inner:
        return tree.original
    return pack([inner, _signature(tree, inner)])


def _signature(tree: Packed, body: bytes) -> bytes:
    """Valid for the hostile member's own statements; everybody else's breaks with its bytes."""
    assert tree.signature is not None
    kind, subject, signer = tree.value[4], tree.value[5], tree.value[7]
    if signer != HOSTILE:
        return tree.signature
    voted = kind in (4, 5, 6, 7) and subject != Topic.COHORT
    secret = scene().identity if kind in IDENTITY_KINDS or voted else scene().round_key
    return CRYPTO.sign(secret, _DOMAIN + body)


Place = tuple[list[Any], int]


def places(tree: Any) -> list[Place]:
    """Every value in the tree, by the list that holds it."""
    found: list[Place] = []
    items = tree.value if isinstance(tree, Packed) else tree
    if isinstance(items, list):
        for index, item in enumerate(items):
            found.append((items, index))
            found += places(item)
    return found


def copied(tree: Any) -> Any:
    if isinstance(tree, list):
        return [copied(item) for item in tree]
    if isinstance(tree, Packed):
        return Packed(copied(tree.value), tree.signature, tree.original)
    return tree


def _integer(script: Script, old: Any) -> Any:
    if isinstance(old, int) and script.byte() & 1:
        return old + script.below(5) - 2
    return script.pick(INTEGERS)


def _bytes(script: Script, old: bytes) -> bytes:
    match script.below(5):
        case 0:
            return old[: script.below(len(old) + 1)]
        case 1:
            return old + bytes([script.byte()])
        case 2 if old:
            at = script.below(len(old))
            return old[:at] + bytes([old[at] ^ (1 << script.below(8))]) + old[at + 1 :]
        case 3:
            return bytes([script.byte()]) * len(old)
    return bytes(script.byte() for _ in range(min(64, len(old))))


def _list(script: Script, old: list[Any], donor: Any) -> list[Any]:
    items = list(old)
    match script.below(5):
        case 0 if items:
            del items[script.below(len(items))]
        case 1 if items:
            items.insert(0, copied(script.pick(items)))
        case 2 if len(items) > 1:
            one, two = script.below(len(items)), script.below(len(items))
            items[one], items[two] = items[two], items[one]
        case 3:
            items.append(copied(donor))
        case _:
            items = []
    return items


def change(script: Script, tree: Any, donors: Sequence[Any]) -> None:
    """One change somewhere in ``tree``, in place. ``donors`` are trees to take parts from."""
    spots = places(tree)
    if not spots:
        return
    holder, index = script.pick(spots)
    old = holder[index]
    where = places(script.pick(donors)) if donors else spots
    source, at = script.pick(where) if where else (holder, index)
    match script.below(6):
        case 0:
            holder[index] = copied(source[at])
        case 1:
            holder[index] = script.pick(PLAIN)
        case 2 if isinstance(old, Packed) and old.signature is not None:
            old.value[7] = HOSTILE
        case 3 if isinstance(old, Packed) and old.signature is None:
            old.value = _list(script, old.value, source[at])
        case _:
            if isinstance(old, list):
                holder[index] = _list(script, old, source[at])
            elif isinstance(old, bytes):
                holder[index] = _bytes(script, old)
            elif isinstance(old, int):
                holder[index] = _integer(script, old)


def rebind(frame: Any) -> None:
    """Make the statement of a proposal or of a sum name what the frame now holds with it."""
    match frame:
        case [1, 3, [Packed(value=[*_, [_]] as body), outcome, *_]] if body[5] in list(Topic):
            body[8][0] = outcome_hash(Topic(body[5]), collapse(outcome))
        case [1, 7, [Packed(value=[*_, [_, _]] as body), bytes() as words]]:
            body[8][1] = word_root(setting().shape, decode_words(setting().shape, words))
        case [1, 2, [Packed(value=[*_, [_, _]] as body), list() as statements, _]]:
            group = setting().group
            body[8][0] = sorted(decode_statement(collapse(s), group).hash for s in statements)


def lie(script: Script, trees: Sequence[Any]) -> bytes | None:
    """A message made from one of ``trees``; None when it has no encoding."""
    tree = copied(script.pick(trees))
    for _ in range(script.below(MAX_STEPS)):
        change(script, tree, trees)
    try:
        if script.byte() & 1:
            rebind(tree)
        return pack(collapse(tree))
    except (ValueError, TypeError, IndexError, WireError):
        return None  # nested too deep, a key too large: not a message at all


def trees_of(messages: Sequence[bytes]) -> list[Any]:
    return [expand(unpack(message)) for message in messages]


Feed = Callable[[bytes], None]
