"""Opening of the sum on shares, with liars located (docs/protocol.md §6)."""

from protocols.opening.opening import (
    Decoded,
    Opened,
    Undecodable,
    first_wrong,
    open_sum,
    open_words,
)
from protocols.opening.polynomials import (
    decode_polynomials,
    encode_polynomials,
    evaluate_polynomial,
    polynomial_bytes,
    polynomial_path,
    polynomial_paths,
    polynomial_root,
    values_of,
    verify_polynomial,
)
from protocols.opening.scrambling import coin_seed, scrambling, sum_coin, sum_noised
from protocols.opening.words import (
    decode_words,
    encode_words,
    sum_shares,
    verify_word,
    word_bytes,
    word_path,
    word_path_bytes,
    word_paths,
    word_root,
)

__all__ = [
    "Decoded",
    "Opened",
    "Undecodable",
    "coin_seed",
    "decode_polynomials",
    "decode_words",
    "encode_polynomials",
    "encode_words",
    "evaluate_polynomial",
    "first_wrong",
    "open_sum",
    "open_words",
    "polynomial_bytes",
    "polynomial_path",
    "polynomial_paths",
    "polynomial_root",
    "scrambling",
    "sum_coin",
    "sum_noised",
    "sum_shares",
    "values_of",
    "verify_polynomial",
    "verify_word",
    "word_bytes",
    "word_path",
    "word_path_bytes",
    "word_paths",
    "word_root",
]
