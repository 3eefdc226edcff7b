"""What an officer has signed by this peer's key: drafts of successors, and the key's own rotation.

The key stays in the daemon, wrapped on the disk where that is encrypted: no command reads it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import trio

from peerd.errors import ConfigError, GroupError
from peerd.group import Genesis
from peerd.group.document import parse
from peerd.group.drafting import check_successor
from peerd.group.signatures import signature_of
from peerd.identity import Identity, is_encrypted_key, next_key
from peerd.runner.resume import setting_of
from peerd.status.board import JsonObject
from peerd.status.routes import Order
from peerd.storage import Store


class Signer:
    """``key``: the file of ``identity``; the one that is to take its place waits beside it."""

    def __init__(self, identity: Identity, key: Path, genesis: Genesis, store: Store) -> None:
        self._identity = identity
        self._key = key
        self._genesis = genesis
        self._store = store

    def sign(self, document: JsonObject) -> Order:
        """Of a ``draft``, as JSON. ConfigError, GroupError where it is none of a successor of this
        group, or nobody could run it.
        """
        if not isinstance(text := document.get("draft"), str):
            raise ConfigError("the draft to be signed is missing")
        draft = parse(text.encode(errors="surrogatepass"))  # which it refuses
        check_successor(draft, self._genesis)
        draft.verify_signatures()
        setting_of(draft)  # nobody signs what can't be run, with deadlines that are too short
        signed = partial(trio.to_thread.run_sync, self._signed, draft)
        return Order({"draft": draft.group_id.hex()}, signed)

    def rotate(self) -> Order:
        """The key that is to take this one's place: made, if it is not there yet."""
        return Order({}, partial(trio.to_thread.run_sync, self._rotated))

    def _signed(self, draft: Genesis) -> JsonObject:
        """By the key in use, and by the one that waits, whichever are to sign."""
        mine = [each for each in self._keys() if each.public in draft.signers]
        if not mine:
            raise GroupError(
                "this peer has no part in the draft: neither its key nor the one that waits beside"
                " it is to sign",
            )
        signatures = {each.peer_id: signature_of(draft.group_id, each).hex() for each in mine}
        return {"signatures": signatures}

    def _keys(self) -> list[Identity]:
        waiting = next_key(self._key)
        there = waiting.exists()
        source = self._store.source
        return [self._identity, *([Identity.load(waiting, source)] if there else [])]

    def _rotated(self) -> JsonObject:
        path = next_key(self._key)
        made = not path.exists()
        if made:
            wrapped = is_encrypted_key(self._key) or self._store.vault.encrypts
            new = Identity.create(path, self._store.source if wrapped else None)
        else:
            new = Identity.load(path, self._store.source)
        return {"old": self._identity.peer_id, "new": new.peer_id, "made": made, "file": str(path)}
