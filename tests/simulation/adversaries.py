"""The adversaries live in the package: ``peerd simulate`` plays them too."""

from peerd.laboratory.adversaries import ALL, DEALERS, ELECTORS, LATE, MEMBERS, OPENERS
from peerd.laboratory.adversaries.liar import Lie

__all__ = ["ALL", "DEALERS", "ELECTORS", "LATE", "MEMBERS", "OPENERS", "Lie"]
