"""A group: the genesis document that founds it, and the signatures of its members."""

from peerd.group.document import load, save
from peerd.group.genesis import Genesis, new_genesis
from peerd.group.signing import merge, sign

__all__ = ["Genesis", "load", "merge", "new_genesis", "save", "sign"]
