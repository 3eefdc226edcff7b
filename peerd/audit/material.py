"""What somebody hands to an auditor, read and not believed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from peerd.group import Genesis
from protocols.aggregation.contract import Model


@dataclass(frozen=True, slots=True)
class Lie:
    """What is not as it is claimed: ``reason``, in which ``file``, and of which ``round``."""

    file: str
    reason: str
    round: int | None = None

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


class Broken(Exception):
    """A piece can't be read as what it stands for."""


class Gone(Broken):
    """A running daemon keeps it no longer."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes, at the place that a person finds them at. ``round``: under which number they are kept
    there; None where that follows from the bytes alone. ``read`` raises Broken.
    """

    file: str
    read: Callable[[], bytes] = field(repr=False)
    round: int | None = None


@dataclass(frozen=True, slots=True)
class KeptModel:
    """A model (d,) as a peer keeps it, without a certificate. ``read`` raises Broken."""

    file: str
    round: int
    read: Callable[[], Model] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model that is the certified one of a round: where it is, and its hash."""

    file: str
    round: int
    hash: bytes


@dataclass(slots=True)
class Material:
    """All pieces of all places. ``whole``: whether a place claims to hold a history from its start;
    ``late``: one from the handover on with which its peer joined.
    ``proofs``: files of ``peerd blame export``. ``skipped``: files of a folder that are none of an
    audit's.
    """

    geneses: list[tuple[str, Genesis]] = field(default_factory=list)
    certificates: list[Piece] = field(default_factory=list)
    transcripts: list[Piece] = field(default_factory=list)
    evidence: list[Piece] = field(default_factory=list)
    proofs: list[Piece] = field(default_factory=list)
    kept_models: list[KeptModel] = field(default_factory=list)
    exports: list[Path] = field(default_factory=list)
    lies: list[Lie] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    whole: bool = False
    late: bool = False

    @property
    def judged(self) -> list[Piece]:
        """What convicts somebody by itself."""
        return [*self.evidence, *self.proofs]

    def add(self, other: Material) -> None:
        """All that ``other`` holds too."""
        self.geneses += other.geneses
        self.certificates += other.certificates
        self.transcripts += other.transcripts
        self.evidence += other.evidence
        self.proofs += other.proofs
        self.kept_models += other.kept_models
        self.exports += other.exports
        self.lies += other.lies
        self.skipped += other.skipped
        self.whole |= other.whole
        self.late |= other.late


def held(file: str, data: bytes, round_: int | None = None) -> Piece:
    """A piece whose bytes are in memory already."""
    return Piece(file, lambda: data, round_)


def together(materials: Iterable[Material]) -> Material:
    """One material of several places."""
    found = Material()
    for material in materials:
        found.add(material)
    return found
