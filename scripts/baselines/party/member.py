"""A committee member's part for RSA in MPyC: python member.py DEALERS PARAMETERS -M PARTIES -I …

Every share is checked, sum of r * x * (1 - x) in one product of vectors that is opened and must be
0, and added up. Party 0 prints its CPU seconds. Shares are drawn while the clock does not run, as
constants: what a share costs does not depend on its value.
"""

import sys
import time

import numpy as np
from mpyc.runtime import mpc

PRIME = (1 << 61) - 1
FIELD = mpc.SecFld(PRIME)
SEED = 1


async def main(dealers: int, parameters: int) -> None:
    """One dealer after the other, as their shares come."""
    drawn = np.random.default_rng(SEED)
    weights = np.array([int(each) for each in drawn.integers(1, PRIME, parameters)], dtype=object)
    total = FIELD.array(FIELD.field.array([0] * parameters))
    spent = 0.0
    async with mpc:
        for _ in range(dealers):
            bits = [int(each) for each in drawn.integers(0, 2, parameters)]
            shares = FIELD.array(FIELD.field.array(bits))
            before = time.process_time()
            check = await mpc.output(mpc.np_matmul(shares, (1 - shares) * weights))
            total = mpc.np_add(total, shares)
            opened = await mpc.gather(total)  # its own shares: nothing is sent
            spent += time.process_time() - before
            if int(check) or len(opened) != parameters:
                raise RuntimeError("a valid dealing failed its check")
    if mpc.pid == 0:
        print(f"{spent:.6f}")


mpc.run(main(*map(int, sys.argv[1:3])))
