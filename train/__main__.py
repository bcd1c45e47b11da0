"""`accelerate launch --config_file recipes/accelerate/FILE.yaml -m genteach.train --config recipes/NAME/train.yaml`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ..run import Failure
from .recipe import parse_settings
from .sft import train


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
