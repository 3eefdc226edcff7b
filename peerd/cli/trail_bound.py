"""``peerd trail verify --against``: a trail beside the heads of it that the other members hold."""

from __future__ import annotations

import argparse
import stat
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerd.errors import ConfigError, IdentityError, VerificationError

if TYPE_CHECKING:
    from peerd.audit.heads import Bound, Compared
    from peerd.audit.history import History
    from peerd.audit.material import Material
    from peerd.group import Genesis

_HASH_DIGITS = 64


def is_trail(path: Path) -> bool:
    """Whether it begins as a record does; a place where nothing is passes for one."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            start = file.read(_HASH_DIGITS + 2)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return start[_HASH_DIGITS:] == b" {"


@dataclass(frozen=True, slots=True)
class Others:
    """What other members' certificates hold of one member's trail."""

    member: bytes
    called: str
    group: str
    bound: list[Bound]
    coins: int


def held_by_others(args: argparse.Namespace, places: list[Path], trail: Path) -> Others:
    """From the certificates at ``places``; before the trail is read, as it may grow. ConfigError
    where nothing is there to compare, VerificationError for a certificate that lies.
    """
    from peerd.audit.heads import bound_by, keys_of
    from peerd.audit.history import verify
    from peerd.audit.places import read_places
    from peerd.group.members import called

    material = _certificates(read_places(places, genesis_given=args.genesis is not None))
    history = verify(material, _genesis(args, material))
    if history.first_lie is not None:
        raise VerificationError(f"of what it is held against: {history.first_lie}")
    keys = keys_of(history.epochs, _member(args, trail, history))
    bound, coins = bound_by(history, keys)
    last = history.epochs[-1].genesis
    for epoch in reversed(history.epochs):
        for index, key in enumerate(epoch.genesis.roster):
            if key in keys:
                return Others(key, called(epoch.genesis, index), last.name, bound, coins)
    raise ConfigError(
        f"{trail} is of no member of {last.name!r}", "say whose it is: --peer NAME|PEER"
    )


def _certificates(found: Material) -> Material:
    """Nothing else of a history tells of a trail. A transcript has its round's certificate."""
    from peerd.audit.material import Broken, Material, Piece
    from protocols.errors import WireError
    from protocols.record.transcript import Transcript

    def inside(piece: Piece) -> bytes:
        try:
            return Transcript.decode(piece.read()).certificate
        except WireError as error:
            raise Broken(str(error)) from None

    pieces = found.certificates or [
        Piece(each.file, partial(inside, each), each.round) for each in found.transcripts
    ]
    return Material(
        found.geneses, pieces, lies=found.lies, whole=found.whole and bool(pieces), late=found.late
    )


def _genesis(args: argparse.Namespace, material: Material) -> Genesis:
    """The one that is named, or lies there; else this peer's own. ConfigError, GroupError."""
    from peerd.audit.genesis import found_genesis, given_genesis
    from peerd.cli.daemon import load_config
    from peerd.group import load

    genesis = given_genesis(args.genesis)
    if genesis is None and args.genesis is None and not material.geneses:
        genesis = load(load_config(args).genesis)
        genesis.verify()
    if genesis is None:
        genesis = found_genesis(args.genesis, material)
    if genesis is None:
        raise VerificationError(f"of what it is held against: {material.lies[0]}")
    return genesis


def _member(args: argparse.Namespace, trail: Path, history: History) -> bytes:
    """Whose trail it is: who is named; or, of the daemon's own, who the daemon is; or who a copy
    says. ConfigError.
    """
    from peerd.cli.who import who
    from peerd.identity import public_of
    from peerd.trail.reading import records

    if args.peer is not None:
        for epoch in history.epochs[:-1]:
            try:
                return who(epoch.genesis, args.peer, "--peer")
            except ConfigError:
                continue
        return who(history.epochs[-1].genesis, args.peer, "--peer")
    if args.file is None:
        return _own(args)
    told: Any = None
    for each in records(trail):
        if each["act"] == "start":
            told = each["arguments"].get("peer")
    try:
        return public_of(str(told))
    except IdentityError:
        raise ConfigError(f"{trail} does not say whose it is", "say so: --peer NAME|PEER") from None


def _own(args: argparse.Namespace) -> bytes:
    """The daemon's key, which it says itself where it runs."""
    import trio

    from peerd.cli.daemon import load_config
    from peerd.errors import NotRunningError
    from peerd.identity import Identity, public_of
    from peerd.status.client import StatusAnswerError, get

    config = load_config(args)
    try:
        return public_of(str(trio.run(get, config.status, "/v1/status").get("peer")))
    except (IdentityError, NotRunningError, StatusAnswerError):
        return Identity.load(config.key, config.storage.source).public


def compared(others: Others, trail: Path) -> Held:
    """ConfigError where no round binds anything of it."""
    from peerd.audit.heads import compare
    from peerd.trail.reading import records
    from peerd.trail.record import Head

    chain: list[Head] = []
    late = False
    for each in records(trail):
        if not chain and each["number"] > 0:
            late = True
            chain.append(Head(each["number"] - 1, each["previous"]))
        chain.append(Head(each["number"], each["hash"]))
    found = Held(others, compare(others.bound, chain, late=late))
    if found.compared.held == 0 and found.compared.wrong is None:
        raise ConfigError(
            f"no round binds a record of {trail}: {found.nothing}",
            "it is compared with nothing",
        )
    return found


@dataclass(frozen=True, slots=True)
class Held:
    """A trail beside what others hold of it."""

    others: Others
    compared: Compared

    @property
    def lie(self) -> tuple[int, str] | None:
        """The first record that is wrong, and why."""
        wrong = self.compared.wrong
        return None if wrong is None else (wrong.record, wrong.reason)

    @property
    def nothing(self) -> str:
        """Why nothing is bound."""
        if self.compared.before:
            return f"{self.compared.before} bind records before the first that is here"
        if self.others.coins:
            return f"each of {self.others.group!r} flips a coin"
        return f"{self.others.called} took part in none"

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        from peerd.identity import peer_id_of

        found = self.compared
        newest_round, newest_record = found.newest or (None, None)
        return {
            "peer": peer_id_of(self.others.member),
            "rounds": found.rounds,
            "held": found.held,
            "before": found.before,
            "coins": self.others.coins,
            "newest_round": newest_round,
            "newest_record": newest_record,
            "loose": found.loose,
            "wrong_round": None if found.wrong is None else found.wrong.round,
        }

    def lines(self) -> list[str]:
        """For people."""
        others, found = self.others, self.compared
        said = [f"{found.rounds} rounds of {others.group!r} bind a head of {others.called}"]
        if found.newest is not None:
            round_, record = found.newest
            said[0] += f"; up to round {round_}, which binds record {record}, they are here"
        if found.before:
            said.append(f"note: {found.before} bind records before the first that is here")
        if others.coins:
            said.append(f"note: {others.coins} rounds flipped a coin, and bind none")
        if found.loose and found.wrong is None:
            said.append(f"note: nothing binds the last {found.loose} records yet")
        return said
