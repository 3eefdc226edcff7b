"""A member's round: every dealer's frame decoded, verified, checked and summed.

The input is ``DISTINCT_DEALERS`` real dealings; the others are copies of their bytes at other
addresses. No kernel looks at values, so a copy costs what a fresh dealing costs. The seat is one
that gets vectors; seats 0..t-1 get seeds.
"""

from __future__ import annotations

from peerd.laboratory.bench.meter import Meter
from peerd.laboratory.bench.scene import GROUP, Scene
from protocols.field import Elements
from protocols.opening import encode_words, word_root
from protocols.proof import Verdict, check_many
from protocols.wire.frames import DealingFrame, SumFrame, decode_frame, encode_frame
from protocols.wire.payloads import Kind, Sum
from protocols.wire.statement import decode_statement

DISTINCT_DEALERS = 16


class MemberWork:
    """Input: one frame from every peer of the group."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.seat = scene.plan.committee - 1
        distinct = []
        for dealer in range(min(DISTINCT_DEALERS, scene.peers)):
            header, packages = scene.dealing(dealer)
            distinct.append(encode_frame(DealingFrame(header.wire, packages[self.seat])))
        self.frames = [
            bytes(bytearray(distinct[index % len(distinct)])) for index in range(scene.peers)
        ]
        self.bytes_in = sum(map(len, self.frames))
        self._publics = [
            scene.crypto.signing_public(scene.signing_secret(dealer))
            for dealer in range(len(distinct))
        ]
        self._contexts = [scene.context(dealer) for dealer in range(len(distinct))]

    def run(self, meter: Meter) -> int:
        """Bytes out, to all other seats. RuntimeError if a valid dealing fails its check."""
        scene = self.scene
        with meter.phase("decode"):
            received = []
            for data in self.frames:
                frame = decode_frame(data)
                assert isinstance(frame, DealingFrame)
                received.append((decode_statement(frame.header, GROUP), frame.package))
        with meter.phase("signatures"):
            genuine = [
                header.signed_by(scene.crypto, self._publics[header.signer])
                for header, _ in received
            ]
        with meter.phase("check"):
            items = [
                (self._contexts[header.signer], header.payload.root, header.payload.proof, package)
                for header, package in received
            ]
            verdicts, shares = check_many(scene.shape, self.seat, items)
        valid = [share for share in shares if share is not None]
        if not all(genuine) or any(verdict is not Verdict.VALID for verdict in verdicts):
            raise RuntimeError("a valid dealing failed its check")
        with meter.phase("sum"):
            frame_out = sum_frame(scene, self.seat, scene.sum(valid))
        return len(frame_out) * (scene.plan.committee - 1)


def sum_frame(scene: Scene, signer: int, words: Elements) -> bytes:
    """A member's signed sum as it goes on the wire."""
    payload = Sum(bytes(32), word_root(scene.shape, words))
    statement = scene.sign(Kind.SUM, payload, signer)
    return encode_frame(SumFrame(statement.wire, encode_words(scene.shape, words)))
