"""A certified model, its round's record and its certificate: from the daemon, or its directory."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from peerd.cli.daemon import load_config
from peerd.errors import NotRunningError, StorageError, VerificationError

if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy as np
    from numpy.typing import NDArray

    from peerd.config import Config
    from peerd.learning.state import Own

    Read: TypeAlias = tuple[dict[str, object], NDArray[np.float32], bytes | None]


def add_round_arguments(parser: argparse.ArgumentParser) -> None:
    """``--round`` or ``--best``: which of the group's models."""
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--round", type=int, metavar="N", help="the model after round N (the last)")
    chosen.add_argument(
        "--best",
        action="store_true",
        help="the model that is best over all sites' held-out rows: the latest of those that "
        "differ by less than liars can say",
    )


def certified_model(args: argparse.Namespace) -> Read:
    """The record of round ``args.round`` or the last one, the vector that it certified (the model,
    and behind it what the rule keeps), and the certificate, if that is kept. VerificationError
    where the vector is another one.
    """
    from protocols.aggregation import model_hash

    record, model, certificate = _read(args)
    if model_hash(model).hex() != record.get("model_hash"):
        raise VerificationError(
            f"the model of round {record['round']} is not the certified one",
            "export it at another peer",
        )
    return record, model, certificate


def _read(args: argparse.Namespace) -> Read:
    """From the daemon if one answers."""
    try:
        return _from_daemon(args)
    except NotRunningError:
        if args.socket is not None:
            raise
    return _from_directory(args)


def _from_daemon(args: argparse.Namespace) -> Read:
    import numpy as np
    import trio

    from peerd.cli.daemon import ask
    from peerd.cli.daemon import place as place_of
    from peerd.status.client import StatusAnswerError, get_bytes

    if args.best:
        args.round = _best(ask(args, "/v1/status").get("best"))
    if args.round is None:
        found = ask(args, "/v1/rounds")["rounds"]
        record = _last(found if isinstance(found, list) else [])
    else:
        record = ask(args, f"/v1/rounds/{args.round}")
    place = f"/v1/rounds/{record['round']}"
    data = trio.run(get_bytes, place_of(args), f"{place}/model")
    try:
        certificate = trio.run(get_bytes, place_of(args), f"{place}/certificate")
    except StatusAnswerError:  # a daemon that lost it exports the numbers alone
        certificate = None
    return record, np.frombuffer(data, dtype="<f4"), certificate


def _from_directory(args: argparse.Namespace) -> Read:
    from peerd.storage import Store

    config = load_config(args)
    if not config.data.is_dir():
        raise StorageError(f"there is no data directory {config.data}", "has the daemon ever run?")
    with Store.open(config.data, source=config.storage.source) as store:
        if args.best:
            args.round = _best(store.best())
        record = _last(store.rounds()) if args.round is None else store.round(args.round)
        number = -1 if record is None else int(str(record["round"]))
        model, certificate = store.model(number), store.certificate(number)
    if record is None or model is None:
        raise StorageError(
            f"{config.data}: no model of round {args.round} is kept", "see: peerd rounds"
        )
    return record, model, certificate


def _best(record: object) -> int:
    if not isinstance(record, dict):
        raise StorageError(
            "no model has been measured over all sites' rows yet",
            "a group without an evaluation, or with one round, has no best model: see peerd rounds",
        )
    return int(record["round"])


def _last(records: list[dict[str, object]]) -> dict[str, object]:
    for record in reversed(records):
        if record.get("model_hash"):
            return record
    raise StorageError("no round has been completed yet", "see: peerd rounds")


def own_statistics(config: Config) -> Own:
    """This peer's own running statistics, as its last round of training left them; or none. They
    alone are read here while a daemon runs, and the disk's key is needed only where there are some.
    """
    from peerd.learning.state import NOTHING, OWN_FILE, LocalModels
    from peerd.storage.ring import TRAINING, vault_of

    if not (config.data / TRAINING / OWN_FILE).exists():
        return NOTHING
    vault = vault_of(config.data, config.storage.source).part(TRAINING)
    return LocalModels(config.data / TRAINING, 0, vault).own()
