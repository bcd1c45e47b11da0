"""curator: three LLM() runs one after the other, each cached by request; a chain in one run it does not have."""

import os

from work import SAMPLING, STEPS, finished, messages, read_work

os.environ |= {"CURATOR_DISABLE_RICH_DISPLAY": "1", "TELEMETRY_ENABLED": "false", "CURATOR_VIEWER": "0"}

import tiktoken  # noqa: E402
from bespokelabs import curator  # noqa: E402
from bespokelabs.curator.request_processor.online.openai_online_request_processor import (  # noqa: E402
    OpenAIOnlineRequestProcessor,
)
from datasets import Dataset  # noqa: E402

BYTES = tiktoken.Encoding(
    "bytes", pat_str=r"[^\s]+|\s+", mergeable_ranks={bytes([n]): n for n in range(256)}, special_tokens={}
)
# It downloads its token encoding and asks the server for rate limits: the first would fail without a
# network, the second would be counted as calls.
OpenAIOnlineRequestProcessor.get_token_encoding = lambda self: BYTES
OpenAIOnlineRequestProcessor.get_header_based_rate_limits = lambda self: (0, 0)


class Passage(curator.LLM):
    def prompt(self, row: dict) -> list[dict]:
        return messages("passage", row)

    def parse(self, row: dict, reply: str) -> dict:
        return {**row, "passage": reply}


class Question(curator.LLM):
    def prompt(self, row: dict) -> list[dict]:
        return messages("question", row)

    def parse(self, row: dict, reply: str) -> dict:
        return {**row, "question": reply}


class Answer(curator.LLM):
    def prompt(self, row: dict) -> list[dict]:
        return messages("answer", row)

    def parse(self, row: dict, reply: str) -> dict:
        return {**row, "answer": reply}


work = read_work()
rows = Dataset.from_list(list(work.rows()))
for step, kind in zip(STEPS, (Passage, Question, Answer), strict=True):
    llm = kind(
        model_name=work.model,
        backend="openai",
        generation_params=SAMPLING,
        backend_params={
            "base_url": work.url,
            "api_key": "none",
            "max_concurrent_requests": work.in_flight,
            "max_requests_per_minute": 10**9,
            "max_tokens_per_minute": 10**12,
        },
    )
    rows = llm(rows, working_dir=str(work.folder / step)).dataset
finished("bespokelabs-curator", len(rows))
