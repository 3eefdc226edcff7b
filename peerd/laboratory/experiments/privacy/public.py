"""Which bytes of a round leave the group, message by message: what an outsider has to work with.

On the wire there is Noise between members: an outsider sees who talks to whom, when and how much.
What an audit publishes (certificate, transcript, evidence) holds signed statements and no shares
but those of proven liars. ``FIELDS`` names every field of every statement; a test compares it with
the code, so that a new one is not forgotten here.
"""

from __future__ import annotations

from enum import Enum

from protocols.wire.payloads import Kind


class Bears(Enum):
    """What a field tells of an update."""

    NOTHING = "nothing: drawn, or a name or a number"
    HASH_OF_HIDDEN = "hash of what has 32 random bytes or more in it"
    HASH_OF_MODEL = "hash of a model: confirms a guess"
    ROOT_OF_SHARES = "Merkle root over polynomials or shares of the sum: t random elements in each"
    MASKED = "polynomials under uniform masks"
    SHARES = "one seat's package, or what opens one: a liar's own"
    SEALED = "a box to a member's one-time key"


NOTHING, HIDDEN = Bears.NOTHING, Bears.HASH_OF_HIDDEN
FIELDS: dict[Kind, dict[str, Bears]] = {
    Kind.COMMIT: {"commitment": HIDDEN, "round_key": NOTHING},
    Kind.REVEAL: {"nonce": NOTHING},
    Kind.SEEN: {"statements": HIDDEN, "evidence": HIDDEN},
    Kind.PROPOSAL: {"outcome": HIDDEN},
    Kind.FIRST_VOTE: {"outcome": HIDDEN},
    Kind.SECOND_VOTE: {"outcome": HIDDEN},
    Kind.NEW_VIEW: {"lock_view": NOTHING, "lock_outcome": HIDDEN},
    Kind.HEADER: {"base_model": Bears.HASH_OF_MODEL, "root": HIDDEN, "proof": Bears.MASKED},
    Kind.REPORT: {"words": HIDDEN},
    Kind.COMPLAINT: {"header": Bears.MASKED, "package": Bears.SHARES},
    Kind.DELIVERY: {"report": HIDDEN, "box": Bears.SEALED},
    Kind.ATTESTATION: {"carried": Bears.NOTHING},
    Kind.ANSWER: {"header": HIDDEN},
    Kind.DISCLOSURE: {"report": HIDDEN, "delivery": HIDDEN, "secret": Bears.SHARES},
    Kind.SUM: {"cohort": HIDDEN, "root": Bears.ROOT_OF_SHARES},
    Kind.COIN: {"cohort": HIDDEN, "root": HIDDEN},
    Kind.RESULT: {
        "election": HIDDEN,
        "previous": HIDDEN,
        "cohort": HIDDEN,
        "dealers": NOTHING,
        "polynomials": Bears.ROOT_OF_SHARES,
        "model": Bears.HASH_OF_MODEL,
    },
    Kind.ABANDON: {
        "previous": HIDDEN,
        "cohort": HIDDEN,
        "model": Bears.HASH_OF_MODEL,
        "words": NOTHING,
    },
    Kind.APPROVE: {"act": NOTHING, "about": HIDDEN, "first": NOTHING, "last": NOTHING},
}
"""Fields of each payload that has any. ``words`` of a report: hashes of headers and of keys."""

PUBLISHED = frozenset(
    {Kind.COMMIT, Kind.REVEAL, Kind.SEEN, Kind.SECOND_VOTE, Kind.REPORT, Kind.COMPLAINT}
    | {Kind.HEADER, Kind.DELIVERY, Kind.ATTESTATION, Kind.ANSWER, Kind.DISCLOSURE, Kind.RESULT}
    | {Kind.SUM, Kind.COIN, Kind.ABANDON}
)
"""Kinds that a transcript, a certificate or evidence may hold. The experiment gives the outsider
all headers, which is more: a transcript has those of dealers that somebody complained of."""

RECORD = ("addresses", "expires", "group", "public", "sequence")
"""Fields of an address record in the DHT: none comes from training."""
