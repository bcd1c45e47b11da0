"""The one model that lm-eval sees: it answers from the store, and asks whatever stands behind it only for the rest."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from ..generate.teacher import TeacherSettings
from ..progress import Progress
from ..run import BadInput
from .item import Item, Message, Reply, digest
from .recipe import EvaluateRecipe
from .store import Store, key

ONLY_GENERATION = "these tasks are answered by free generation; log-likelihood tasks run with lm_eval itself"


class Backend(Protocol):
    """What generates. `facts` go into results.json; of them, `digest` decides which stored replies are its own."""

    facts: dict[str, Any]

    def render(self, messages: list[Message]) -> str:
        """The prompt as the model gets it; the model's turn is next."""
        ...

    def generate(self, prompts: list[str], max_new_tokens: int) -> Iterator[tuple[int, Reply]]:
        """Greedy replies with the places of their prompts, each as soon as it is there, in whatever order.

        A prompt that leaves no room for `max_new_tokens` is answered by a reply with finish_reason "too_long".
        """
        ...


class Ask(NamedTuple):
    """One prompt of one item."""

    task: str
    id: str
    prompt: str


class StoredModel(LM):
    """lm-eval's LM around a backend and a store; only generation, always greedy."""

    def __init__(
        self,
        backend: Backend,
        store: Store,
        max_new_tokens: int,
        as_json: bool = False,
        label: str = "evaluate",
    ) -> None:
        super().__init__()
        self.backend, self.store, self.as_json, self.label = backend, store, as_json, label
        self.sampling: dict[str, Any] = {"temperature": 0.0, "max_new_tokens": max_new_tokens}
        if "dtype" in backend.facts:  # a server's is its own affair
            self.sampling["dtype"] = backend.facts["dtype"]

    @property
    def tokenizer_name(self) -> str:
        return str(self.backend.facts["digest"])

    def apply_chat_template(self, chat_history: list[Message], add_generation_prompt: bool = True) -> str:
        return self.backend.render([{"role": m["role"], "content": m["content"]} for m in chat_history])

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """lm-eval's entry: each request's document carries its item's id."""
        return list(self.answer([Ask(str(r.task_name), r.doc["id"], str(r.args[0])) for r in requests]))

    def reply_to(self, items: list[Item]) -> list[Reply]:
        """Replies to items of any number of turns, without lm-eval."""
        return self.answer(
            [Ask(item.task, item.id, self.backend.render(list(item.messages))) for item in items]
        )

    def answer(self, asks: list[Ask]) -> list[Reply]:
        """The replies in the order of `asks`; new ones are stored as they come, so that a killed run loses none."""
        model = self.backend.facts["digest"]
        keys = [key(ask.task, ask.id, model, digest(ask.prompt), self.sampling) for ask in asks]
        unknown = {k: ask for k, ask in zip(keys, asks, strict=True) if k not in self.store.replies}
        missing = list(unknown.items())
        with Progress(self.label, total=len(asks), unit="items", as_json=self.as_json) as progress:
            progress.advance(len(asks) - len(missing), stored=len(asks) - len(missing))
            failed: dict[str, Reply] = {}
            prompts = [ask.prompt for _, ask in missing]
            for place, reply in self.backend.generate(prompts, int(self.sampling["max_new_tokens"])):
                name, ask = missing[place]
                reply.prompt_sha256 = digest(ask.prompt)
                if reply.finish_reason == "failed":  # ours, not the model's: asked again next time
                    failed[name] = reply
                else:
                    self.store.put(name, ask.task, ask.id, reply)
                progress.advance(1, tokens=reply.new_tokens)
        return [failed[k] if k in failed else self.store.replies[k] for k in keys]

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        raise BadInput(ONLY_GENERATION)

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        raise BadInput(ONLY_GENERATION)


def open_backend(recipe: EvaluateRecipe) -> Backend:
    """The checkpoint or server that the recipe names."""
    if recipe.is_server:
        from .endpoint import Endpoint

        return Endpoint(TeacherSettings.parse(recipe.model))
    from .checkpoint import Checkpoint

    return Checkpoint(recipe.model, recipe.batch_size, recipe.device, recipe.dtype)
