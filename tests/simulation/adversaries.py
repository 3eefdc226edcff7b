"""The adversaries live in the package: ``peerd simulate`` plays them too."""

from peerd.laboratory.adversaries import ALL, DEALERS, ELECTORS, MEMBERS, OPENERS, parts

__all__ = ["ALL", "DEALERS", "ELECTORS", "MEMBERS", "OPENERS", "parts"]
