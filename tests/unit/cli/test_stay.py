"""``peerd pause`` and ``drain``: who may not is told so, and not how the group does."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from peerd.cli import stay
from peerd.errors import NotAllowedError


@pytest.mark.parametrize("verb", ["pause", "drain"])
def test_who_may_not_is_refused_before_the_group_is_looked_at(
    verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def get(path: object, target: str) -> dict[str, object]:
        asked.append(target)
        raise NotAllowedError("this needs the role operator")

    monkeypatch.setattr("peerd.status.client.get", get)
    monkeypatch.setattr("peerd.cli.stay.place", lambda args: Path("status.sock"))
    with pytest.raises(NotAllowedError):
        stay.main(argparse.Namespace(command=verb, yes=False))
    assert asked == [f"/v1/orders/{verb}"]
