"""Who may do what: users by their names, as the kernel names them, and holders of certificates.

An officer does what is signed in the member's name, an operator what this machine does, a viewer
looks; each may do what those behind it may. Which request needs which is in ``routes.ROUTES``.
"""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass
from enum import IntEnum

from peerd.errors import ConfigError
from peerd.status.callers import CERTIFICATE, FINGERPRINT, Caller

ROOT = 0
GROUP = "@"
"""Ahead of a name: the users of that group."""


class Role(IntEnum):
    """The higher may do what the lower may."""

    VIEWER = 1
    OPERATOR = 2
    OFFICER = 3

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Roles:
    """As the configuration has them: names of users, and of groups behind an ``@``.

    Where nobody is named the daemon's own user and root are officers, and nobody else is let in.
    Else those two look, as who can read the files anyhow, and do what they are named for.
    """

    viewers: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    officers: tuple[str, ...] = ()

    @property
    def named(self) -> bool:
        """Whether the configuration says who may what."""
        return bool(self.viewers or self.operators or self.officers)

    def who(self, role: Role) -> tuple[str, ...]:
        """Those who are named for it, or for more."""
        lists = {Role.VIEWER: self.viewers, Role.OPERATOR: self.operators}
        lists[Role.OFFICER] = self.officers
        return tuple(name for each, names in lists.items() if each >= role for name in names)

    def of(self, uid: int) -> Role | None:
        """The highest; None for a stranger. It may ask a directory service: not in the event loop,
        where ``named``.
        """
        own = uid in (os.geteuid(), ROOT)
        if not self.named:
            return Role.OFFICER if own else None
        names = _names(uid)
        found = [role for role in Role if names & set(self.who(role))]
        return max(found, default=Role.VIEWER if own else None)

    def of_caller(self, caller: Caller) -> Role | None:
        """As ``of``. A certificate has the role that it is named for, and no other."""
        if caller.certificate is None:
            return None if caller.uid is None else self.of(caller.uid)
        called = caller.certificate.called
        found = [role for role in Role if called & set(self.who(role))]
        return max(found, default=None)

    def check(self) -> None:
        """ConfigError for a name that this machine does not know."""
        users = [each for each in self.who(Role.VIEWER) if not is_certificate(each)]
        for name in users:
            try:
                if name.startswith(GROUP):
                    grp.getgrnam(name.removeprefix(GROUP))
                else:
                    pwd.getpwnam(name)
            except KeyError:
                what = "group" if name.startswith(GROUP) else "user"
                raise ConfigError(
                    f"[control] names {name!r}, and this machine has no such {what}",
                    f"a user is written as NAME, a group as {GROUP}NAME",
                ) from None


def is_certificate(name: str) -> bool:
    """Whether ``[control]`` names a certificate by it, and no user of this machine."""
    return name.startswith((CERTIFICATE, FINGERPRINT))


def _names(uid: int) -> set[str]:
    """A user's name, and those of its groups behind an ``@``."""
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        return set()
    groups = set()
    for gid in os.getgrouplist(user.pw_name, user.pw_gid):
        try:
            groups.add(GROUP + grp.getgrgid(gid).gr_name)
        except KeyError:
            continue
    return {user.pw_name, *groups}
