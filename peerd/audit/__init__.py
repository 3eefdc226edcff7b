"""``peerd audit``: a whole history, verified offline, and the report of it.

``places`` reads what a person points at into ``Material``, which is claims; ``history`` verifies
them; ``document``, ``text`` and ``page`` say what was found.
"""
