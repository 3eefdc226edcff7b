"""A dealer's round: encode the update, deal it, sign the header, one frame a member."""

from __future__ import annotations

from peerd.laboratory.bench.meter import Meter
from peerd.laboratory.bench.scene import BASE_MODEL, Scene
from protocols.hashing import digest
from protocols.proof import deal
from protocols.wire.frames import DealingFrame, encode_frame
from protocols.wire.payloads import Header, Kind


class DealerWork:
    """Input: a model and an update."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.bytes_in = 0
        self._model, self._update = scene.vector("model", 0), scene.update(1)
        _ = scene.reference  # public, and the same for all: no part of the dealer's work
        self._secret = digest("peerd/bench/secret")

    def run(self, meter: Meter) -> int:
        """Bytes out."""
        scene = self.scene
        with meter.phase("encode"):
            values = scene.encode(self._model, self._update)
        with meter.phase("deal"):
            dealt = deal(scene.shape, values, self._secret, scene.context(1))
        with meter.phase("frames"):
            header = scene.sign(Kind.HEADER, Header(BASE_MODEL, dealt.root, dealt.proof), 1)
            frames = [encode_frame(DealingFrame(header.wire, each)) for each in dealt.packages]
        return sum(map(len, frames))
