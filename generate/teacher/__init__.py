"""Everything that answers prompts: what a teacher is asked, what it replies, and how one is opened."""

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Protocol, Self
from urllib.parse import urlsplit

import orjson
from pydantic import Field, ValidationError, field_validator, model_validator

from ...config import Strict
from ...run import BadInput
from .servers import LaunchSettings

Guided = Literal["json_schema", "json_object", "none"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a teacher draws its tokens; `seed` is sent only where one is given."""

    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: int = 1024
    seed: int | None = None


@dataclass(frozen=True)
class Request:
    """One prompt for a teacher; what follows `role` says where it came from and is not part of its key.

    `shared` is how many characters of the prompt, from its beginning, other agents' prompts about the same
    passage repeat; `number` counts the agent's requests within a work item, `n` the identical ones, and `turn`
    the items: of the requests that wait, those of the items that were begun first are served first.
    """

    messages: tuple[dict[str, str], ...]
    sampling: Sampling = Sampling()
    response_format: dict[str, Any] | None = None
    tools: tuple[dict[str, Any], ...] = ()
    role: str = "teacher"
    skill: str = ""
    agent: str = ""
    seed_id: str = ""
    n: int = 0
    number: int = 0
    turn: int = 0
    shared: int = 0
    fields: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def content(self) -> bytes:
        """The JSON of a chat completion but for its model: standard fields alone, and none that is not given."""
        sampling = self.sampling
        body: dict[str, Any] = {
            "messages": self.messages,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
        }
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        if self.tools:
            body["tools"] = self.tools
        if self.response_format is not None:
            body["response_format"] = self.response_format
        return orjson.dumps(body)

    @cached_property
    def key(self) -> bytes:
        """16 bytes of what decides the answer: the hash of the very bytes that are sent, and of whom they ask."""
        return sha256(self.role.encode() + b"\0" + self.content).digest()[:16]

    def body(self, model: str) -> bytes:
        """The bytes to send: the content with the model's name in front."""
        return b'{"model":' + orjson.dumps(model) + b"," + self.content[1:]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a teacher answered; `model` names the weights, `attempts` counts the times that it was asked."""

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    model: str
    attempts: int = 1


class Draining(Exception):
    """The run is stopping: what was not sent yet is not sent any more, and nothing is sent again."""


class Teacher(Protocol):
    """Whatever answers requests, under a name that its pairs carry."""

    @property
    def name(self) -> str: ...

    @property
    def guided(self) -> Guided:
        """The structured form that it enforces."""
        ...

    @property
    def limit(self) -> int:
        """How many requests it takes at once, now; what is asked beyond that waits."""
        ...

    async def start(self) -> dict[str, Any]:
        """Make sure that it answers, and say who it is; raises EnvironmentFailure."""
        ...

    async def ask(self, request: Request) -> Reply:
        """Answer one request; raises Unanswerable for this one, EnvironmentFailure for the run, Draining."""
        ...

    def drain(self) -> None:
        """Finish what is in flight; every other request, waiting or new, raises Draining."""
        ...

    def report(self) -> dict[str, Any]:
        """Facts about the work so far, for the run's report."""
        ...

    async def close(self) -> None: ...


class TeacherFailure(Exception):
    """A request got no usable answer; `reason` is a short name to count by, `detail` one line for people."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Unanswerable(TeacherFailure):
    """This prompt cannot be answered, others can: its work item is put aside with the reason."""


class TeacherSettings(Strict):
    """Which teacher answers: `offline`, the base URLs of any OpenAI-compatible servers, or one to `launch`.

    Several URLs are replicas of one teacher. `slots` is the most requests in flight at each of them; without
    it, as many as its queue and its speed bear. `share` weighs it against other teachers of the same run.
    """

    url: str | tuple[str, ...] = "offline"
    model: str | None = None
    api_key_env: str | None = None
    launch: LaunchSettings | None = None
    share: float = Field(1.0, gt=0, allow_inf_nan=False)
    slots: int | None = Field(None, ge=1, le=65_536)
    timeout: float = Field(600, gt=0, allow_inf_nan=False)
    guided: Literal["auto", "json_schema", "json_object", "none"] = "auto"
    attempts: int = Field(6, ge=1)
    patience: float = Field(300, gt=0, allow_inf_nan=False)
    canary_timeout: float = Field(120, gt=0, allow_inf_nan=False)

    @property
    def kind(self) -> Literal["offline", "http"]:
        return "offline" if self.urls == ("offline",) and not self.launch else "http"

    @property
    def urls(self) -> tuple[str, ...]:
        """The base URLs, one of each replica."""
        return (self.url,) if isinstance(self.url, str) else self.url

    @property
    def serves(self) -> str | None:
        """The model that is asked for, if it is known before a server is asked."""
        launched = self.launch.model if self.launch and self.launch.server != "command" else None
        return self.model or launched

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the command line's form, `offline` or `URL[,URL][#model]`; raises BadInput."""
        try:
            return cls.model_validate(text)
        except ValidationError as error:
            raise BadInput(
                f"--teacher {text}: {error.errors()[0]['msg'].removeprefix('Value error, ')}"
            ) from None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        urls, _, model = value.partition("#")
        return {"url": tuple(urls.split(",")) if "," in urls else urls, "model": model or None}

    @field_validator("url")
    @classmethod
    def _base_urls(cls, url: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if url in ("offline", ("offline",)):
            return "offline"
        if isinstance(url, str):
            return _base_url(url)
        if not url or len(set(url)) < len(url):
            raise ValueError("give each replica's URL once")
        return tuple(_base_url(each) for each in url)


def _base_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("give `offline` or a base URL such as http://127.0.0.1:8000/v1")
    if parts.username or parts.password:
        raise ValueError("keep the key out of the URL: name its environment variable in api_key_env")
    return (url if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/v1").rstrip("/")


def response_format(schema: dict[str, Any] | None, guided: Guided) -> dict[str, Any] | None:
    """How a server is told of the schema that its reply must follow; nothing where it cannot be held to one."""
    if schema is None or guided == "none":
        return None
    if guided == "json_object":
        return {"type": "json_object", "schema": schema}
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": True}}


def open_teacher(settings: TeacherSettings, logs: Path | None = None) -> Teacher:
    """The teacher that the settings name, not started yet; servers that it launches write to the folder `logs`."""
    if settings.kind == "offline":
        from .offline import OfflineTeacher

        return OfflineTeacher()
    if settings.launch:
        from .launch import Launched

        return Launched(settings, logs or Path("runs") / "teacher")
    from .pool import Pool

    return Pool(settings)
