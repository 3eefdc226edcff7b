"""Every harness by name, with the seeds that its corpus starts from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import fuzz_boundary as boundary
import fuzz_messages as messages
import fuzz_sessions as sessions
from fuzz_scene import distinct, scene

CORPUS = Path(__file__).parent / "corpus"
MAX_FILES = 200
MAX_FILE_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Target:
    """``feed`` raises only for what is a bug. ``cost`` is relative: executions of the quick run
    are divided by it."""

    feed: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    cost: int = 1


def _stepped() -> list[bytes]:
    return [bytes([index]) + data for index, data in enumerate(messages.frames())]


def _played() -> list[bytes]:
    return [bytes([one]) + bytes(range(one, one + 60)) for one in (0, 40, 80, 120)]


TARGETS: dict[str, Target] = {
    "canonical": Target(messages.canonical, lambda: messages.statements()[:4]),
    "frame": Target(messages.frame, messages.frames),
    "statement": Target(messages.statement, messages.statements),
    "payload": Target(messages.payload, messages.payloads),
    "outcome": Target(messages.outcome, messages.outcomes),
    "evidence": Target(messages.evidence, messages.proofs),
    "forged-evidence": Target(messages.forged_evidence, messages.scripts, 4),
    "certificate": Target(messages.certificate, lambda: [scene().certificate, messages.unvoted()]),
    "transcript": Target(messages.transcript, lambda: [scene().transcript], 2),
    "forged-certificate": Target(messages.forged_certificate, messages.scripts, 8),
    "genesis": Target(messages.genesis, lambda: [messages.a_genesis().encode()]),
    "genesis-document": Target(messages.genesis_document, boundary.genesis_texts),
    "address-record": Target(messages.address_record, messages.records),
    "signed-record": Target(messages.signed_address_record, messages.record_fields, 4),
    "address-book": Target(boundary.address_book, boundary.address_books, 8),
    "shares": Target(messages.shares, lambda: [b"\0\0" + bytes([i]) * 40 for i in range(4)], 4),
    "bound-shares": Target(messages.bound_shares, messages.scripts, 20),
    "sums": Target(messages.sums, lambda: [d for d in distinct(scene().frames) if d[2] == 7][:2]),
    "signatures": Target(messages.signatures, lambda: [b"\2\2" + bytes(96), b"\2\2" + b"\1" * 96]),
    "frame-stream": Target(boundary.frame_stream, boundary.streams, 40),
    "request-stream": Target(boundary.request_stream, boundary.requests, 8),
    "library": Target(boundary.library, boundary.asks),
    "yamux": Target(boundary.yamux, boundary.multiplexed, 8),
    "http": Target(boundary.http, boundary.http_requests, 8),
    "learning-frame": Target(boundary.learning_frame, boundary.worker_frames),
    "idx": Target(boundary.idx, boundary.idx_files, 2),
    "cifar": Target(boundary.cifar, boundary.cifar_files, 2),
    "table": Target(boundary.table, boundary.tables, 4),
    "schema": Target(boundary.schema, boundary.schemas),
    "config": Target(boundary.config, boundary.configs, 2),
    "key-file": Target(boundary.key_file, boundary.key_files, 2),
    "envelope": Target(boundary.envelope, boundary.envelopes),
    "session": Target(sessions.raw, _stepped, 4),
    "session-signed": Target(sessions.step, messages.scripts, 4),
    "round": Target(sessions.play, _played, 400),
}


def corpus(name: str) -> list[bytes]:
    """The kept inputs of a target, in the order of their names; crashes of the past among them."""
    return [path.read_bytes() for path in sorted((CORPUS / name).glob("*")) if path.is_file()]
