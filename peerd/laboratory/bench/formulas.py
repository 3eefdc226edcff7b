"""The sizes of messages as docs/protocol.md §7 states them: its block, line by line.

A test holds the two texts to be one, so that what is measured is compared with what is promised.
"""

from __future__ import annotations

import re
from typing import Any

TEXT = """\
I(x) = 1 if x < 128 else 2 if x < 256 else 3 if x < 2**16 else 5 if x < 2**32 else 9
B(x) = x + (2 if x < 256 else 3 if x < 2**16 else 5)
A(x) = 1 if x < 16 else 3 if x < 2**16 else 5
LIST(sizes) = A(len(sizes)) + sum(B(x) for x in sizes)
S(kind, subject, view, i, payload) = 67 + B(36 + I(r) + I(a) + I(kind) + I(subject) + I(view) + I(i) + payload)

PROOF() = c * (2 * k + 3 * t - 1 + Y * 2 * (t + k - 1)) * w
PATH() = 32 * (m - 1).bit_length()
VECTOR() = (L + (2 + Y) * c) * w
PACKAGE(seat) = (32 if seat < t else VECTOR()) + 32 + H * PATH()
BASE(width) = 35 + B(1 + width * d)

COMMIT(i) = S(1, 0, 0, i, 69)
REVEAL(i) = S(2, 0, 0, i, 35)
SEEN(i, topic, listed, evidence) = S(3, topic, 0, i, 1 + A(listed) + 34 * listed + A(evidence) + 34 * evidence)
PROPOSAL(i, topic, view) = S(4, topic, view, i, 35)
FIRST_VOTE(i, topic, view) = S(5, topic, view, i, 35)
SECOND_VOTE(i, topic, view) = S(6, topic, view, i, 35)
NEW_VIEW(i, topic, view, lock) = S(7, topic, view, i, 35 + I(lock))
HEADER(d) = S(8, 0, 0, d, 69 + B(PROOF()))
REPORT(i, dealers) = S(9, 0, 0, i, 1 + A(len(dealers)) + sum(36 + I(d) for d in dealers))
COMPLAINT(i, d, seat) = S(10, d, 0, i, 1 + B(HEADER(d)) + B(PACKAGE(seat)))
DELIVERY(d, seat) = S(11, d * m + seat, 0, d, 35 + B(X + 1 + B(HEADER(d)) + B(PACKAGE(seat))))
ATTESTATION(i, bits) = S(12, 0, 0, i, 1 + B(bits))
ANSWER(i, d, seat) = S(13, d * m + seat, 0, i, 35)
DISCLOSURE(i, d, seat) = S(14, d * m + seat, 0, i, 103)
SUM(i) = S(15, 0, 0, i, 69)
RESULT(i, dealers) = S(16, 0, 0, i, 171 + I(len(dealers)))
ABANDON(i, words) = S(17, 0, 0, i, 103 + B(words))
APPROVE(i, last) = S(18, 0, 0, i, 36 + I(r) + I(last))
COIN(i) = S(19, 0, 0, i, 69)

COMMITMENTS(P, G, Z) = 1 + A(len(P)) + sum(69 + I(p) for p in P) + A(len(G)) + sum(35 + I(p) for p in G) + A(len(Z)) + sum(I(p) for p in Z)
ELECTION(R, M, G, Z) = 1 + A(len(R)) + sum(69 + I(p) for p in R) + A(len(M)) + sum(I(p) for p in M) + A(len(G)) + sum(35 + I(p) for p in G) + A(len(Z)) + sum(I(p) for p in Z)
RESOLUTION(G, guilty, locked) = 104 + A(len(G)) + sum(35 + I(p) for p in G) + A(len(guilty)) + sum(I(p) for p in guilty) + A(len(locked)) + sum(1 + I(p) + I(last) + I(count) for p, last, count in locked)
COHORT(D, X) = 1 + A(len(D)) + sum(35 + I(p) for p in D) + A(len(X)) + sum(2 + I(p) for p in X)
ELECTION_CERTIFICATE(election, votes) = 1 + I(r) + I(a) + B(election) + LIST(votes)
RESOLUTION_CERTIFICATE(resolution, votes) = 1 + I(r) + I(a) + B(resolution) + LIST(votes)
CERTIFICATE(election_certificate, cohort, results) = 1 + election_certificate + B(cohort) + LIST(results)
EVIDENCE(election_certificate, items) = 2 + election_certificate + LIST(items)

SAID(i, bits, rest) = 67 + I(i) + B(bits) + B(rest)
BRIEF(dealers, reports, lists, answers) = 1 + A(len(dealers)) + sum(35 + I(d) for d in dealers) + A(len(reports)) + sum(reports) + A(len(lists)) + sum(lists) + B(68 * answers)

StatementFrame(s) = 4 + B(s)
SeenFrame(s, listed, evidence) = 4 + B(s) + LIST(listed) + LIST(evidence)
ProposalFrame(s, outcome, inputs, lock) = 4 + B(s) + B(outcome) + LIST(inputs) + LIST(lock)
NewViewFrame(s, outcome, lock) = 4 + B(s) + B(outcome) + LIST(lock)
DecisionFrame(outcome, votes) = 4 + B(outcome) + LIST(votes)
DealingFrame(d, seat) = 4 + B(HEADER(d)) + B(PACKAGE(seat))
SumFrame(i, words) = 4 + B(SUM(i)) + B(words * w)
HaveFrame(pool) = 4 + I(r) + I(a) + A(pool) + 34 * pool
EvidenceFrame(evidence) = 4 + B(evidence)
CertificateFrame(certificate) = 4 + B(certificate)
HelloFrame() = 4 + I(r) + I(a)
RecallFrame() = 4 + I(r)
RecalledFrame(statements) = 5 + LIST(statements) + I(r)
ReadyFrame() = 4 + I(r)
AwayFrame() = 5 + I(r)
AskFrame(s, keys) = 4 + B(s) + B(1216 * keys)
"""
ROW = re.compile(r"(\w+)\(([\w, ]*)\) = (.+)")


def formulas(text: str = TEXT) -> dict[str, Any]:
    """Name → function; all read the round's numbers from this one namespace.

    Raises ValueError for a line that is no formula.
    """
    found: dict[str, Any] = {}
    for line in filter(None, text.splitlines()):
        match = ROW.fullmatch(line)
        if match is None:
            raise ValueError(f"not a formula: {line}")
        name, arguments, expression = match.groups()
        found[name] = eval(f"lambda {arguments}: {expression}", found)
    return found
