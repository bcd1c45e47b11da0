"""What a run says while it trains: a progress bar or plain lines, and log.jsonl for whoever plots the loss."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ..progress import Progress
from ..run import write_whole


def keep_until(path: Path, step: int) -> float:
    """Cut log.jsonl behind `step`, where the run resumes; returns the seconds that it had taken by then."""
    lines = path.read_text().splitlines() if path.is_file() else []
    kept = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            break  # the last line of a process that was killed
        if entry["step"] > step:
            break
        kept.append(entry)
    write_whole(path, "".join(json.dumps(entry) + "\n" for entry in kept))
    return kept[-1]["seconds"] if kept else 0.0


def summarize(path: Path) -> str:
    """The run in a line: the loss from its first log to its last, the tokens and the time."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    if not lines:
        return "nothing was logged"
    first, last = lines[0], lines[-1]
    rate = last["tokens"] / max(last["seconds"], 1e-9)
    return (
        f"loss {first['loss']:.3f} -> {last['loss']:.3f} in {last['step']:,} steps, {last['tokens']:,} tokens, "
        f"{last['seconds']:.0f} s ({rate:,.0f} tokens/s)"
    )


class LogLast(TrainerCallback):
    """Asks for a log at the last step, or a run shorter than logging_steps would end without one.

    Every process holds it: a log adds up the tokens of all of them.
    """

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if state.global_step >= state.max_steps:
            control.should_log = True


class Report(TrainerCallback):
    """Writes a line of log.jsonl and moves the bar at every log, on the main process alone."""

    def __init__(self, path: Path, step: int, as_json: bool) -> None:
        self.path, self.step, self.as_json = path, step, as_json
        self.before = keep_until(path, step)
        self.tokens = 0
        self.spoke = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self.began = self.spoke = time.monotonic()
        self.tokens = state.num_input_tokens_seen
        self.progress = Progress(
            "train", state.max_steps - state.global_step, "steps", self.as_json
        ).__enter__()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        if not logs or "loss" not in logs:
            return
        now = time.monotonic()
        rate = (logs["tokens"] - self.tokens) / (now - self.spoke)
        entry = {"step": state.global_step, "loss": logs["loss"], "learning_rate": logs["learning_rate"],
                 "grad_norm": logs.get("grad_norm"), "tokens": logs["tokens"],
                 "seconds": round(self.before + now - self.began, 3)}  # fmt: skip
        with self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        self.progress.counters.update(loss=f"{logs['loss']:.3f}", tokens_per_second=f"{rate:,.0f}")
        self.progress.advance(state.global_step - self.step)
        self.step, self.tokens, self.spoke = state.global_step, logs["tokens"], now

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self.progress.__exit__(None, None, None)
