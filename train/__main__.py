"""`accelerate launch --config_file recipes/accelerate/FILE.yaml -m genteach.train --config recipes/NAME/train.yaml`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

# One thread a process, as torchrun has it: the threads of a small model spend their time waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from ..run import Failure  # noqa: E402  (after the environment that torch reads once)
from .recipe import parse_settings  # noqa: E402


def main() -> int:
    """Parse the command line, train, and turn a failure into one line and its exit code."""
    parser = argparse.ArgumentParser(
        prog="genteach.train", description="Train a student from token shards and a plan."
    )
    parser.add_argument("--config", type=Path, required=True, help="the recipe, a train.yaml")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a value over the recipe's"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the resolved run and stop")
    parser.add_argument("--json", action="store_true", help="progress as JSON lines")
    asked = parser.parse_args()
    try:
        from .sft import train

        train(asked.config, parse_settings(asked.set), asked.dry_run, asked.json)
    except Failure as failure:
        if os.environ.get("RANK", "0") == "0":
            print(f"error: {failure}", file=sys.stderr)
        return failure.exit_code
    except KeyboardInterrupt:
        print("interrupted; the same command resumes from the newest checkpoint", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
