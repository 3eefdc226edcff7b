"""What lies on the disk, encrypted: envelopes, the key ring of a directory, where its key is."""

from peerd.sealing.source import KeySource, key_source
from peerd.sealing.vault import PLAIN, Unsealed, Vault

__all__ = ["PLAIN", "KeySource", "Unsealed", "Vault", "key_source"]
