"""The packages that a node does without: which extra brings each, and what is said without it."""

from __future__ import annotations

from importlib.util import find_spec

from peerd.errors import ConfigError, PeerdError

# By the module's name: the package that has it, and the extra of pyproject.toml.
EXTRAS = {
    "flwr": ("flwr", "flower"),
    "peft": ("peft", "language"),
    "transformers": ("transformers", "language"),
    "sklearn": ("scikit-learn", "lab"),
    "matplotlib": ("matplotlib", "lab"),
    "pyarrow": ("pyarrow", "table"),
    "rich": ("rich", "top"),
    "onnx": ("onnx", "onnx"),
    "onnxscript": ("onnxscript", "onnx"),
}


def need(who: str, module: str, error: type[PeerdError] = ConfigError) -> None:
    """Raises ``error`` unless ``module``, without which ``who`` can't do its work, is installed.

    It is not imported: ask before the work, and not after minutes of it.
    """
    package, extra = EXTRAS[module]
    if find_spec(module) is None:
        raise error(f"{who} needs {package}", f"pip install 'peerd[{extra}]'")
