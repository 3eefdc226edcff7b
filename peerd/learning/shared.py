"""What of a torch module is the group's, and what is not (worker only).

*Shared* is the flat float32 vector (d,) that the group trains: every parameter that has a gradient,
in the module's order, tied ones once. *Fixed* is what nobody trains: frozen parameters, and buffers
such as a table of positions; a hash of it is in the genesis. *Running statistics* (BatchNorm's mean
and variance) are neither, and the genesis says what becomes of them:

- ``refused``: a model that has them is refused;
- ``local``: each peer keeps its own, which no certificate covers;
- ``averaged``: they are part of the vector, behind the parameters, and are aggregated with them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.parameter import is_lazy

from peerd.errors import TaskError
from peerd.tensor_file import is_running
from protocols.aggregation import canonical_model
from protocols.aggregation.contract import Model
from protocols.hashing import digest

# What a group can train is bounded by what a round can carry.
MAX_PARAMETERS = 1 << 26
MAX_LISTED = 3  # modules that an error names
CPU = torch.device("cpu")


class SharedModel:
    """``module``, and its vector. TaskError for what can't be trained so."""

    def __init__(
        self, module: object, statistics: str = "refused", device: torch.device = CPU
    ) -> None:
        self.module = checked_module(module).to(device)
        _check_finite(self.module)
        self.trained = [each for each in self.module.parameters() if each.requires_grad]
        running = {name: each for name, each in _buffers(self.module) if is_running(name)}
        self.running = tuple(running)
        if running and statistics == "refused":
            raise _has_statistics(self.module, list(running))
        shares = statistics == "averaged"
        floats = [each for each in running.values() if each.is_floating_point()]
        self._shared = [*self.trained, *(floats if shares else ())]
        self._own = [each for each in running.values() if not (shares and each.is_floating_point())]
        self._variances = [running[name] for name in running if name.endswith("running_var")]
        self.parameters = sum(each.numel() for each in self._shared)
        self._check_size()
        self._fixed = self._hashes()

    def _check_size(self) -> None:
        if 0 < self.parameters <= MAX_PARAMETERS:
            return
        frozen = sum(1 for _ in self.module.parameters())
        found = f"{self.parameters} parameters that are trained"
        if frozen and not self.trained:
            found = f"no trainable parameter: all {frozen} are frozen (requires_grad is False)"
        raise TaskError(
            f"the model has {found}; 1…{MAX_PARAMETERS} can be",
            "take a smaller model, or freeze more of it"
            if self.parameters
            else "give it layers that have parameters, or leave some of them unfrozen",
        )

    @property
    def rounds(self) -> bool:
        """Whether a float32 vector loses something on its way in: float16 and bfloat16."""
        return any(each.dtype.itemsize < 4 for each in self._shared)

    # -- the vector ------------------------------------------------------------------------------

    def vector(self) -> NDArray[np.float32]:
        """What is shared, as it is now: (d,)."""
        with torch.no_grad():
            parts = [each.reshape(-1).to("cpu", torch.float32) for each in self._shared]
            return np.array(torch.cat(parts).numpy())

    def layers(self) -> list[tuple[str, tuple[int, ...]]]:
        """Name and shape of each part of the vector, in its order."""
        names = {id(each): name for name, each in self.module.named_parameters()}
        names |= {id(each): name for name, each in _buffers(self.module)}
        return [(names[id(each)], tuple(each.shape)) for each in self._shared]

    def flatten(self) -> Model:
        """The same in its one form, which is hashed."""
        return canonical_model(self.vector())

    def fill(self, vector: Model) -> None:
        """Copies the vector (d,) into the module. A mean of variances that came out below 0, by
        what was clipped of it, is 0.
        """
        source = torch.from_numpy(np.array(vector, dtype=np.float32))
        if source.shape != (self.parameters,):
            raise TaskError(f"a vector of {source.numel()} for a model of {self.parameters}")
        start = 0
        with torch.no_grad():
            for each in self._shared:
                end = start + each.numel()
                each.copy_(source[start:end].view_as(each))
                start = end
            for each in self._variances:
                each.clamp_(min=0)

    # -- what is this peer's own -----------------------------------------------------------------

    def own(self) -> NDArray[np.float64]:
        """Running statistics that are not shared, counters too, one after the other."""
        parts = [each.reshape(-1).to("cpu", torch.float64) for each in self._own]
        return np.array(torch.cat(parts).numpy() if parts else ())

    def own_tensors(self) -> list[tuple[str, torch.Tensor]]:
        """The same by their names."""
        owned = {id(each) for each in self._own}
        return [(name, each) for name, each in _buffers(self.module) if id(each) in owned]

    def set_own(self, values: NDArray[np.float64]) -> None:
        """The inverse of ``own``; values of another model are left alone."""
        if values.shape != (sum(each.numel() for each in self._own),):
            return
        start = 0
        with torch.no_grad():
            for each in self._own:
                end = start + each.numel()
                each.copy_(torch.from_numpy(np.array(values[start:end])).view_as(each))
                start = end

    # -- what is fixed ---------------------------------------------------------------------------

    @property
    def fixed(self) -> bytes:
        """The hash of what nobody trains, as the first model had it; empty where all is trained."""
        if not self._fixed:
            return b""
        pairs = (part for name, found in self._fixed.items() for part in (name.encode(), found))
        return digest("peerd/learning/fixed", *pairs)

    def check_fixed(self) -> None:
        """TaskError that names what training has changed of it."""
        if not self._fixed:
            return
        now = self._hashes()
        changed = [name for name in self._fixed if now.get(name) != self._fixed[name]]
        changed += sorted(now.keys() - self._fixed.keys())
        if changed:
            raise TaskError(
                f"training changed {', '.join(changed[:3])}, which is no parameter that is trained:"
                " no other peer would know of it",
                "make it a parameter, compute it from the batch, or leave it as it is",
            )

    def _hashes(self) -> dict[str, bytes]:
        frozen = (each for each in self.module.named_parameters() if not each[1].requires_grad)
        constants = (each for each in _buffers(self.module) if not is_running(each[0]))
        return {name: _hash(each) for name, each in (*frozen, *constants)}


def checked_module(module: object) -> torch.nn.Module:
    """``module`` if numbers can be put into each of its parameters. TaskError."""
    if not isinstance(module, torch.nn.Module):
        raise TaskError(
            f"model() gave {type(module).__name__}, and no torch.nn.Module", "return the model"
        )
    for name, parameter in module.named_parameters():
        if is_lazy(parameter):
            raise TaskError(
                f"the size of the model's parameter {name} isn't known before its first input",
                "state the layer's sizes: Linear, not LazyLinear",
            )
        if parameter.is_meta:
            raise TaskError(
                f"the model's parameter {name} is on meta, and has no numbers",
                "build it on a device that computes, or call to_empty and initialise it",
            )
        if parameter.requires_grad and not parameter.is_floating_point():
            raise TaskError(
                f"the model's parameter {name} is of {parameter.dtype}; real floats can be trained",
                "split a complex one into its real and its imaginary part",
            )
    return module


def _check_finite(module: torch.nn.Module) -> None:
    for name, parameter in module.named_parameters():
        if not parameter.isfinite().all():
            raise TaskError(
                f"the first model's parameter {name} is nan or infinite", "initialise it"
            )


def _has_statistics(module: torch.nn.Module, names: list[str]) -> TaskError:
    owners: dict[str, list[str]] = {}
    for name in names:
        owners.setdefault(name.rpartition(".")[0], []).append(name)
    listed = [
        f"{', '.join(found)} (of {type(module.get_submodule(owner)).__name__})"
        for owner, found in owners.items()
    ]
    more = f"; and of {len(listed) - MAX_LISTED} modules more" if listed[MAX_LISTED:] else ""
    return TaskError(
        f"the model keeps running statistics outside its parameters:"
        f" {'; '.join(listed[:MAX_LISTED])}{more}",
        "found the group with --statistics averaged or local; or use GroupNorm or LayerNorm in its"
        " place, or track_running_stats=False",
    )


def _buffers(module: torch.nn.Module) -> Iterable[tuple[str, torch.Tensor]]:
    named = module.named_buffers()
    return ((name, buffer) for name, buffer in named if is_lazy(buffer) or buffer.numel())


def _hash(tensor: torch.Tensor) -> bytes:
    form = f"{tensor.dtype} {tuple(tensor.shape)}".encode()
    plain = tensor.detach().to("cpu").contiguous().reshape(-1).view(torch.uint8)
    return digest("peerd/learning/fixed tensor", form, plain.numpy().tobytes())
