"""Flower asks for messages every 3 seconds; with this on the path it asks every 50 ms.

What is measured then is its work, and not how long it sleeps.
"""

import time

LONGEST = 0.05
_sleep = time.sleep


def _shortened(seconds: float) -> None:
    _sleep(min(seconds, LONGEST))


time.sleep = _shortened
