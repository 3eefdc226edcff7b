"""A language model of which the group trains an adapter alone: GPT-2's shape, LoRA (peft).

Start peerd in this directory, or put the file on PYTHONPATH, and name it as the group's task:

    lora:Lora

The model is small and built from a configuration, so that nothing is downloaded. With a pretrained
one (``from_pretrained``, the same files at every peer) it is the same task: what is frozen is no
part of the updates, and a hash of it is part of the genesis.
"""

from __future__ import annotations

from pathlib import Path
from pydoc_data.topics import topics

import torch
from peft import LoraConfig, get_peft_model
from transformers import GPT2Config, GPT2LMHeadModel

from peerd.errors import TaskError
from peerd.learning import Partition, Samples, Task

BYTES = 256
WINDOW = 32
MANUAL = "\n".join(topics.values()).encode()[: 1 << 16]


class NextByte(torch.nn.Module):
    """Texts (n, window) of bytes to scores (n, classes, window): what cross-entropy takes."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        config = GPT2Config(
            vocab_size=BYTES,
            n_positions=WINDOW,
            n_embd=64,
            n_layer=2,
            n_head=4,
            bos_token_id=0,
            eos_token_id=0,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
        )
        adapter = LoraConfig(
            r=rank, target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True
        )
        self.language = get_peft_model(GPT2LMHeadModel(config), adapter)

    def forward(self, texts: torch.Tensor) -> torch.Tensor:
        return self.language(input_ids=texts, use_cache=False).logits.transpose(1, 2)


class Lora(Task):
    """Option ``rank`` (8). Local option ``data``: a text file, else what Python says of itself."""

    def __init__(self, options, local):
        super().__init__(options, local)
        self.unknown_options({"rank"}, {"data"})
        self.rank = options.get("rank", 8)
        if not isinstance(self.rank, int) or not 1 <= self.rank <= 64:
            raise TaskError(f"lora: rank = {self.rank!r} must be in 1…64")
        text = Path(local["data"]).read_bytes() if "data" in local else MANUAL
        count = (len(text) - 1) // WINDOW
        if count < 10:
            raise TaskError(
                f"lora: {len(text)} bytes are no text to learn from", "name a longer one"
            )
        numbers = torch.tensor(list(text))
        self.inputs = numbers[: count * WINDOW].reshape(count, WINDOW)
        self.targets = numbers[1 : count * WINDOW + 1].reshape(count, WINDOW)

    def model(self) -> torch.nn.Module:
        return NextByte(self.rank)

    def data(self, partition: Partition) -> Samples:
        """Four windows of five, dealt to the peers like cards."""
        rows = [row for row in range(len(self.targets)) if row % 5]
        mine = rows[partition.index :: partition.count]
        return Samples(self.inputs[mine], self.targets[mine])

    def held_out(self) -> Samples:
        return Samples(self.inputs[::5], self.targets[::5])

    def metric(self, outputs: torch.Tensor, targets: torch.Tensor) -> float:
        """Share of next bytes that are guessed."""
        return float((outputs.argmax(dim=1) == targets).double().mean())
