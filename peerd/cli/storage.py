"""``peerd storage``: what lies on the disk is encrypted, its keys are replaced, it is looked at."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerd.cli.daemon import add_config_argument, load_config
from peerd.cli.output import print_json, quiet_logs, say
from peerd.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from peerd.config import Config
    from peerd.identity import Identity
    from peerd.sealing import KeySource

VERBS = {
    "encrypt": "encrypt the data directory and the peer's key; the daemon must be stopped",
    "rotate": "replace the keys; the daemon must be stopped",
    "check": "open every value: is all of it encrypted, and whole? the daemon must be stopped",
}

_ENCRYPT = "name a key in [storage], if none is, and say: peerd storage encrypt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``encrypt``, ``rotate``, ``check``."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    made = {name: verbs.add_parser(name, help=says) for name, says in VERBS.items()}
    for each in made.values():
        add_config_argument(each)
    made["rotate"].add_argument(
        "--to",
        metavar="SOURCE",
        help="where the disk's next key is: credential:NAME, file:/PATH or passphrase (default:"
        " where it is now)",
    )
    made["rotate"].add_argument(
        "--later",
        action="store_true",
        help="come back at once: the daemon seals what there is anew, some of it after each round",
    )
    made["check"].add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    config = load_config(args)
    if args.verb == "check":
        return _check(config, as_json=args.json)
    source = config.storage.source
    if source is None:
        raise ConfigError(
            f"{args.config}: [storage] names no key",
            'make one, away from this disk, and name it: key = "file:/PATH" (or credential:NAME,'
            " or passphrase)",
        )
    quiet_logs()
    if args.verb == "encrypt":
        _encrypt(config, source)
    else:
        _rotate(config, source, args.to, later=args.later)
    return 0


def _encrypt(config: Config, source: KeySource) -> None:
    from peerd.identity import is_encrypted_key
    from peerd.storage import Store
    from peerd.storage.ring import begin, is_encrypted
    from peerd.trail import note_by_directory

    if not is_encrypted(config.data) and not any(map(is_encrypted_key, _keys(config))):
        source.ask_twice()
    keys = _opened_keys(config, source, source)
    if config.data.exists() and not is_encrypted(config.data):
        with Store.open(config.data, config.storage.keeping) as store:
            note_by_directory(store, "encrypt disk", key=source.text)
            _lock_keys(keys, source)  # first: beside a key ring a daemon would take a plain key
            begin(config.data, source, plain=True)
    else:
        _lock_keys(keys, source)
    if config.data.exists():
        _finish(config, source)
    say(f"{config.data} and {config.key} are encrypted; keep the key: nothing opens without it")


def _rotate(config: Config, source: KeySource, to: str | None, *, later: bool) -> None:
    from peerd.sealing.locked import note_for
    from peerd.sealing.source import next_source
    from peerd.storage import Store
    from peerd.storage.ring import is_encrypted, ring_note, rotated, write_ring
    from peerd.trail import note_by_directory

    if not is_encrypted(config.data):
        raise StorageError(f"{config.data} is not encrypted", "first: peerd storage encrypt")
    target = source if to is None else next_source(source, to)
    fits = _fitting(config, source, target)
    keys = _opened_keys(config, source, target)
    note = note_for(source, target) if fits is not target else None
    with Store.open(config.data, config.storage.keeping, fits) as store:
        note_by_directory(store, "rotate disk key", key=target.text)
        write_ring(config.data, rotated(store.vault), target, note)
    _lock_keys(keys, target, ring_note(config.data))
    if later:
        say("new values get new data keys; the daemon seals the others anew after its rounds")
    else:
        _finish(config, target)
        say("everything is sealed with new data keys, and older ones are gone")
    _tell(source, fits, target, to)


def _tell(source: KeySource, fits: KeySource, target: KeySource, to: str | None) -> None:
    """What became of the disk's own key."""
    if target.text != source.text:
        say(f'now say in [storage] of the configuration: key = "{target.text}"')
    elif target is not source:
        say("the disk opens with the new passphrase from now on, and no longer with the old one")
    if to is not None and fits is source and source.same_as(target):
        say("note: the disk's key is the same as before: whoever has it opens the disk as before")


def _fitting(config: Config, source: KeySource, target: KeySource) -> KeySource:
    """The one that opens the key ring: ``target``, where a rotation was interrupted. StorageError
    for a new passphrase that is the old one.
    """
    from peerd.sealing.locked import Relocked
    from peerd.sealing.source import PASSPHRASE
    from peerd.storage.ring import read_ring

    try:
        read_ring(config.data, source).forget()
    except StorageError as error:
        # the current passphrase, mistyped, must not let a new one be asked for
        if target is source or (target.text == source.text and not isinstance(error, Relocked)):
            raise
        target.ask_twice()
        try:
            read_ring(config.data, target).forget()
        except StorageError:
            raise error from None
        return target
    if target is not source:
        target.ask_twice()
    if target is not source and target.kind == PASSPHRASE and target.same_as(source):
        raise StorageError(
            "the new passphrase is the one that the disk has",
            "take another one; if a rotation was interrupted, give the one from before it first",
        )
    return source


def _opened_keys(
    config: Config, source: KeySource, target: KeySource
) -> list[tuple[Path, Identity]]:
    """The peer's key, and the one that waits to take its place: before anything is changed, since
    a damaged one ends it. IdentityError.
    """
    from peerd.errors import IdentityError
    from peerd.identity import Identity

    found = []
    for path in _keys(config):
        try:
            identity = Identity.load(path, source)
        except IdentityError as error:
            try:
                identity = Identity.load(path, target)
            except IdentityError:
                raise error from None
        found.append((path, identity))
    return found


def _lock_keys(
    keys: list[tuple[Path, Identity]], target: KeySource, note: str | None = None
) -> None:
    """They are locked with ``target`` from now on."""
    for path, identity in keys:
        identity.encrypt(path, target, note)


def _keys(config: Config) -> Iterator[Path]:
    from peerd.identity import next_key

    yield from (path for path in (config.key, next_key(config.key)) if path.exists())


def _finish(config: Config, source: KeySource) -> None:
    """All that is not of the newest key is sealed anew."""
    from peerd.learning.state import LocalModels
    from peerd.storage import Store
    from peerd.storage.ring import TRAINING

    with Store.open(config.data, config.storage.keeping, source) as store:
        if (config.data / TRAINING).is_dir():
            LocalModels(config.data / TRAINING, 0, store.vault.part(TRAINING)).prepare()
        while not store.renew():
            pass


def _check(config: Config, *, as_json: bool) -> int:
    """0 where everything is encrypted with the newest key, and opens."""
    document = examined(config)
    if as_json:
        print_json(document)
    else:
        values = document["values"]
        for name in ("newest", "older", "plain", "damaged"):
            say(f"{name:8} {values[name]}")
        for line in document["findings"]:
            say(line)
        say(
            "everything is encrypted, and opens"
            if document["encrypted"]
            else "not everything is encrypted and whole"
        )
    return 0 if document["encrypted"] else StorageError.exit_code


def examined(config: Config) -> dict[str, Any]:
    """What ``--json`` prints. LockedError while the daemon runs; StorageError."""
    from peerd.storage.examination import DAMAGED, NEWEST, OLDER, PLAIN, examine

    found = examine(config.data, config.storage.source)
    values = {kind: found.values[kind] for kind in (NEWEST, OLDER, PLAIN, DAMAGED)}
    findings = [f"damaged: {what}" for what in found.damaged]
    keys = _examined_keys(config, findings)
    if not config.data.exists() and not keys:
        findings.append(f"there is neither {config.data} nor {config.key}: nothing was looked at")
    if config.data.exists() and not found.generations:
        findings.append(f"{config.data} is not encrypted; {_ENCRYPT}")
    elif not found.settled:
        findings.append("encryption or a rotation is not finished: peerd storage rotate")
    return {
        "encrypted": not findings and config.storage.key is not None,
        "key": config.storage.key,
        "generations": list(found.generations),
        "values": values,
        "peer_keys": keys,
        "findings": findings,
    }


def _examined_keys(config: Config, findings: list[str]) -> dict[str, bool]:
    """Which of the peer's keys are encrypted; in ``findings``, which are not, or do not open."""
    from peerd.errors import IdentityError
    from peerd.identity import Identity, is_encrypted_key

    keys = {}
    for path in _keys(config):
        try:
            keys[path.name] = is_encrypted_key(path)
            Identity.load(path, config.storage.source)
        except IdentityError as error:
            findings.append(str(error))
        else:
            if not keys[path.name]:
                findings.append(f"{path} is not encrypted; {_ENCRYPT}")
    return keys
