"""The replies of models, kept as they come: appended one line each, found again by what decided them."""

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from ..run import BadInput, EnvironmentFailure, make_folder
from .item import Reply, digest


class Store:
    """An append-only jsonl of replies. A key is (task, item, model digest, prompt digest, sampling): nothing is measured twice.

    A line that a crash tore off is cut when the file is opened again; a whole line is never touched. One process holds it.
    """

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        self.path = path
        self.replies: dict[str, Reply] = {}
        self._file = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise EnvironmentFailure(
                f"{path}: another evaluation is writing here; wait for it, or use another --out"
            ) from error
        self._read()

    def _read(self) -> None:
        self._file.seek(0)
        whole = 0
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b"\n"):
                break
            try:
                record = json.loads(line)
                self.replies[record["key"]] = Reply(**{name: record[name] for name in _FIELDS})
            except (ValueError, KeyError, TypeError) as error:
                raise BadInput(
                    f"{self.path}:{number}: not a stored reply; move the file away to measure again"
                ) from error
            whole += len(line)
        self._file.truncate(whole)

    def put(self, key: str, task: str, item: str, reply: Reply) -> None:
        """Keep one reply; it survives a kill of this process once this returns."""
        record = {
            "key": key,
            "task": task,
            "id": item,
            **{name: getattr(reply, name) for name in _FIELDS[1:]},
            "text": str(reply),
        }
        self._file.write(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        self._file.flush()
        self.replies[key] = reply

    def close(self) -> None:
        """Make everything durable against power loss, and let go of the file."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_FIELDS = ("text", "finish_reason", "prompt_tokens", "new_tokens", "prompt_sha256")


def key(task: str, item: str, model: str, prompt: str, sampling: dict[str, Any]) -> str:
    """What decides a reply; `model` and `prompt` are digests."""
    return digest(task, item, model, prompt, json.dumps(sampling, sort_keys=True))
