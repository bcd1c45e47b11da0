"""Everything that answers prompts: what a teacher is asked, what it replies, and how one is opened."""

from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any, Literal, Protocol, Self
from urllib.parse import urlsplit

import orjson
from pydantic import Field, ValidationError, field_validator, model_validator

from ...config import Strict
from ...run import BadInput

Guided = Literal["json_schema", "json_object", "none"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a teacher draws its tokens; `seed` is sent only where one is given."""

    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: int = 1024
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt for a teacher; what follows `role` says where it came from and is not part of its key."""

    messages: tuple[dict[str, str], ...]
    sampling: Sampling = Sampling()
    schema: dict[str, Any] | None = None
    tools: tuple[dict[str, Any], ...] = ()
    role: str = "teacher"
    skill: str = ""
    agent: str = ""
    seed_id: str = ""
    n: int = 0
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> bytes:
        """sha256 of what decides the answer: no URL or time-out; a setting that is not given adds nothing."""
        content = {
            "messages": self.messages,
            "sampling": {name: value for name, value in asdict(self.sampling).items() if value is not None},
            "schema": self.schema,
            "tools": self.tools,
            "role": self.role,
        }
        return sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a teacher answered; `model` names the weights, `attempts` counts the times that it was asked."""

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    model: str
    attempts: int = 1


class Teacher(Protocol):
    """Whatever answers requests, `slots` at a time; `guided` is the structured form that it enforces."""

    name: str
    guided: Guided
    slots: int

    async def start(self) -> dict[str, Any]:
        """Make sure that it answers, and say who it is; raises EnvironmentFailure."""
        ...

    async def ask(self, request: Request) -> Reply:
        """Answer one request; raises Unanswerable for this request, EnvironmentFailure for the run."""
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
    """Which teacher answers: `offline`, or the base URL of any OpenAI-compatible server."""

    url: str = "offline"
    model: str | None = None
    api_key_env: str | None = None
    slots: int = Field(64, ge=1, le=65_536)
    timeout: float = Field(600, gt=0, allow_inf_nan=False)
    guided: Literal["auto", "json_schema", "json_object", "none"] = "auto"
    attempts: int = Field(6, ge=1)
    patience: float = Field(300, gt=0, allow_inf_nan=False)
    canary_timeout: float = Field(120, gt=0, allow_inf_nan=False)

    @property
    def kind(self) -> Literal["offline", "http"]:
        return "offline" if self.url == "offline" else "http"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the command line's form, `offline` or `URL[#model]`; raises BadInput."""
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
        url, _, model = value.partition("#")
        return {"url": url, "model": model or None}

    @field_validator("url")
    @classmethod
    def _a_base_url(cls, url: str) -> str:
        if url == "offline":
            return url
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("give `offline` or a base URL such as http://127.0.0.1:8000/v1")
        if parts.username or parts.password:
            raise ValueError("keep the key out of the URL: name its environment variable in api_key_env")
        return (url if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/v1").rstrip("/")


def open_teacher(settings: TeacherSettings) -> Teacher:
    """The teacher that the settings name, not started yet."""
    if settings.kind == "offline":
        from .offline import OfflineTeacher

        return OfflineTeacher()
    from .client import HttpTeacher

    return HttpTeacher(settings)
