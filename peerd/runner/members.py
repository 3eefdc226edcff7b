"""How documents name a member, ``{peer, name}``; also those that an earlier version has stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peerd.identity import peer_id_of


class Members:
    """``names`` in roster order; empty where nobody has one."""

    def __init__(self, roster: Sequence[bytes], names: Sequence[str]) -> None:
        peers = [peer_id_of(public) for public in roster]
        self._members = [
            {"peer": peer, "name": names[index] if names else None}
            for index, peer in enumerate(peers)
        ]
        self._by_peer = {member["peer"]: member for member in self._members}

    def of(self, index: int) -> dict[str, Any]:
        """``name`` is None in a group without names."""
        return dict(self._members[index])

    def shown(self, summary: dict[str, Any]) -> dict[str, Any]:
        """A round's summary: in ``absent`` there were peer ids alone once."""
        absent = [self._whole(each) for each in summary["absent"]]
        return summary | {"absent": absent}

    def all_shown(self, summaries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [self.shown(summary) for summary in summaries]

    def _whole(self, named: Any) -> dict[str, Any]:
        if isinstance(named, str):
            return dict(self._by_peer.get(named, {"peer": named, "name": None}))
        return dict(named)
