"""Which measures a peer has: of its file, and of the daemon that runs, which may have another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from peerd.errors import PeerdError
from peerd.levels.measure import Again, Found, Level, Measure, Peer, State
from peerd.levels.table import MEASURES, ROLES

if TYPE_CHECKING:
    from peerd.config import Config


def findings(peer: Peer, level: Level) -> Iterator[Found]:
    """All that this level has, in the table's order."""
    for each in MEASURES:
        if each.level <= level:
            yield _beside_the_daemon(peer, _looked(each, peer))


def measures_set(config: Config) -> dict[str, str]:
    """What a daemon with these settings has of all that is set, by the measures' names: for its
    status. Nothing in it tells a value.
    """
    peer = Peer(config)
    looked = (_looked(each, peer) for each in MEASURES if each.again is not None)
    return {each.measure.name: each.state.value for each in looked}


def _looked(measure: Measure, peer: Peer) -> Found:
    try:
        return Found(measure, measure.look(peer), how=measure.how)
    except PeerdError as error:
        return Found(measure, State.MISSING, str(error), measure.how)


def _beside_the_daemon(peer: Peer, found: Found) -> Found:
    """A setting is there where the file has it and the daemon that runs has it, too: without the
    one it is gone with the next start, without the other it is not there yet.
    """
    again = found.measure.again
    if peer.pid is None or again is None:
        return found
    runs = None if peer.running is None else peer.running.get(found.measure.name)
    if runs is None and found.state is State.OK:
        said = "the daemon that runs does not say whether it has it: needs a restart"
        return Found(found.measure, State.UNSEEN, said, found.how)
    if runs == State.MISSING and found.state is not State.MISSING:
        what = _what_takes_it(peer, again)
        said = f"the file has it, the daemon that runs has not: needs a {what}"
        return Found(found.measure, State.MISSING, said, _HOW[what])
    if runs == State.OK and found.state is State.MISSING and not found.said:
        said = "the daemon that runs has it, the file has not: gone with the next start"
        return Found(found.measure, State.MISSING, said, found.how)
    if runs == State.UNSEEN and found.state is State.OK:
        return Found(found.measure, State.UNSEEN, "", found.how)
    return found


_HOW = {Again.RELOAD: "peerd reload", Again.RESTART: "start the daemon again"}


def _what_takes_it(peer: Peer, again: Again) -> Again:
    """As ``in_force`` (peerd/runner/operators/reload.py) has it."""
    if not peer.reloads:
        return Again.RESTART
    if again is not Again.CONTROL:
        return again
    named = (peer.running or {}).get(ROLES) == State.OK
    return Again.RELOAD if named == peer.config.control.named else Again.RESTART
