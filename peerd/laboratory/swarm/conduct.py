"""One swarm from request to result: lay out, run, collect transcripts, check, compare."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import trio

from peerd.audit.spent import read_spent
from peerd.errors import ConfigError, PeerdError
from peerd.group import Genesis
from peerd.laboratory.swarm.baselines import baselines
from peerd.laboratory.swarm.layout import Layout, lay_out
from peerd.laboratory.swarm.options import SwarmOptions
from peerd.laboratory.swarm.orchestrate import Run, run_swarm
from peerd.laboratory.swarm.result import COMPLETED, Document, Witness, blamed_in, check, document
from peerd.laboratory.swarm.screen import Screen
from peerd.runner.resume import setting_of
from peerd.storage import Store
from protocols.errors import ProtocolError

TRANSCRIPTS = "transcripts"


@dataclass(frozen=True, slots=True)
class Outcome:
    """``findings``: what is wrong, one line each; empty when every promise was kept.

    ``directory``: where keys, logs, genesis and transcripts are; None if they were removed.
    ``audited``: rounds whose transcript a third party could verify. ``rounds``: so many were to be
    made: fewer than were asked for, where the privacy budget allows no more.
    """

    document: Document
    findings: tuple[str, ...]
    run: Run
    directory: Path | None
    audited: tuple[int, ...]
    rounds: int


async def conduct(
    options: SwarmOptions, screen: Screen, *, keep: Path | None, compare: bool = True
) -> Outcome:
    """Run the swarm in a temporary directory (0700); move that to ``keep`` at the end.

    Without ``keep`` it is removed, but left in place when something is wrong.
    """
    if keep is not None and keep.exists():
        raise ConfigError(f"{keep} exists already", "name a new directory")
    directory = Path(tempfile.mkdtemp(prefix="peerd-"))
    try:
        screen.heading(f"making {options.peers} peers, a group and its first model")
        layout = await lay_out(options, directory, say=partial(_say, screen))
        options = within_budget(options, layout.genesis)
        screen.heading(introduction(options))
        run = await run_swarm(options, layout, screen)
        transcripts = await trio.to_thread.run_sync(collect_transcripts, layout, options)
        audited, wrong = await trio.to_thread.run_sync(audit_all, layout, run, transcripts)
        spent = await trio.to_thread.run_sync(spent_in, layout)
    except BaseException as error:
        failure = first_failure(error)
        if failure is not None:
            hint = "; ".join(filter(None, [failure.hint, f"files are in {directory}"]))
            raise type(failure)(failure.message, hint) from error
        if not isinstance(error, Exception):  # cancelled by a signal: nobody wants the files
            shutil.rmtree(directory, ignore_errors=True)
        raise
    findings = (*check(options, run.witnesses), *wrong)
    curves = {}
    if compare:
        screen.heading("the same training without the protocol, for comparison")
        work = replace(options.work, constants=layout.genesis.constants)  # layers, by their lengths
        curves = await baselines(replace(options, work=work), setting_of(layout.genesis))
    result = document(options, run.witnesses, curves, spent)
    place = _put_away(directory, keep, keep_anyway=bool(findings))
    return Outcome(result, findings, run, place, audited, options.rounds)


def within_budget(options: SwarmOptions, genesis: Genesis) -> SwarmOptions:
    """With no more rounds than the group itself makes."""
    if genesis.privacy is None:
        return options
    return replace(options, rounds=min(options.rounds, genesis.privacy.rounds))


def spent_in(layout: Layout) -> Document | None:
    """The privacy report, by the certificates of the first honest peer; None without a promise."""
    honest = next((place for place in layout.places if place.lie is None), None)
    if layout.genesis.privacy is None or honest is None:
        return None
    return read_spent([honest.data])


def first_failure(error: BaseException) -> PeerdError | None:
    """The PeerdError in what a nursery raised, if there is one."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(first_failure, error.exceptions)), None)
    return error if isinstance(error, PeerdError) else None


def collect_transcripts(layout: Layout, options: SwarmOptions) -> dict[int, Path]:
    """Write each round's transcript, from the first honest peer that has it, to a file."""
    folder = layout.directory / TRANSCRIPTS
    folder.mkdir(mode=0o700)
    found: dict[int, Path] = {}
    for place in layout.places:
        missing = [number for number in range(options.rounds) if number not in found]
        if place.lie is not None or not missing:
            continue
        with Store.open(place.data) as store:
            for number in missing:
                record = store.transcript(number)
                if record is not None:
                    found[number] = folder / f"round-{number}.transcript"
                    found[number].write_bytes(record)
    return found


def audit_all(
    layout: Layout, run: Run, transcripts: dict[int, Path]
) -> tuple[tuple[int, ...], list[str]]:
    """Audit every round in which somebody was blamed, and the last; (verified, what is wrong).

    The audit has to find every peer guilty that an honest daemon blamed: a name without evidence
    in any transcript is a broken promise too.
    """
    from peerd.runner.evidence.audit import audit

    verified: list[int] = []
    wrong: list[str] = []
    guilty: set[str] = set()
    for number in _worth_auditing(run.witnesses):
        path = transcripts.get(number)
        if path is None:
            wrong.append(f"round {number}: no honest peer kept its transcript")
            continue
        try:
            found = audit(path, layout.genesis_path)
        except (PeerdError, ProtocolError) as error:
            wrong.append(f"round {number}: the audit failed: {error}")
            continue
        verified.append(number)
        guilty |= {str(each["peer"]) for each in found["blamed"]}
    return tuple(verified), [*wrong, *_without_evidence(run.witnesses, guilty)]


def _without_evidence(witnesses: tuple[Witness, ...], guilty: set[str]) -> list[str]:
    blamed = {
        str(blame["peer"]): number
        for each in witnesses
        if each.honest
        for number, record in each.rounds.items()
        for blame in blamed_in(record)
    }
    return [
        f"round {number}: {peer} is blamed, and no transcript proves it"
        for peer, number in sorted(blamed.items())
        if peer not in guilty
    ]


def _worth_auditing(witnesses: tuple[Witness, ...]) -> list[int]:
    records = [record for each in witnesses if each.honest for record in each.rounds.items()]
    blamed = {number for number, record in records if blamed_in(record)}
    completed = [n for n, record in records if record.get("outcome") == COMPLETED]
    return sorted(blamed | ({max(completed)} if completed else set()))


def _say(screen: Screen, line: str) -> None:
    """What a founder is told; but for the time that is measured, which daemons here share."""
    if not line.startswith("training_seconds"):
        screen.say(line)


def _put_away(directory: Path, keep: Path | None, *, keep_anyway: bool) -> Path | None:
    if keep is not None:
        keep.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(directory, keep)
        return keep
    if keep_anyway:
        return directory
    shutil.rmtree(directory)
    return None


def introduction(options: SwarmOptions) -> str:
    """The line before the daemons start."""
    plan = options.plan
    alike = (
        "; all peers weigh 1 (--weights)"
        if options.work.rule().weighted and not options.weights
        else ""
    )
    return (
        f"starting {options.peers} daemons, {options.liars} of them liars ({options.attack}); "
        f"committee {plan.committee}, threshold {plan.threshold}, packing {plan.packing}, "
        f"{plan.absent} may be absent{alike}"
    )
