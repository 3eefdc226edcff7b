"""The files of a swarm: a directory per peer, one genesis signed by all.

DIR/genesis.json
DIR/peer-0/key  peerd.toml  daemon.log  data/…
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from peerd.cli.evaluation import Say
from peerd.cli.founding import SAFETY, Founding, found
from peerd.config import LogConfig, render_config
from peerd.config_values import MAX_SOCKET_PATH
from peerd.errors import ConfigError
from peerd.group import Genesis, save, sign
from peerd.identity import Identity
from peerd.laboratory.swarm.options import SwarmOptions
from peerd.learning import peer_seed
from peerd.runner.resume import setting_of

KEY = "peer.key"
HOST = "127.0.0.1"
EVERY_HOST, OWN_PORT = "0.0.0.0", 4001  # for a peer in a network of its own
BOOTSTRAP = 0  # the index of the peer whose address everybody is given

# Milliseconds on one machine: more with more processes on the same cores.
BASE_DELTA = 500
DELTA_PER_PEER = 62
LEAST_TRAINING = 5  # seconds


@dataclass(frozen=True, slots=True)
class Place:
    """One peer of the swarm and where its files are."""

    index: int
    identity: Identity
    lie: str | None
    directory: Path
    port: int
    listen_host: str = HOST
    host: str = HOST  # under which the others find it

    @property
    def config(self) -> Path:
        return self.directory / "peerd.toml"

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def socket(self) -> Path:
        return self.data / "run" / "status.sock"

    @property
    def log(self) -> Path:
        return self.directory / "daemon.log"

    @property
    def listen(self) -> str:
        return f"/ip4/{self.listen_host}/tcp/{self.port}"

    @property
    def address(self) -> str:
        return f"/ip4/{self.host}/tcp/{self.port}/p2p/{self.identity.peer_id}"


@dataclass(frozen=True, slots=True)
class Layout:
    """A swarm that is ready to start."""

    directory: Path
    genesis: Genesis
    genesis_path: Path
    places: tuple[Place, ...]

    @property
    def deadlines(self) -> dict[str, int]:
        """Milliseconds of each phase."""
        return setting_of(self.genesis).deadlines.phases


async def lay_out(
    options: SwarmOptions,
    directory: Path,
    hosts: Sequence[str] | None = None,
    say: Say = lambda line: None,
) -> Layout:
    """Make keys, the genesis with every signature, and configurations. ``directory`` is empty.

    ``hosts``: an IPv4 address for each peer, each in a network of its own; there the daemons
    listen on every address, on one port. None: all on this machine's loopback. ``say``: told what
    the group does without.
    """
    _check_directory(directory, options.peers)
    identities = _identities(directory, options.peers)
    places = _places(options, directory, identities, hosts)
    genesis = await found(_founding(options, identities), say)
    for identity in identities:
        genesis = sign(genesis, identity)
    genesis.verify()
    path = directory / "genesis.json"
    save(genesis, path)
    for place in places:
        place.config.write_text(_configuration(options, place, places[BOOTSTRAP]))
    return Layout(directory, genesis, path, places)


def _places(
    options: SwarmOptions,
    directory: Path,
    identities: Sequence[Identity],
    hosts: Sequence[str] | None,
) -> tuple[Place, ...]:
    if hosts is None:
        listening = [(port, HOST, HOST) for port in _free_ports(options.peers)]
    else:
        listening = [(OWN_PORT, EVERY_HOST, host) for host in hosts]
    return tuple(
        Place(index, identity, options.lie_of(index), directory / f"peer-{index}", *where)
        for index, (identity, where) in enumerate(zip(identities, listening, strict=True))
    )


def _configuration(options: SwarmOptions, place: Place, bootstrap: Place) -> str:
    return render_config(
        key=KEY,
        data=place.data.name,
        genesis="../genesis.json",
        listen=place.listen,
        bootstrap=() if place is bootstrap else (bootstrap.address,),
        rounds=options.rounds,
        task=replace(
            options.work.here,
            partition=place.index,
            partitions=options.peers,
            seed=peer_seed(options.seed, place.index),
        ),
        log=LogConfig(format="json"),
    )


def _founding(options: SwarmOptions, identities: Sequence[Identity]) -> Founding:
    return Founding(
        name=f"swarm-{options.seed}",
        task=options.work.task_class,
        aggregator=options.work.aggregator,
        roster=[identity.public for identity in identities],
        adversary=options.adversary,
        dropout=options.dropout,
        absent=options.genesis_absent,
        clients=options.clients,
        task_options=options.work.options,
        constants=options.work.constants,
        delta=BASE_DELTA + DELTA_PER_PEER * options.peers,
        safety=SAFETY * options.peers,  # all train at once, perhaps on one core
        least=LEAST_TRAINING,
        model_seed=options.seed,
        statistics=options.work.statistics,
        here=replace(options.work.here, partitions=options.peers),
        alike=True,  # all have the same files
        evaluates=options.evaluates,
        promise=options.promise,
        weights={
            identity.public: weight
            for identity, weight in zip(identities, options.weights, strict=False)
        },
        names={each.public: f"peer {index}" for index, each in enumerate(identities)},
    )


def _identities(directory: Path, peers: int) -> list[Identity]:
    """Keys in ``peer-<roster index>``: the roster is in the order of the public keys."""
    made: list[tuple[bytes, Path]] = []
    for index in range(peers):
        new = directory / f"new-{index}"
        new.mkdir(mode=0o700)
        made.append((Identity.create(new / KEY).public, new))
    for index, (_, new) in enumerate(sorted(made)):
        new.rename(directory / f"peer-{index}")
    return [Identity.load(directory / f"peer-{index}" / KEY) for index in range(peers)]


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now. All are held until the last one is known."""
    held = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for each in held:
            each.bind((HOST, 0))
        return [int(each.getsockname()[1]) for each in held]
    finally:
        for each in held:
            each.close()


def _check_directory(directory: Path, peers: int) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise ConfigError(f"{directory} is not empty", "name a new directory")
    os.chmod(directory, 0o700)
    longest = directory / f"peer-{peers - 1}" / "data" / "run" / "status.sock"
    if len(os.fsencode(longest)) > MAX_SOCKET_PATH:
        raise ConfigError(
            f"{directory}: too long a path for the daemons' status sockets",
            f"choose one of at most {MAX_SOCKET_PATH - len('/peer-00/data/run/status.sock')} bytes",
        )


def remove(layout_directory: Path) -> None:
    """Delete a swarm's directory with its keys."""
    shutil.rmtree(layout_directory)
