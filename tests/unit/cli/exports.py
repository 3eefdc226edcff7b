"""Models that were exported, made here by hand: what predict and evaluate are tried on."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from peerd.learning.loading import load_task
from peerd.learning.origin import Origin
from peerd.learning.rebuilt import parts_of, state_dict_file
from peerd.learning.settings import NO_DATA
from peerd.learning.state import NOTHING
from peerd.tasks.examination import Selection, derive_schema
from peerd.tensor_file import write_npz, write_safetensors, write_state_dict

TABLE = "peerd.tasks.table:Table"


def description(task: str, options: Any, **more: Any) -> dict[str, Any]:
    """What an export says, without what neither command looks at."""
    origin = Origin(0, "refused", b"").described()
    return {"version": 1, "task": task, "task_options": options, "round": 3, **origin, **more}


def write(path: Path, said: dict[str, Any], vector: np.ndarray) -> Path:
    """``path``: .npz, or safetensors with one layer of all."""
    with path.open("wb") as file:
        if path.suffix == ".npz":
            write_npz(file, vector, json.dumps(said))
        else:
            write_safetensors(file, [("all", (vector.size,))], vector, json.dumps(said))
    return path


def export(path: Path, task: str, options: Any, seed: int = 1, **more: Any) -> Path:
    """Of a model with random numbers, as ``peerd model export`` would write it."""
    said = description(task, options, **more)
    origin, made = Origin.read(said), load_task(task, options, NO_DATA)
    layers = parts_of(made, origin, NOTHING).layers
    size = sum(int(np.prod(shape)) for _, shape in layers)
    vector = np.random.default_rng(seed).normal(0, 0.5, size).astype(np.float32)
    if path.suffix == ".pt":
        saved = state_dict_file(made, origin, vector, NOTHING)[0]
        with path.open("wb") as file:
            write_state_dict(file, saved, json.dumps(said))
    elif path.suffix == ".npz":
        write(path, said, vector)
    else:
        with path.open("wb") as file:
            write_safetensors(file, layers, vector, json.dumps(said))
    return path


def loans(path: Path, rows: int, seed: int = 5) -> Path:
    """A table with missing cells, categories, and a label that depends on them."""
    draw = random.Random(seed)
    lines = ["age,job,balance,default"]
    for _ in range(rows):
        job, balance = draw.choice(["clerk", "nurse", "pilot"]), draw.gauss(1000, 500)
        shown = "" if draw.random() < 0.05 else f"{balance:.2f}"
        lies = balance < 1000 and job != "nurse"
        lines.append(f"{draw.randint(20, 60)},{job},{shown},{'yes' if lies else 'no'}")
    path.write_text("\n".join(lines) + "\n")
    return path


def loan_options(place: Path) -> dict[str, Any]:
    """The options of a group that learns from such tables."""
    file = loans(place / "founder.csv", 300, seed=1)
    return {"schema": derive_schema(file, "default", Selection())[0], "hidden": 8}


def module_of(path: Path, task: str, options: Any) -> torch.nn.Module:
    """The export's model, by torch alone."""
    from peerd.tensor_file import read_export

    _, vector = read_export(path)
    module = load_task(task, options, NO_DATA).model()  # type: ignore[union-attr]
    torch.nn.utils.vector_to_parameters(torch.from_numpy(vector), module.parameters())
    return module
