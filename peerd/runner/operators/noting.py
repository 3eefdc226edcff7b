"""What the daemon itself puts into its trail, and who is let in beside its own user."""

from __future__ import annotations

import peerd
from peerd.config import Config
from peerd.status.codes import Codes
from peerd.status.gate import Gate
from peerd.status.pending import Pending
from peerd.status.roles import Roles
from peerd.storage import Store
from peerd.trail import Trail
from peerd.trail.record import itself
from protocols.session.events import Approval


def roles_of(config: Config) -> Roles:
    """ConfigError where it names somebody whom this machine does not know."""
    control = config.control
    roles = Roles(control.viewers, control.operators, control.officers)
    roles.check()
    return roles


def codes_of(config: Config, store: Store) -> Codes | None:
    """What officers' codes are held against; None where they need none."""
    return Codes(store) if config.control.second_factor else None


def pending_of(config: Config, store: Store) -> Pending | None:
    """Orders that wait for a second officer; None where one is enough."""
    control = config.control
    return Pending(store, control.confirm_seconds) if control.officers_needed > 1 else None


def gate_of(config: Config, trail: Trail, store: Store) -> Gate:
    """ConfigError."""
    codes, pending = codes_of(config, store), pending_of(config, store)
    return Gate(roles_of(config), trail.noted, codes, pending)


def note_start(trail: Trail, group: bytes, peer: str, config: Config) -> None:
    """In which group it takes part, and who may order what, from here on. StorageError."""
    roles = roles_of(config)
    named = {
        "viewers": " ".join(roles.viewers),
        "operators": " ".join(roles.operators),
        "officers": " ".join(roles.officers),
    }
    trail.note(
        "start",
        itself(),
        group=group.hex(),
        peer=peer,
        version=peerd.__version__,
        second_factor=config.control.second_factor,
        officers_needed=config.control.officers_needed,
        **{name: who for name, who in named.items() if who},
    )


async def noted_approval(trail: Trail, approval: Approval) -> None:
    """What the genesis has this peer approve, without an operator. StorageError."""
    await trail.noted(f"approve {approval.act.name.lower()}", itself())
