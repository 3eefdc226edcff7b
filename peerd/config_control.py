"""``[control]`` of ``peerd.toml``: who may do what over the control socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from peerd.config_values import Key, users, yes_or_no


@dataclass(frozen=True, slots=True)
class ControlConfig:
    """Who may do what over the control socket. ``named``: whether anybody is."""

    viewers: Annotated[
        tuple[str, ...],
        Key(users, "users who may look; @NAME is a group of them", like=("@peerd-view",)),
    ] = ()
    operators: Annotated[
        tuple[str, ...],
        Key(users, "who may also pause, drain, reload and export", like=("anna", "@peerd-ops")),
    ] = ()
    officers: Annotated[
        tuple[str, ...],
        Key(users, "who may also have things signed in the member's name", like=("boris",)),
    ] = ()

    second_factor: Annotated[
        bool, Key(yes_or_no, "officers give a code for each act (`peerd officer enroll`)")
    ] = False

    @property
    def named(self) -> bool:
        return bool(self.viewers or self.operators or self.officers)
