"""The keys of asks: a member's own, and others' beside their reports (docs/protocol.md §3, §5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from protocols.hashing import digest
from protocols.record.asks import Keys, ask_frame, asked, boxes_of, keys_name, word_of
from protocols.record.setting import Setting
from protocols.secret import Secret
from protocols.version import V3
from protocols.wire.frames import StatementFrame
from protocols.wire.payloads import Kind
from protocols.wire.statement import Statement


class OwnAsks:
    """The keys that a member asks with, each made for one dealer. They follow from ``secret``, so
    that a later life has the same.
    """

    def __init__(self, setting: Setting, secret: Secret) -> None:
        self._setting = setting
        self._secret = secret
        self._keys: dict[int, bytes] = {}

    def secret(self, dealer: int) -> bytes:
        """32 bytes, which a disclosure shows."""
        return digest("peerd/ask", self._secret.reveal(), dealer.to_bytes(8, "little"))

    def key(self, dealer: int) -> bytes:
        if dealer not in self._keys:
            self._keys[dealer] = boxes_of(self._setting).public(self.secret(dealer))
        return self._keys[dealer]

    def word(self, dealer: int) -> bytes:
        """What stands for the key in an ASK."""
        return word_of(self._setting.version, self.key(dealer))

    def keys(self, report: Statement) -> Keys:
        """Those of this member's own report."""
        return {dealer: self.key(dealer) for dealer in asked(report)}


class Asks:
    """Of reports that the pool keeps. ``names``: under which HAVE may say that all keys of one are
    held; ``whole``: by that name, each report of which they are here. Nothing leaves it. In version
    2 both stay empty: a report holds its keys itself.
    """

    def __init__(self, version: int) -> None:
        self.names: set[bytes] = set()
        self.whole: dict[bytes, Statement] = {}
        self._version = version
        self._keys: dict[bytes, dict[int, bytes]] = {}  # by the report's hash

    def expect(self, statements: Iterable[Statement]) -> None:
        """What is new in the pool."""
        if self._version >= V3:
            reports = (each for each in statements if each.kind is Kind.REPORT)
            self.names.update(keys_name(report) for report in reports)

    def take(self, report: Statement, keys: Keys) -> Keys:
        """Keys of it, which are its own; those that are new here."""
        known = self._keys.setdefault(report.hash, {})
        news = {dealer: key for dealer, key in keys.items() if dealer not in known}
        known.update(news)
        if news and known.keys() == asked(report).keys():
            self.whole[keys_name(report)] = report
        return news

    def keys(self, report: Statement) -> bytes:
        """Of its asks, one behind the other in the order of their dealers."""
        known = self._keys.get(report.hash, {})
        return b"".join(dict.fromkeys(known[dealer] for dealer in sorted(known)))

    def holds(self, report: Statement) -> bool:
        """Whether all keys of its asks are here."""
        return self._version < V3 or not asked(report) or keys_name(report) in self.whole

    def frame_for(self, peer: int, report: Statement) -> StatementFrame:
        """The report for a peer: with the key that it is to answer with, if it is asked."""
        known: Mapping[int, bytes] = self._keys.get(report.hash, {})
        return ask_frame(self._version, report, {peer: known[peer]} if peer in known else {})
