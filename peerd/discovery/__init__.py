"""Finding the members of a group."""

from peerd.discovery.address_book import AddressBook, Outcome
from peerd.discovery.discovery import Discovery
from peerd.discovery.records import AddressRecord, BadRecord

__all__ = ["AddressBook", "AddressRecord", "BadRecord", "Discovery", "Outcome"]
