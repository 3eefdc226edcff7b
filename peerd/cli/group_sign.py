"""``peerd group sign|rotate``: by the daemon, where one runs, and else by the key's own file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerd.cli.answers import OrderRefused, add_code_argument, code_first, order, waits
from peerd.cli.confirm import ask_digits, at_terminal
from peerd.cli.daemon import DEFAULT_CONFIG
from peerd.cli.output import say
from peerd.cli.places import check_file
from peerd.cli.signing import measure
from peerd.cli.task_arguments import add_start_argument, start_from
from peerd.cli.terms import print_group, summary
from peerd.errors import ConfigError, GroupError, NotRunningError

if TYPE_CHECKING:
    from peerd.config import Config
    from peerd.group import Genesis
    from peerd.identity import Identity
    from peerd.status.remote import Place


class SigningRefused(OrderRefused):
    """The daemon does not sign it, and says why."""

    what = "sign"


class RotationRefused(OrderRefused):
    """The daemon makes no key, and says why."""

    what = "make a key"


def add_sign_arguments(parser: argparse.ArgumentParser) -> None:
    """What signs, and what is looked at first."""
    _add_key_arguments(parser, "your key file (default: the one that --config names)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: in place")
    parser.add_argument(
        "--unmeasured", action="store_true", help="sign without timing an update on this machine"
    )
    parser.add_argument(
        "--yes", action="store_true", help="sign without being asked, as where no terminal is"
    )
    add_start_argument(parser)


def add_rotate_arguments(parser: argparse.ArgumentParser) -> None:
    """Which key."""
    _add_key_arguments(parser, "the key that is in use (default: the one that --config names)")


def _add_key_arguments(parser: argparse.ArgumentParser, key: str) -> None:
    parser.add_argument("--key", type=Path, metavar="FILE", help=key)
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="your peer's, whose daemon signs if it runs, and whose data an update is timed on "
        f"(default: {DEFAULT_CONFIG} beside the key)",
    )
    add_code_argument(parser)


def sign(args: argparse.Namespace) -> tuple[Genesis, str]:
    """The signed genesis, and what was done. GroupError, ConfigError."""
    from peerd.group import load, save
    from peerd.runner.resume import setting_of

    check_file("--out", args.out)
    genesis = load(args.genesis)
    setting_of(genesis)  # nobody signs what can't be run, with deadlines that are too short
    daemon = daemon_of(args)
    done: dict[bytes, bytes] | str
    if daemon is None:
        found, done = _by_file(args, genesis)
    else:
        found, done = _by_daemon(args, daemon, genesis)
    if isinstance(done, str):
        return genesis, done
    out = args.out or args.genesis
    save(found, out)
    return found, f"signed {out} {' and '.join(_as_whom(found, each) for each in done)}"


def daemon_of(args: argparse.Namespace) -> Place | None:
    """Where the daemon is asked that holds this key and runs; None where none does."""
    from peerd.config import Config
    from peerd.identity import next_key
    from peerd.status.remote import remote

    if args.key is None and (there := remote()) is not None:
        return there
    if args.key is None and args.config is None:
        raise ConfigError("whose key signs?", "say --config FILE, or --key FILE")
    path = config_path(args)
    if args.key is not None and not path.exists():
        return None
    config = Config.load(path, os.environ)
    if args.key is not None and args.key.resolve() not in (
        config.key.resolve(),
        next_key(config.key).resolve(),
    ):
        return None
    return config.status if runs(config) else None


def runs(config: Config) -> bool:
    """Whether a daemon answers at its socket."""
    import trio

    from peerd.status.client import Silent, get

    try:
        trio.run(get, config.status, "/v1/status")
    except Silent:
        raise  # it is there, and holds the key
    except NotRunningError:
        return False
    return True


def config_path(args: argparse.Namespace) -> Path:
    """What ``--config`` says, or beside the key."""
    given: Path | None = args.config
    return given or args.key.parent / DEFAULT_CONFIG


def keys_of(args: argparse.Namespace) -> list[Identity]:
    """The identities in the key's file, and of a configuration in the one that waits beside it:
    where no daemon runs, whoever can read them signs.
    """
    from peerd.config import Config
    from peerd.identity import Identity, next_key

    if args.key is not None:
        return [Identity.load(args.key)]
    config = Config.load(args.config, os.environ)
    files = [config.key, *filter(Path.exists, [next_key(config.key)])]
    return [Identity.load(each, config.storage.source) for each in files]


def _by_file(args: argparse.Namespace, genesis: Genesis) -> tuple[Genesis, dict[bytes, bytes]]:
    """By each of these keys that is to sign. GroupError where none is."""
    from peerd.group import sign as signed

    identities = keys_of(args)
    mine = [each for each in identities if each.public in genesis.signers]
    if not mine:
        genesis.index(identities[0].public)
    members = [each.public for each in mine if each.public in genesis.roster]
    _try(args, genesis, members[0] if members else None, None)
    for each in mine:
        genesis = signed(genesis, each)
    return genesis, {each.public: genesis.signatures[each.public] for each in mine}


def _by_daemon(
    args: argparse.Namespace, daemon: Place, genesis: Genesis
) -> tuple[Genesis, dict[bytes, bytes] | str]:
    """What the daemon signed, by key; or what it waits for."""
    import trio

    from peerd.group.document import render
    from peerd.identity import public_of
    from peerd.status.client import get

    me = public_of(str(trio.run(get, daemon, "/v1/status")["peer"]))
    code = code_first(daemon, "sign", args.code)
    heir = me if genesis.follows is None else dict(genesis.follows.keys).get(me, me)
    _try(args, genesis, heir if heir in genesis.roster else None, daemon)
    draft = render(replace(genesis, signatures={}, addresses={}))  # the same of every copy
    answer = order(daemon, "sign", SigningRefused, code, draft=draft)
    if (text := waits(answer)) is not None:
        return genesis, text
    made = signatures_of(genesis, answer)
    return replace(genesis, signatures={**genesis.signatures, **made}), made


def signatures_of(genesis: Genesis, answer: Mapping[str, Any]) -> dict[bytes, bytes]:
    """By public key, from what the daemon answers. GroupError for one that is wrong."""
    from peerd.group.signatures import verifies
    from peerd.identity import public_of

    made = {public_of(peer): bytes.fromhex(text) for peer, text in answer["signatures"].items()}
    for public, signature in made.items():
        if public not in genesis.signers or not verifies(genesis.group_id, public, signature):
            raise GroupError("the daemon's signature is not one of this genesis", "see its log")
    return made


def _try(
    args: argparse.Namespace, genesis: Genesis, public: bytes | None, daemon: Place | None
) -> None:
    """What is looked at before a member signs, and what a person is asked. ``public``: None for a
    key that goes: it signs for the one in its place alone.
    """
    asks = at_terminal() and not args.yes and not args.json
    if asks:
        _show(genesis, daemon)
    start = start_from(args)
    if not args.unmeasured and public is not None:
        measure(genesis, config_path(args), public, start)
    elif start is not None:
        raise ConfigError(
            "--start-from is compared with the genesis by the update that --unmeasured leaves out",
            "leave one of them out",
        )
    if asks:
        ask_digits(genesis.group_id.hex(), "sign")


def _show(genesis: Genesis, daemon: Place | None) -> None:
    """What is signed; of the daemon's successor, what it changes."""
    from peerd.cli.current_group import of_daemon
    from peerd.group.differences import differences

    old = None if daemon is None or genesis.follows is None else of_daemon(daemon, None)
    if old is None or genesis.follows is None or old.group_id != genesis.follows.group:
        print_group(genesis, summary(genesis), terms=True)
        return
    for line in differences(old, genesis):
        say(line)


def _as_whom(genesis: Genesis, public: bytes) -> str:
    from peerd.group.members import called

    follows = genesis.follows
    if follows is not None and public in follows.signing:
        new = dict(follows.keys)[public]
        return f"as the key before that of {called(genesis, genesis.index(new))}"
    return f"as {called(genesis, genesis.index(public))}"


def rotate(args: argparse.Namespace) -> None:
    """Make the key that is to take this one's place, and print the pair."""
    daemon = daemon_of(args)
    if daemon is None:
        path, old, new, made = _rotated(args)
    else:
        answer = order(daemon, "rotate", RotationRefused, args.code)
        if (text := waits(answer)) is not None:
            print(text)
            return
        tell_rotation(answer)
        return
    _tell_rotation(path, old, new, made=made)


def tell_rotation(answer: Mapping[str, Any]) -> None:
    """What the daemon made, as whoever writes the draft needs it."""
    made = bool(answer["made"])
    _tell_rotation(str(answer["file"]), str(answer["old"]), str(answer["new"]), made=made)


def _tell_rotation(path: str, old: str, new: str, *, made: bool) -> None:
    from peerd.identity import with_checksum

    print(f"{with_checksum(old)}={with_checksum(new)}")
    how = f"made {path}" if made else f"{path} was made before"
    print(f"{how}: sign the draft with both keys; the daemon changes over by itself")


def _rotated(args: argparse.Namespace) -> tuple[str, str, str, bool]:
    from peerd.config import Config
    from peerd.identity import Identity, is_encrypted_key, next_key
    from peerd.sealing.source import named

    key, source = args.key, named()
    if key is None:
        config = Config.load(args.config, os.environ)
        key, source = config.key, config.storage.source or source
    old, path = Identity.load(key, source), next_key(key)
    known = path.exists()
    wrapped = source if is_encrypted_key(key) else None
    new = Identity.load(path, source) if known else Identity.create(path, wrapped)
    return str(path), old.peer_id, new.peer_id, not known
