"""The protocol, pure: a message and the time in, effects out.

Nothing below this package opens a socket, reads a clock, draws randomness, or imports anything
but the standard library and NumPy; ``tests/unit/test_imports.py`` holds that line. Entropy, time
and cryptographic primitives (``protocols.ports``) are inputs.
"""
