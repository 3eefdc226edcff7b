"""``peerd run``: a group that is founded if it is not yet, then one life in it after another."""

from __future__ import annotations

import os
from contextlib import closing, suppress
from pathlib import Path

import structlog
import trio

from peerd.config import Config, from_environment, strange_variables
from peerd.environment import variable
from peerd.errors import CorruptError, StorageError
from peerd.group import Genesis, load
from peerd.group.members import names_by_peer
from peerd.identity import Identity, is_encrypted_key
from peerd.logging import configure
from peerd.runner.crew import Crew, Terms
from peerd.runner.failures import only_error
from peerd.runner.founding import Founding
from peerd.runner.life import Life
from peerd.runner.operators.noting import note_start
from peerd.runner.operators.told import Told
from peerd.runner.place import Place
from peerd.runner.succession.handover import fill_old
from peerd.runner.succession.lineage import named, remember
from peerd.runner.succession.membership import Left, current
from peerd.sealing.dumps import forbid_core_dumps
from peerd.storage import Store
from peerd.storage.ring import is_encrypted
from peerd.trail import Trail
from peerd.trail.record import itself

log = structlog.get_logger(__name__)


def run(
    config: Config,
    *,
    restored: bool | None = None,
    crew: Crew = Crew(),
    file: Path | None = None,
    founds: bool = False,
    told: Told | None = None,
) -> int:
    """Run the daemon until SIGTERM or SIGINT; 0 when it was asked to stop, INTERRUPTED when it was
    asked again before it had. Raises PeerdError.

    ``founds``: where members have not signed yet, their signatures are waited for. The others are
    the ``Terms``.
    """
    told = told or Told()
    forbid_core_dumps()
    configure(config.log.level, config.log.format, file=config.log.file)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    if said := from_environment(os.environ):
        log.info("keys from the environment", variables=[variable(key) for key in said])
    if strange := strange_variables(os.environ):
        log.warning("variables that are no keys of peerd's", variables=strange)
    genesis = load(config.genesis)
    if not founds:
        genesis.verify()
    _check_key(config)
    with (
        Store.open(config.data, config.storage.keeping, config.storage.source) as store,
        closing(Trail(store)) as trail,
    ):
        if genesis.unsigned():
            names = names_by_peer(genesis)
            configure(config.log.level, config.log.format, file=config.log.file, names=names)
            identity = Identity.load(config.key, store.source)
            founding = Founding(config, genesis, identity, told, trail, store)
            _run(founding)
            if founding.genesis.unsigned():
                return founding.exit_code
            genesis = founding.genesis
        return _live(config, genesis, store, Terms(trail, crew, restored, file, told))


def _check_key(config: Config) -> None:
    """A directory that is new begins with the key that opens an encrypted ``peer.key``; neither
    plain nor with another passphrase. IdentityError.
    """
    if config.key.exists() and not is_encrypted(config.data) and is_encrypted_key(config.key):
        Identity.load(config.key, config.storage.source)


def _live(config: Config, configured: Genesis, store: Store, terms: Terms) -> int:
    """In this group and its successors, until it is told to stop or has left; the exit code."""
    while True:
        try:
            epochs, identity = current(store, configured, config.key)
        except Left as left:
            log.warning("this peer has left the group", reason=str(left))
            return 0
        fill_old(store, epochs)
        names = named(epochs)
        configure(config.log.level, config.log.format, file=config.log.file, names=names)
        note_start(terms.trail, epochs[-1].genesis.group_id, identity.peer_id, config)
        life = Life(config, Place(epochs, identity, configured), store, terms)
        try:
            _run(life)
        except CorruptError as error:  # somebody may have changed it: the trail is to say when
            with suppress(StorageError):
                terms.trail.note("stop", itself(), reason=str(error))
            raise
        if life.handover is None:
            if again := terms.told.taken():
                log.info("told to stop again while it stopped", times=len(again))
            return life.exit_code
        successor = life.handover.epoch.genesis.group_id.hex()
        terms.trail.note("go over", itself(), to=successor)
        life.handover.store(store, epochs[-1])
        remember(store, [*epochs, life.handover.epoch])
        config = life.config


def _run(daemon: Founding | Life) -> None:
    """Until it is asked to stop, or has come to its end."""
    try:
        trio.run(daemon.run)
    except BaseExceptionGroup as group:
        error = only_error(group)
        if error is group:  # a fault of ours: nobody can be asked to make it happen again
            log.error("a fault of peerd", exc_info=group)
        raise error from group
