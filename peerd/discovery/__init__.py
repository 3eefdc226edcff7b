"""Finding the members of a group."""

import peerd.transport  # noqa: F401 - ahead of libp2p: what it does not use of that is left out
from peerd.discovery.address_book import AddressBook, Outcome
from peerd.discovery.discovery import Discovery
from peerd.discovery.records import AddressRecord, BadRecord

__all__ = ["AddressBook", "AddressRecord", "BadRecord", "Discovery", "Outcome"]
