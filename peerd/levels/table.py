"""The table: which measures there are, from which level on, and how each is looked at."""

from __future__ import annotations

import os
from pathlib import Path

from peerd.levels.measure import Again, Level, Measure, Peer, State
from protocols.version import V3


def _having(found: object) -> State:
    return State.OK if found else State.MISSING


# -- what is looked at -----------------------------------------------------------------------------


def _key_is_ours(peer: Peer) -> State:
    from peerd.identity import is_encrypted_key

    is_encrypted_key(peer.config.key)  # raises where others may read it
    return State.OK


def _trail_is_whole(peer: Peer) -> State:
    from peerd.trail.reading import walk
    from peerd.trail.trail import FILE

    try:
        found = walk(peer.config.data / FILE)
    except FileNotFoundError:
        return State.MISSING
    return _having(found.why is None or found.torn)


def _no_dumps(peer: Peer) -> State:
    """Of the daemon that runs: the kernel says it."""
    if peer.pid is None:
        return State.OK  # the daemon forbids them as it starts
    try:
        lines = Path(f"/proc/{peer.pid}/limits").read_text(encoding="ascii").splitlines()
    except OSError:
        return State.UNSEEN
    limits = [line.split()[4] for line in lines if line.startswith("Max core file size")]
    return _having(limits and limits[0] in ("0", "1"))


def _loopback(peer: Peer) -> State:
    from peerd.status.metrics_port import exposed

    return _having(not exposed(peer.config.metrics.listen))


def _encrypted(peer: Peer) -> State:
    from peerd.storage.ring import is_encrypted

    config = peer.config
    return _having(config.storage.key is not None and is_encrypted(config.data))


def _encrypted_key(peer: Peer) -> State:
    from peerd.identity import is_encrypted_key

    return _having(is_encrypted_key(peer.config.key))


def _whole(peer: Peer) -> State:
    """A daemon that runs has the directory for itself."""
    from peerd.storage.examination import DAMAGED, NEWEST, examine

    if peer.pid is not None:
        return State.UNSEEN
    values = examine(peer.config.data, peer.config.storage.source).values
    return _having(not values[DAMAGED] and values[NEWEST] == values.total())


def _revocable(peer: Peer) -> State:
    tls = peer.config.control.tls
    return _having(tls.listen is None or tls.crl is not None)


def _hybrid(peer: Peer) -> State:
    return State.UNSEEN if peer.genesis is None else _having(peer.genesis.version >= V3)


def _heard(peer: Peer) -> State:
    alarms = peer.config.alarms
    return _having("log" not in (alarms.on_norm, alarms.on_loss, alarms.on_storage))


def _key_elsewhere(peer: Peer) -> State:
    """A file counts where it is on another device than what it opens."""
    source, data = peer.config.storage.key, peer.config.data
    if source is None:
        return State.MISSING
    kind, _, place = source.partition(":")
    if kind != "file":
        return State.OK
    try:
        return _having(os.stat(place).st_dev != os.stat(data).st_dev)
    except OSError:  # its medium is out, as it may be
        return State.UNSEEN


def _private(peer: Peer) -> State:
    return State.UNSEEN if peer.genesis is None else _having(getattr(peer.genesis, "privacy", None))


def _pauses(peer: Peer) -> State:
    alarms = peer.config.alarms
    stops = ("pause", "draft")
    return _having(all(each in stops for each in (alarms.on_norm, alarms.on_storage)))


def _no_swap(peer: Peer) -> State:
    """Whether a device is encrypted, its name does not tell."""
    try:
        lines = Path("/proc/swaps").read_text(encoding="utf-8", errors="replace").splitlines()[1:]
    except OSError:
        return State.UNSEEN
    return State.UNSEEN if lines else State.OK


ROLES = "roles"
"""The measure on which depends what a reload takes over of ``[control]``."""

MEASURES: tuple[Measure, ...] = (
    Measure(
        Level.BASIC,
        "key of its owner alone",
        "other users of this machine, who would speak for this member",
        "chmod 600 on the key's file, as the daemon's own user's",
        _key_is_ours,
        Again.RESTART,
    ),
    Measure(
        Level.BASIC,
        "trail",
        "acts that nobody answers for, and records that were changed",
        "peerd run begins it; peerd trail verify says what is wrong",
        _trail_is_whole,
    ),
    Measure(
        Level.BASIC,
        "no core dumps",
        "keys that a crash leaves on the disk",
        "peerd run forbids them; nothing is to allow them again",
        _no_dumps,
    ),
    Measure(
        Level.BASIC,
        "metrics at home",
        "strangers on the network, who would read how the peer does",
        "metrics.listen on 127.0.0.1, or none",
        _loopback,
        Again.RELOAD,
    ),
    Measure(
        Level.BASIC,
        "disk budget",
        "a disk that runs full, on which nothing is signed and nothing put on record",
        'disk_budget = "10 GB" in [storage]',
        lambda peer: _having(peer.config.storage.disk_budget),
        Again.RELOAD,
    ),
    Measure(
        Level.ENHANCED,
        "encrypted disk",
        "whoever takes the disk, a copy or a backup of it",
        "key in [storage], then peerd storage encrypt",
        _encrypted,
        Again.RESTART,
    ),
    Measure(
        Level.ENHANCED,
        "encrypted key",
        "whoever takes the disk, who would speak for this member",
        "peerd storage encrypt",
        _encrypted_key,
        Again.RESTART,
    ),
    Measure(
        Level.ENHANCED,
        "store is whole",
        "values on the disk that were changed, moved or left plain",
        "with the daemon stopped: peerd storage check",
        _whole,
    ),
    Measure(
        Level.ENHANCED,
        ROLES,
        "one session of one user, who could do everything",
        "viewers, operators and officers in [control]",
        lambda peer: _having(peer.config.control.named),
        Again.RESTART,
    ),
    Measure(
        Level.ENHANCED,
        "second factor",
        "a stolen password or a session left open, which would sign",
        "second_factor = true in [control]",
        lambda peer: _having(peer.config.control.second_factor),
        Again.CONTROL,
    ),
    Measure(
        Level.ENHANCED,
        "certificates can be revoked",
        "a lost client certificate, which would go on being let in",
        "crl in [control.tls], or no TLS port",
        _revocable,
        Again.CONTROL,
    ),
    Measure(
        Level.ENHANCED,
        "hybrid handshake",
        "who records traffic today, and reads it with a quantum computer later",
        "version 3 of the protocol: peerd group successor --protocol 3",
        _hybrid,
    ),
    Measure(
        Level.ENHANCED,
        "alarms are heard",
        "attacks that only a reader of logs would notice",
        'on_norm, on_loss and on_storage = "alert" or more in [alarms]',
        _heard,
        Again.RELOAD,
    ),
    Measure(
        Level.MAXIMUM,
        "two officers",
        "one officer who is bribed, forced or deceived",
        "officers_needed = 2 in [control]",
        lambda peer: _having(peer.config.control.officers_needed > 1),
        Again.CONTROL,
    ),
    Measure(
        Level.MAXIMUM,
        "disk's key elsewhere",
        "whoever takes the whole machine, with the key beside what it opens",
        "credential:NAME, passphrase, or file:/PATH on another medium in [storage]",
        _key_elsewhere,
        Again.RESTART,
    ),
    Measure(
        Level.MAXIMUM,
        "no swap",
        "memory with keys in it that is written to a disk",
        "swapoff, or an encrypted device, which can't be seen from here",
        _no_swap,
    ),
    Measure(
        Level.MAXIMUM,
        "privacy budget",
        "what opened sums tell of single rows, over all rounds",
        "a group whose genesis has [privacy]",
        _private,
    ),
    Measure(
        Level.MAXIMUM,
        "alarms pause",
        "rounds that go on while somebody attacks",
        'on_norm and on_storage = "pause" or more in [alarms]',
        _pauses,
        Again.RELOAD,
    ),
    Measure(
        Level.MAXIMUM,
        "no page",
        "who gets at a browser that has entered the page",
        'listen = "off" in [dashboard]',
        lambda peer: _having(peer.config.dashboard.address is None),
        Again.RELOAD,
    ),
)
