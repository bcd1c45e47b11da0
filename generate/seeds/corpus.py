"""One entry under `seeds:` in a recipe: where documents come from, their licence, their passages' size."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from ...config import Strict, load
from ...run import BadInput

Kind = Literal["text", "code", "api"]

USER_SUPPLIED = "LicenseRef-user-supplied"  # SPDX's form for a licence that has no identifier of its own
PYTHON = "PSF-2.0"
DATASET = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


class Fields(Strict):
    """What the columns of a jsonl, Parquet or hub record are called; only `text` must be there."""

    text: str = "text"
    id: str = "id"
    title: str = "title"
    source: str = "source"
    licence: str = "licence"


class Corpus(Strict):
    """Documents of one origin: exactly one of `path`, `dataset` and `builtin` says which.

    `source` names the corpus on every seed (by default the folder's, file's or data set's own name); a
    record's own source and licence (or `license`) fields win over the corpus's. `kind` says what records hold; for the
    built-in corpus it selects. `share` weighs this corpus against the others when seeds are limited,
    `limit` bounds its seeds and `per_document` the seeds of one document.
    """

    path: Path | None = None
    dataset: str | None = None
    builtin: Literal["python"] | None = None
    config: str | None = None
    split: str = "train"
    revision: str | None = None
    fields: Fields = Fields()
    kind: Kind | None = None
    source: str | None = None
    licence: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] | None = None
    min_chars: int = Field(2000, ge=1)
    max_chars: int = Field(8000, ge=1)
    share: float = Field(1.0, gt=0)
    limit: int | None = Field(None, ge=1)
    per_document: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _check(self) -> Corpus:
        if sum(origin is not None for origin in (self.path, self.dataset, self.builtin)) != 1:
            raise ValueError("a corpus needs exactly one of `path`, `dataset` and `builtin`")
        if self.dataset is not None and not DATASET.fullmatch(self.dataset):
            raise ValueError(f"dataset {self.dataset!r} is not of the form owner/name")
        if self.dataset is not None and self.licence is None:
            raise ValueError(f"dataset {self.dataset!r} needs `licence:`, an SPDX identifier from its card")
        if self.min_chars > self.max_chars:
            raise ValueError(f"min_chars {self.min_chars} is above max_chars {self.max_chars}")
        return self

    @property
    def label(self) -> str:
        """The corpus's name, as seeds carry it in `source`."""
        own = self.path.resolve().name if self.path else self.dataset or self.builtin
        return self.source or str(own)

    @property
    def terms(self) -> str:
        """The licence of whatever does not state its own."""
        return self.licence or (PYTHON if self.builtin else USER_SUPPLIED)


def corpus_from(text: str, **values: object) -> Corpus:
    """The corpus that a bare `--seeds` names: `python`, `hf:owner/name`, or a path; `values` are other keys.

    Raises BadInput when they do not make a corpus.
    """
    if text == "python":
        origin: dict[str, object] = {"builtin": text}
    elif text.startswith("hf:"):
        origin = {"dataset": text.removeprefix("hf:")}
    else:
        origin = {"path": text}
    try:
        return load(None, Corpus, origin | values)
    except BadInput as error:
        raise BadInput(f"--seeds {text}: {error}") from error
