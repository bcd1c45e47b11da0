"""TRL's SFTTrainer fed from shards and plan: no preparation in the constructor, no metric that stalls a step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from transformers.trainer_callback import PrinterCallback
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from .checkpoint import mark_complete
from .launch import is_deepspeed, name_backend
from .pack import Plan, read_plan
from .recipe import OURS, Recipe
from .shards import Shards


def make_arguments(recipe: Recipe, world: int) -> SFTConfig:
    """SFTConfig for `world` processes: the recipe's own fields, and what feeding from a plan requires."""
    cuda = torch.cuda.is_available()
    deepspeed = is_deepspeed()
    return SFTConfig(
        **recipe.model_dump(exclude=OURS | {"output_dir"}),
        output_dir=str(recipe.output_dir),
        gradient_accumulation_steps=recipe.global_batch_size // (world * recipe.per_device_train_batch_size),
        # The plan has packed already; `packing` makes TRL flatten the rows and pass on their documents' borders.
        packing=True,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        data_seed=recipe.seed,
        save_strategy="steps",
        # Without a GPU the processes talk over gloo; DeepSpeed is told so only where use_cpu is off.
        use_cpu=not cuda and not deepspeed,
        ddp_backend="gloo" if world > 1 and not cuda else None,
        dataloader_pin_memory=cuda,
        dataloader_persistent_workers=recipe.dataloader_num_workers > 0,
        ddp_find_unused_parameters=False,
        logging_nan_inf_filter=False,  # it would wait for every micro-step's loss, and hide what went wrong
        disable_tqdm=True,
    )


class ReadRows:
    """Row numbers to tokens. It travels by the folder's name: a worker opens the memory maps itself."""

    def __init__(self, shards: Shards, plan: Plan) -> None:
        self.shards, self.plan = shards, plan

    def __call__(self, batch: dict[str, list[int]]) -> dict[str, list[Any]]:
        rows = [self.shards.row(self.plan.row(number)) for number in batch["row"]]
        return {name: [row[name] for row in rows] for name in rows[0]}

    def __reduce__(self) -> tuple[Any, ...]:
        facts = self.plan.facts
        return _open_rows, (self.shards.folder, facts["max_length"], facts["global_batch_size"])


def _open_rows(folder: Path, max_length: int, global_batch_size: int) -> ReadRows:
    shards = Shards(folder)
    return ReadRows(shards, read_plan(shards, max_length, global_batch_size))


def make_dataset(shards: Shards, plan: Plan) -> Dataset:
    """The plan's rows as a `datasets.Dataset`, which is what SFTTrainer accepts; tokens are read when asked for."""
    return Dataset.from_dict({"row": range(len(plan))}).with_transform(ReadRows(shards, plan))


def fused_loss(model: Any, inputs: dict[str, Any], labels: torch.Tensor) -> torch.Tensor:
    """The summed loss of the learned tokens, by TRL's head that never holds all the logits."""
    return -model(**inputs, labels=labels, fused_lm_head=True, use_cache=False).log_probs.sum()


def sliced_loss(model: Any, inputs: dict[str, Any], labels: torch.Tensor) -> torch.Tensor:
    """The same where there is no Triton: TRL's head would score every position there, and most are not learned."""
    following = labels[0, 1:]
    learned = (following != -100).nonzero().flatten()
    logits = model(**inputs, logits_to_keep=learned, use_cache=False).logits[0]
    return cross_entropy(logits.float(), following[learned], reduction="sum")


class Trainer(SFTTrainer):
    """SFTTrainer with a loss over learned positions, tokens counted exactly, and checkpoints that are marked."""

    def __init__(
        self,
        model: PreTrainedModel,
        args: SFTConfig,
        rows: Dataset,
        tokenizer: PreTrainedTokenizerBase,
        callbacks: Sequence[TrainerCallback],
        fingerprint: str,
    ) -> None:
        super().__init__(
            model=model, args=args, train_dataset=rows, processing_class=tokenizer, callbacks=list(callbacks)
        )
        self.remove_callback(PrinterCallback)
        self.fingerprint = fingerprint
        self._tokens = 0  # seen by this process since the last log

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The summed loss of the learned tokens over their number in the whole global batch.

        TRL's version gathers and synchronises four metrics in every micro-step; this one gathers none.
        """
        if return_outputs or num_items_in_batch is None or self.aux_loss_enabled:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs.pop("labels")
        self._tokens += labels.numel()
        total = (fused_loss if labels.is_cuda else sliced_loss)(model, inputs, labels)
        # num_items_in_batch counts all processes; DDP and ZeRO take the mean of their gradients.
        return total / num_items_in_batch * self.accelerator.num_processes

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the tokens seen by all processes since the run began, kept in the checkpoint's state."""
        if "loss" in logs:
            seen = torch.tensor(self._tokens, device=self.args.device)
            everywhere: Any = self.accelerator.gather(seen)
            self.state.num_input_tokens_seen += int(everywhere.sum())
            self._tokens = 0
            logs["tokens"] = self.state.num_input_tokens_seen
        super().log(logs, start_time)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        # Past TRL's own, which writes a model card each time.
        super(SFTTrainer, self)._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            step = self.state.global_step
            folder = Path(str(self.args.output_dir)) / f"checkpoint-{step}"
            mark_complete(folder, "**/*", fingerprint=self.fingerprint, step=step, **self.launched())
        self.accelerator.wait_for_everyone()

    def launched(self) -> dict[str, Any]:
        """How many processes there are, and what joins them."""
        return {"processes": self.accelerator.num_processes, "backend": name_backend(self.accelerator)}
