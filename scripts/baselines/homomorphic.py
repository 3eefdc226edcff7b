"""What adding up encrypted updates costs: BFV and CKKS (TenSEAL), and Paillier (phe), for a table.

    PYTHON scripts/baselines/homomorphic.py [--sites 20] [--params 100000]

PYTHON is one that has both packages; they are not peerd's. For docs/homomorphic.md: a line for each
scheme, with what a site encrypts and sends, what the one that adds does, and what the one with the
key does. Values are bits, as RSA's, or for CKKS floats. Paillier is measured on a few ciphertexts,
each of which holds as many values as fit, and multiplied.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

PAILLIER_BITS = 3072  # of security comparable to 128 bits
PAILLIER_SAMPLE = 12  # ciphertexts that are measured


@dataclass(frozen=True)
class Cost:
    """CPU seconds of each part, and bytes that a site sends."""

    scheme: str
    sends: float
    encrypts: float
    adds: float
    decrypts: float


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    done = work()
    return done, time.process_time() - began


def lattice(
    name: str, encrypt: Callable[[list[int]], Any], slots: int, sites: int, bits: list[int]
) -> Cost:
    """``encrypt``: one vector of at most ``slots`` values."""
    parts = [bits[at : at + slots] for at in range(0, len(bits), slots)]
    sent, encrypts = timed(lambda: [encrypt(part) for part in parts])
    size = sum(len(each.serialize()) for each in sent)
    sums, adds = timed(lambda: [reduce(add, [each] * sites) for each in sent])
    opened, decrypts = timed(lambda: [each.decrypt() for each in sums])
    flat = [round(value) for part in opened for value in part]
    assert flat[: len(bits)] == [sites * bit for bit in bits], f"{name} adds up to something else"
    return Cost(name, size, encrypts, adds, decrypts)


def bfv(sites: int, bits: list[int]) -> Cost:
    import tenseal

    context = tenseal.context(
        tenseal.SCHEME_TYPE.BFV, poly_modulus_degree=4096, plain_modulus=40961
    )
    return lattice("BFV", lambda part: tenseal.bfv_vector(context, part), 4096, sites, bits)


def ckks(sites: int, bits: list[int]) -> Cost:
    import tenseal

    context = tenseal.context(
        tenseal.SCHEME_TYPE.CKKS, poly_modulus_degree=8192, coeff_mod_bit_sizes=[60, 40, 60]
    )
    context.global_scale = 2**40
    return lattice("CKKS", lambda part: tenseal.ckks_vector(context, part), 4096, sites, bits)


def paillier(sites: int, bits: list[int]) -> Cost:
    import phe

    public, private = phe.generate_paillier_keypair(n_length=PAILLIER_BITS)
    width = (sites + 1).bit_length()
    packed = (PAILLIER_BITS - 2) // width
    parts = [bits[at : at + packed] for at in range(0, len(bits), packed)]
    sample = [
        sum(bit << (width * at) for at, bit in enumerate(part)) for part in parts[:PAILLIER_SAMPLE]
    ]
    times = len(parts) / len(sample)
    sent, encrypts = timed(lambda: [public.raw_encrypt(each) for each in sample])

    def summed(ciphertext: int) -> int:
        return reduce(lambda total, each: total * each % public.nsquare, [ciphertext] * sites)

    sums, adds = timed(lambda: [summed(each) for each in sent])
    opened, decrypts = timed(lambda: [private.raw_decrypt(each) for each in sums])
    assert opened == [sites * each for each in sample], "Paillier adds up to something else"
    size = len(parts) * 2 * PAILLIER_BITS / 8
    return Cost("Paillier", size, times * encrypts, times * adds, times * decrypts)


def table(costs: Sequence[Cost], params: int) -> list[str]:
    lines = ["| scheme | a site sends, a parameter | a site encrypts | adding | decrypting |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for cost in costs:
        parts = " | ".join(f"{each:.3f} s" for each in (cost.encrypts, cost.adds, cost.decrypts))
        lines.append(f"| {cost.scheme} | {cost.sends / params:.1f} B | {parts} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sites", type=int, default=20)
    parser.add_argument("--params", type=int, default=100_000)
    asked = parser.parse_args()
    bits = random.Random(1).choices((0, 1), k=asked.params)
    costs = [measure(asked.sites, bits) for measure in (bfv, ckks, paillier)]
    print("\n".join(table(costs, asked.params)))


if __name__ == "__main__":
    main()
