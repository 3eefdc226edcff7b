"""F^C where rows are protected: a secret sample, each row's own gradient, and their whole sum.

Importing this package loads no torch: ``rates`` and ``sample`` do without. docs/privacy.md says
what the other modules must hold: a row moves the sum by its norm's bound, and nothing else that
can be seen, time included, depends on which rows were drawn.
"""
