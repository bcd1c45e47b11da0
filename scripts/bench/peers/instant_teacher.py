"""A teacher within the process that answers at once with 1,000 characters of English, and weighs what it said."""

from pydoc_data.topics import topics
from typing import Any

import zstandard
from genteach.generate.teacher import Guided, Reply, Request

CHARACTERS = 1000
LEVEL = 3


class InstantTeacher:
    """Answers differ; each is a piece of the language reference that every Python carries."""

    name, limit = "instant", 256
    guided: Guided = "none"

    def __init__(self) -> None:
        self._text = "".join(topics[name] for name in sorted(topics))
        self._compressor = zstandard.ZstdCompressor(level=LEVEL)
        self.calls = self.compressed = 0  # replies, and their bytes when each is compressed by itself

    async def start(self) -> dict[str, Any]:
        return {"kind": self.name}

    async def ask(self, request: Request) -> Reply:
        start = int.from_bytes(request.key[:8]) % (len(self._text) - CHARACTERS)
        text = self._text[start : start + CHARACTERS]
        self.calls += 1
        self.compressed += len(self._compressor.compress(text.encode()))
        return Reply(text, "stop", 500, 250, self.name)

    def drain(self) -> None:
        """There is nothing in flight."""

    def report(self) -> dict[str, Any]:
        return {}

    async def close(self) -> None:
        """Nothing is open."""
