"""``[control]`` of ``peerd.toml``: who may do what, over the control socket and over TLS."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from peerd.config_values import Key, choice, host_port, path, users, whole, yes_or_no


@dataclass(frozen=True, slots=True)
class ControlTlsConfig:
    """The same table of requests over TLS 1.3, for holders of client certificates."""

    listen: Annotated[
        str | None,
        Key(
            host_port,
            "also over TLS 1.3, for holders of certificates that [control] names",
            like="192.0.2.1:9443",
        ),
    ] = None
    certificate: Annotated[
        Path | None,
        Key(path, "the daemon's own certificate and its chain, PEM", like="/etc/peerd/control.crt"),
    ] = None
    key: Annotated[
        Path | None,
        Key(path, "the secret key of that certificate, PEM (mode 0600)", like="control.key"),
    ] = None
    clients_ca: Annotated[
        Path | None,
        Key(path, "whose certificates clients must have, PEM", like="/etc/peerd/clients-ca.crt"),
    ] = None
    crl: Annotated[
        Path | None,
        Key(
            path,
            "its revocation list, PEM; read again at each reload, and refused once out of date",
            like="/etc/peerd/clients.crl",
        ),
    ] = None

    @property
    def missing(self) -> str | None:
        """The key that is lacking where ``listen`` is said; None if nothing is."""
        needed = {"certificate": self.certificate, "key": self.key, "clients_ca": self.clients_ca}
        lacking = [name for name, value in needed.items() if value is None]
        return lacking[0] if self.listen is not None and lacking else None


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
    officers_needed: Annotated[
        int, Key(whole(1, 2), "2: each act of an officer waits until another one confirms it")
    ] = 1
    confirm_seconds: Annotated[
        int, Key(whole(60, 7 * 86_400), "for which such an act waits, and no longer")
    ] = 3600

    tls: ControlTlsConfig = field(default_factory=ControlTlsConfig)

    @property
    def named(self) -> bool:
        return bool(self.viewers or self.operators or self.officers)

    @property
    def too_few(self) -> bool:
        """Whether no second officer can be there: a group of users may have several."""
        groups = any(each.startswith("@") for each in self.officers)
        return len(self.officers) < self.officers_needed and self.officers_needed > 1 and not groups


ALARMS = ("log", "alert", "pause")
DRAFTING = (*ALARMS, "draft")


@dataclass(frozen=True, slots=True)
class AlarmsConfig:
    """What an alarm does; each word does what those before it do, too (docs/operate/alarms.md)."""

    on_norm: Annotated[
        str,
        Key(choice(DRAFTING), "the opened sum is unlike those before: " + ", ".join(DRAFTING)),
    ] = "log"
    on_loss: Annotated[
        str,
        Key(choice(DRAFTING), "the model became suddenly worse: " + ", ".join(DRAFTING)),
    ] = "log"
    on_storage: Annotated[
        str, Key(choice(ALARMS), "what is on the disk was changed: " + ", ".join(ALARMS))
    ] = "alert"
    on_budget: Annotated[
        str, Key(choice(ALARMS), "the group's privacy budget ends: " + ", ".join(ALARMS))
    ] = "alert"
    rounds: Annotated[int, Key(whole(8, 1000), "so many last rounds are what is usual")] = 20
    score: Annotated[
        int, Key(whole(3, 1000), "robust standard deviations from there that are an alarm")
    ] = 8
