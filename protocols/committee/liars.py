"""Who lied in an opening, each proven against the certificate (docs/protocol.md §6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from protocols.committee.sums import Sum
from protocols.opening import (
    decode_polynomials,
    first_wrong,
    polynomial_bytes,
    polynomial_path,
    word_path,
)
from protocols.record.elected import Elected
from protocols.record.evidence import Evidence, Fault, contradicts, opened_by, wrong_sum
from protocols.record.outcomes import Certified
from protocols.record.setting import Setting
from protocols.wire.payloads import Kind
from protocols.wire.statement import Statement


class Liars:
    """Of one opening: whoever was found to lie is accused once, and who was right is not looked at
    again.
    """

    def __init__(self, setting: Setting, flip: Elected) -> None:
        self._setting = setting
        self._flip = flip
        self._accused: set[int] = set()
        self._right: dict[Kind, set[int]] = {Kind.COIN: set(), Kind.SUM: set()}

    def judged(self, kind: Kind) -> frozenset[int]:
        """Whose words of this kind, of the sum or of the coin, are of no more interest."""
        return frozenset(self._accused | self._right[kind])

    def in_sums(
        self, certified: Certified, polynomials: bytes, sums: Mapping[int, Sum]
    ) -> Iterator[Evidence]:
        """``polynomials`` are the certified ones, encoded, ``sums`` others' over their cohort: all
        of the sum, or all of the coin.
        """
        for peer, said in sorted(sums.items()):
            right = self._right[said.statement.kind]
            if peer in self._accused | right:
                continue
            evidence = self._compare(said, certified, polynomials)
            if evidence is None:
                right.add(peer)
            else:
                self._accused.add(peer)
                yield evidence

    def in_results(
        self, certified: Certified, results: Mapping[int, Statement]
    ) -> Iterator[Evidence]:
        for peer, said in sorted(results.items()):
            if peer not in self._accused and contradicts(said.payload, certified.result):
                self._accused.add(peer)
                proof, rest = Fault.WRONG_RESULT, (certified.certificate,)
                yield Evidence(proof, self._flip.certificate, (said,), rest)

    def _compare(self, said: Sum, certified: Certified, polynomials: bytes) -> Evidence | None:
        """What proves these words wrong: the first coordinate that lies on no certified one."""
        shape, seat = self._setting.shape, self._flip.seats.index(said.statement.signer)
        code, first = opened_by(shape, said.statement.kind)
        decoded = decode_polynomials(shape, polynomials)[first : first + code.opened_polynomials]
        wrong = first_wrong(code, decoded, seat, said.words)
        if wrong is None:
            return None
        size, index = polynomial_bytes(shape), first + wrong
        coordinate = (
            index,
            int(said.words[wrong]),
            word_path(code, said.words, wrong),
            polynomials[index * size : (index + 1) * size],
            polynomial_path(shape, polynomials, index),
        )
        return wrong_sum(self._flip, said.statement, certified.certificate, coordinate)
