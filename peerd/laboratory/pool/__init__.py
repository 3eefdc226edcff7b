"""Work in pieces, done by several processes of this machine or of a cluster: the same results.

Each piece is a module's function of one argument, and runs in a fresh process with one thread: what
another piece left behind, how many run at once, and where, can't show in what comes out.
"""
