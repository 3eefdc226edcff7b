"""What tries the product and is no part of it.

Lying peers, whole swarms in virtual time and as processes, rules under attack, and what a round
costs. The daemon never imports it (tests/unit/test_imports.py).
"""
