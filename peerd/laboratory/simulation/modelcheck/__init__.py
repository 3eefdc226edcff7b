"""An explicit-state model checker of agreement, locks, restart and one opening (docs/formal.md).

Honest members move by the functions of ``protocols.agreement.rules``, which the daemon calls too.
"""
