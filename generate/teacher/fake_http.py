"""Just enough of an HTTP/1.1 server for the fake teacher, in a tenth of a millisecond a request."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

LARGEST = 64 << 20  # bytes of the headers, and of the body: the fields of a prompt travel in a header


@dataclass(slots=True)
class Incoming:
    """A request: `target` is method and path, header names are in lower case."""

    target: str
    headers: dict[bytes, bytes]
    body: bytes = b""


@dataclass(slots=True)
class Answer:
    """What to send back."""

    status: int
    body: bytes
    kind: str = "application/json"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


class Connection(asyncio.Protocol):
    """One client's connection: its requests are handed on one at a time, in the order that they came."""

    def __init__(self, route: Callable[["Connection", Incoming], None], everybody: set["Connection"]) -> None:
        self._route, self._everybody = route, everybody
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._request: Incoming | None = None  # its headers were read
        self._missing = 0  # bytes of its body
        self._busy = False  # it was handed on, and has no answer yet
        self._last = False  # the client wants the connection closed after this answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._everybody.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._everybody.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._read()

    @property
    def stands(self) -> bool:
        """Whether the client is still there to be answered."""
        return self._transport is not None and not self._transport.is_closing()

    def answer(self, answer: Answer) -> bool:
        """Hand the answer to the connection; False where it no longer stands."""
        self._busy = False
        if self._transport is None or self._transport.is_closing():
            return False
        extra = b"".join(b"%b: %b\r\n" % header for header in answer.headers)
        self._transport.write(
            b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n%b"
            % (
                answer.status,
                HTTPStatus(answer.status).phrase.encode(),
                answer.kind.encode(),
                len(answer.body),
                extra,
                answer.body,
            )
        )
        if self._last:
            self._transport.close()
        elif self._buffer:
            self._read()
        return True

    def reset(self) -> None:
        """Drop the connection without another byte."""
        if self._transport is not None:
            self._transport.abort()

    def _read(self) -> None:
        """Hand on the next request, once all of it is there."""
        if self._busy:
            return
        try:
            if self._request is None and not self._read_head():
                return
        except ValueError as error:
            self._refuse(400, str(error))
            return
        request, missing = self._request, self._missing
        assert request is not None
        if len(self._buffer) < missing:
            return
        request.body = bytes(self._buffer[:missing])
        del self._buffer[:missing]
        self._request, self._busy = None, True
        self._route(self, request)

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > LARGEST:
                self._refuse(431, "headers too long")
            return False
        first, *lines = bytes(self._buffer[:end]).split(b"\r\n")
        del self._buffer[: end + 4]
        headers: dict[bytes, bytes] = {}
        for line in lines:
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        method, target, _ = first.decode().split(" ")
        self._last = headers.get(b"connection", b"").lower() == b"close"
        self._missing = int(headers.get(b"content-length", 0))
        if b"transfer-encoding" in headers or not 0 <= self._missing <= LARGEST:
            self._refuse(413, "send a body with its length, within 64 MiB")
            return False
        if headers.get(b"expect") == b"100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._request = Incoming(f"{method} {target}", headers)
        return True

    def _refuse(self, status: int, why: str) -> None:
        """Say why, and hang up: what follows cannot be told apart from the rest of this request."""
        self._buffer.clear()
        self.answer(Answer(status, why.encode(), "text/plain"))
        if self._transport is not None:
            self._transport.close()
