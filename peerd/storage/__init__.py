"""What a peer remembers: journal, ledger, models, blame and history in one data directory."""

from peerd.storage.store import Blame, Store

__all__ = ["Blame", "Store"]
