"""Models against the history: each must be the one that a round of it certified."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerd.audit.material import Broken, Gone, KeptModel, Lie, NamedModel
from peerd.errors import PeerdError
from peerd.runner.evidence.export import proven_export
from protocols.aggregation import model_hash
from protocols.record.certificate import CertifiedRound

if TYPE_CHECKING:
    from peerd.audit.history import History


def check_kept_models(models: list[KeptModel], history: History) -> None:
    """A peer's own, by the number of the round. One of a round that is not certified here is no
    claim: a peer stores a model ahead of its certificate.
    """
    certified = {found.certified.round: found.certified for _, found in history.rounds}
    for kept in models:
        try:
            named = model_hash(kept.read())
        except Gone:
            continue
        except Broken as error:
            history.lies.append(Lie(kept.file, str(error), kept.round))
            continue
        if (round_ := certified.get(kept.round)) is not None:
            _compare(NamedModel(kept.file, kept.round, named), round_, history)


def _compare(model: NamedModel, certified: CertifiedRound, history: History) -> None:
    if model.hash == certified.end.model:
        if history.model is None or history.model.round <= model.round:
            history.model = model
    else:
        reason = f"it is not the model that round {model.round} certified"
        history.lies.append(Lie(model.file, reason, model.round))


def check_exports(paths: list[Path], history: History) -> None:
    """Exported files: what they say of themselves must be proven, and of this very history."""
    for path in paths:
        try:
            _place(path, _proven(path, history), history)
        except PeerdError as error:
            history.lies.append(Lie(str(path), error.message.removeprefix(f"{path}: ")))


def _proven(path: Path, history: History) -> dict[str, Any]:
    """The description, under the genesis of its own group. PeerdError where there is none."""
    for epoch in history.epochs[:-1]:
        try:
            return proven_export(path, epoch.genesis)
        except PeerdError:
            continue
    return proven_export(path, history.epochs[-1].genesis)


def _place(path: Path, proven: dict[str, Any], history: History) -> None:
    round_ = int(proven["round"])
    known = {found.certified.round: found.certified.hash.hex() for _, found in history.rounds}
    if round_ in known and known[round_] != proven["certificate_hash"]:
        reason = f"the chain forks: its certificate of round {round_} is another one"
        history.lies.append(Lie(str(path), reason, round_))
    elif round_ in known or not (history.whole or known):
        history.model = NamedModel(str(path), round_, bytes.fromhex(proven["model_hash"]))
    elif not history.lies:
        reason = f"it is of round {round_}, which is none of the history's {len(known)} rounds"
        if known and round_ > max(known):
            reason += f": that ends with {max(known)}, so that later certificates are needed"
        history.lies.append(Lie(str(path), reason, round_))
