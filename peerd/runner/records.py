"""What is kept and shown of each round: certificates, transcripts, blame, summaries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from peerd.identity import peer_id_of
from peerd.labels import label, with_members
from peerd.learning.trained import Evaluation
from peerd.runner.aborts import explain
from peerd.runner.counting import opened_group
from peerd.runner.evidence.keeping import Pruning
from peerd.runner.library import kept_polynomials, polynomials_key, polynomials_record
from peerd.runner.members import Members
from peerd.runner.operators.stays import kept
from peerd.storage import Store
from protocols.record.certificate import CertifiedRound, Close, origin_of, verify_certificate
from protocols.record.deadlines import Deadlines
from protocols.record.effects import Aborted, Blame, Completed
from protocols.record.elected import panel_of
from protocols.record.evidence import evidence_hash
from protocols.record.setting import Setting
from protocols.record.transcript import Transcript

CAUGHT_UP = "caught up by certificate"


class Records:
    """Writes to the store, in the order in which effects come. Called from worker threads."""

    def __init__(
        self,
        store: Store,
        roster: Sequence[bytes],
        names: Sequence[str] = (),
        *,
        first: int = 0,
        me: int | None = None,
    ) -> None:
        """``names``: the members', in roster order; empty where nobody has one. ``first``: the
        group's first round, from which on an index means one of these. ``me``: this peer's.
        ``away``: the others that have announced it, each from a round on; replaced as a whole.
        """
        self.away: Mapping[int, int] = {}
        self._me = me
        self._store = store
        self._first = first
        self._pruning = Pruning(store)
        self._said = names
        self._names = [peer_id_of(public) for public in roster]
        self._members = Members(roster, names)
        self._called = list(map(label, names or [""] * len(roster), self._names))
        self._aborted: list[dict[str, Any]] = []

    def name(self, peer: int) -> str:
        return self._names[peer]

    def member(self, peer: int) -> dict[str, Any]:
        """For documents: peer id and name."""
        return {"peer": self._names[peer], "name": self._said[peer] if self._said else None}

    def called(self, peer: int) -> str:
        """A member for people."""
        return self._called[peer]

    def told(self, reason: str) -> str:
        """What the core says, which knows a member's place in the roster alone."""
        return with_members(reason, self._called)

    def aborted(self, effect: Aborted, deadlines: Deadlines) -> dict[str, Any]:
        """An attempt that ended without a result: shown with the round, once that is over."""
        shown = explain(effect, deadlines, self._names, self._called)
        self._aborted.append(shown)
        return shown

    def completed(self, effect: Completed) -> None:
        """The certificate last: a crash before it repeats the round's end from its journal."""
        store, round_ = self._store, effect.round
        store.put_model(round_, effect.model, hands_over=effect.close is Close.HANDED_OVER)
        store.put_transcript(round_, effect.transcript)
        name = store.put_blob(effect.polynomials)
        store.set_meta(polynomials_key(round_), polynomials_record(round_, name))
        store.witness(round_)
        store.put_certificate(round_, effect.certificate)
        self._pruning.after(round_)

    def adopted(
        self,
        setting: Setting,
        chain: Sequence[CertifiedRound],
        model: Any,
        guilty: Collection[int] = (),
    ) -> None:
        """Rounds that were missed: the last one's model, then all their certificates at once. A
        crash in between must not leave a head whose model nobody has asked for. ``guilty``: who is
        convicted by now, by whatever certificate.
        """
        last = chain[-1].round
        self._aborted = []
        hands_over = chain[-1].close is Close.HANDED_OVER
        self._store.put_model(last, model, hands_over=hands_over)
        self._store.witness(last)
        self._store.put_certificates({c.round: c.certificate.encode() for c in chain})
        for certified in chain:
            self._store.put_round(
                certified.round, self._missed(setting, certified, CAUGHT_UP, guilty)
            )
        self._pruning.after(last)

    def blame(self, effect: Blame) -> dict[str, Any]:
        """Keep the evidence, also in the transcript of a round that is over."""
        store = self._store
        about = effect.round, effect.peer, effect.reason, effect.evidence
        store.put_blame(*about, since=self._first)
        shown = self.blamed(effect)
        summary = store.round(effect.round)
        if summary is not None:
            summary["blamed"] = [*summary["blamed"], shown]
            absent = self._members.shown(summary)["absent"]
            summary["absent"] = [each for each in absent if each["peer"] != shown["peer"]]
            store.put_round(effect.round, summary)
            self._append_evidence(effect)
        return shown

    def _append_evidence(self, effect: Blame) -> None:
        record = self._store.transcript(effect.round)
        if record is None:
            return
        transcript = Transcript.decode(record)
        if effect.evidence not in transcript.evidence:
            longer = replace(transcript, evidence=(*transcript.evidence, effect.evidence))
            self._store.put_transcript(effect.round, longer.encode())

    def blamed(self, effect: Blame) -> dict[str, Any]:
        """``evidence`` is the hash under which the transcript holds it."""
        return self._blame(effect.peer, effect.reason, effect.evidence)

    def _blamed_in(self, round_: int) -> list[dict[str, Any]]:
        return [
            self._blame(blame.peer, blame.reason, blame.evidence)
            for blame in self._store.blames(round_)
        ]

    def _blame(self, peer: int, reason: str, evidence: bytes) -> dict[str, Any]:
        return {
            "peer": self.name(peer),
            "name": self._said[peer] if self._said else None,
            "reason": reason,
            "evidence": evidence_hash(evidence).hex(),
        }

    def summary(self, effect: Completed, cost: dict[str, object]) -> dict[str, Any]:
        """The round as the status shows it; ``group`` and ``accuracy`` are filled in by others."""
        aborted, self._aborted = self._aborted, []
        return {
            "round": effect.round,
            "outcome": effect.close.value,
            "reason": None,
            "model_hash": effect.model_hash.hex(),
            "group": None,
            "accuracy": None,
            "dealers": [self.name(peer) for peer in effect.dealers],
            "blamed": self._blamed_in(effect.round),
            "absent": [self._members.of(peer) for peer in effect.absent],
            "aborted": aborted,
            **cost,
        }

    def fill(self, setting: Setting) -> None:
        """Summaries of the last rounds, where an earlier life ended between a certificate and its
        summary.
        """
        store, told = self._store, []
        for round_ in range(store.head(), origin_of(setting).round - 1, -1):
            certificate = store.certificate(round_)
            if certificate is None or store.round(round_) is not None:
                break
            certified = verify_certificate(setting, certificate)
            summary = self._missed(setting, certified, "restarted as it ended")
            summary["group"] = self._group(setting, certified)
            told.append((round_, summary | {"blamed": self._blamed_in(round_)}))
        for round_, summary in reversed(told):  # the best model is told in the rounds' order
            self.measured(round_, summary["group"])
            store.put_round(round_, summary)

    def _group(self, setting: Setting, certified: CertifiedRound) -> dict[str, Any] | None:
        """From the opened sum, if it is still kept."""
        opened = kept_polynomials(self._store, certified.round)
        return opened_group(setting, opened, certified.dealers)

    def measured(self, round_: int, group: dict[str, Any] | None) -> dict[str, Any] | None:
        """The best model so far, once ``round_`` has measured the one that it started from. That
        is the latest whose accuracy is no further below the highest than liars may have moved it.
        """
        best = self._store.best()
        if group is None or group["accuracy"] is None or round_ == 0:
            return best
        seen = {name: group[name] for name in ("accuracy", "within", "rows")}
        highest = max(seen["accuracy"], best["highest"] if best else 0.0)
        kept = self._store.model(round_ - 1) is not None
        if kept and seen["accuracy"] >= highest - seen["within"]:
            best = {"round": round_ - 1, **seen, "highest": highest}
        elif best is not None:
            best = best | {"highest": highest}
        if best is not None:
            self._store.set_best(best)
        return best

    def unannounced(self, absent: Iterable[int], round_: int) -> tuple[int, ...]:
        """Those of ``absent`` that have not said that they are away in this round; of this peer,
        its operator.
        """
        away, stay = dict(self.away), kept(self._store)
        if self._me is not None and stay is not None and stay.since is not None:
            away[self._me] = stay.since
        return tuple(peer for peer in absent if away.get(peer, round_ + 1) > round_)

    def _absent(
        self, setting: Setting, certified: CertifiedRound, guilty: Collection[int]
    ) -> tuple[int, ...]:
        """As those have it that were there."""
        if certified.flip is None:
            return ()
        known = {each.peer for each in self._store.blames() if each.round >= self._first}
        selected = panel_of(setting, certified.flip).selected
        absent = certified.undealt(selected, setting.peers, known | set(guilty))
        return self.unannounced(absent, certified.round)

    def _missed(
        self,
        setting: Setting,
        certified: CertifiedRound,
        reason: str,
        guilty: Collection[int] = (),
    ) -> dict[str, Any]:
        """A round as its certificate tells it."""
        return {
            "round": certified.round,
            "outcome": certified.close.value,
            "reason": reason,
            "model_hash": certified.end.model.hex(),
            "group": None,
            "accuracy": None,
            "dealers": [self.name(peer) for peer in certified.dealers],
            "blamed": [],
            "absent": [self._members.of(peer) for peer in self._absent(setting, certified, guilty)],
            "aborted": [],
            "seconds": 0.0,
            "bytes": 0,
            "bytes_in": 0,
            "bytes_out": 0,
            "phases": {},
        }

    def evaluated(self, round_: int, found: Evaluation) -> dict[str, Any] | None:
        """The round's summary with its evaluation; ``warnings`` say why a number is None."""
        summary = self._store.round(round_)
        if summary is not None:
            summary |= asdict(found)
            self._store.put_round(round_, summary)
        return summary
