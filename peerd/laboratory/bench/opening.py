"""An opening: every member's sum decoded and verified, t liars found, the result hashed."""

from __future__ import annotations

import numpy as np

from peerd.laboratory.bench.member import sum_frame
from peerd.laboratory.bench.meter import Meter
from peerd.laboratory.bench.scene import COIN, GROUP, Scene
from peerd.laboratory.simulation.noised import added, noise_in
from protocols.aggregation.clear_sum import opened_part
from protocols.hashing import digest
from protocols.opening import (
    decode_words,
    encode_polynomials,
    open_sum,
    polynomial_root,
    word_root,
)
from protocols.proof import split
from protocols.wire.frames import SumFrame, decode_frame
from protocols.wire.statement import decode_statement

DEALERS = 3
"""An opening costs the same whatever the number of dealers."""


class OpenWork:
    """Input: a frame from every seat; t of them, spread over the committee, lie."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        shape, plan = scene.shape, scene.plan
        values = [scene.values(dealer) for dealer in range(DEALERS)]
        vectors = [
            split(shape, each, digest("peerd/bench/secret"), scene.context(dealer)).vectors
            for dealer, each in enumerate(values)
        ]
        opened = [opened_part(shape.relation, each) for each in values]
        self._expected = np.sum(opened, axis=0, dtype=np.int64)
        for dealer, each in enumerate(values if scene.noise else []):
            noise = noise_in(shape.relation, each)
            self._expected += added(shape, COIN, dealer, noise)
        self._liars = [index * plan.committee // plan.threshold for index in range(plan.threshold)]
        self.frames = []
        for seat in range(plan.committee):
            words = scene.sum([vector[seat, : shape.kept_polynomials] for vector in vectors])
            if seat in self._liars:
                words[seat % shape.opened_polynomials] ^= 1
            self.frames.append(sum_frame(scene, seat, words))
        self._publics = [
            scene.crypto.signing_public(scene.signing_secret(seat))
            for seat in range(plan.committee)
        ]
        self.bytes_in = sum(map(len, self.frames))

    def run(self, meter: Meter) -> int:
        """Bytes out: the opened polynomials, once. RuntimeError if the sum is not the plain sum."""
        scene, shape = self.scene, self.scene.shape
        with meter.phase("decode"):
            received = []
            for data in self.frames:
                frame = decode_frame(data)
                assert isinstance(frame, SumFrame)
                statement = decode_statement(frame.statement, GROUP)
                received.append((statement, decode_words(shape, frame.words)))
        with meter.phase("signatures"):
            genuine = all(
                statement.signed_by(scene.crypto, self._publics[statement.signer])
                for statement, _ in received
            )
        with meter.phase("word roots"):
            bound = all(
                word_root(shape, words) == statement.payload.root for statement, words in received
            )
        with meter.phase("open"):
            words = {statement.signer: words for statement, words in received}
            opened = open_sum(shape, words, digest("peerd/bench/entropy"))
        found = [seat for seat, _ in opened.liars]
        if not (genuine and bound and found == self._liars):
            raise RuntimeError("the liars that were found are not the ones that lied")
        if not np.array_equal(opened.values, self._expected):
            raise RuntimeError("the opened sum is not the plain sum")
        with meter.phase("result"):
            coin = np.zeros((shape.coin_polynomials, opened.polynomials.shape[1]), np.uint64)
            data_out = encode_polynomials(shape, np.concatenate([opened.polynomials, coin]))
            root = polynomial_root(shape, data_out)
        return len(root) + len(data_out)
