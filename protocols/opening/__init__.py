"""Opening of the sum on shares, with liars located (docs/protocol.md §6)."""

from protocols.opening.opening import Opened, Undecodable, first_wrong, open_sum
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
    "Opened",
    "Undecodable",
    "decode_polynomials",
    "decode_words",
    "encode_polynomials",
    "encode_words",
    "evaluate_polynomial",
    "first_wrong",
    "open_sum",
    "polynomial_bytes",
    "polynomial_path",
    "polynomial_paths",
    "polynomial_root",
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
