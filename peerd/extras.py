"""The packages that a node does without: which extra brings each, and what is said without it."""

from __future__ import annotations

from importlib.util import find_spec

from peerd.errors import ConfigError, PeerdError
from peerd.requirements import misfit

# By the module's name: the package that has it, and the extra of pyproject.toml.
EXTRAS = {
    "pyarrow": ("pyarrow", "table"),
    "onnx": ("onnx", "export"),
    "onnxscript": ("onnxscript", "export"),
    "flwr": ("flwr", "flower"),
    "peft": ("peft", "lm"),
    "transformers": ("transformers", "lm"),
    "sklearn": ("scikit-learn", "lab"),
    "matplotlib": ("matplotlib", "lab"),
    "distributed": ("distributed", "cluster"),
}


def need(who: str, module: str, error: type[PeerdError] = ConfigError) -> None:
    """Raises ``error`` unless ``module``, without which ``who`` can't do its work, is installed, in
    a version that peerd is made for.

    It is not imported: ask before the work, and not after minutes of it.
    """
    package, extra = EXTRAS[module]
    if find_spec(module) is None:
        raise error(f"{who} needs {package}", f"pip install 'peerd[{extra}]'")
    if wrong := misfit(package, core=False):
        raise error(f"{who}: {wrong}")
