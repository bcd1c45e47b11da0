"""Streams a data set of the Hugging Face hub at a pinned revision; data sets that bring code are refused."""

import re
from collections.abc import Iterator
from typing import Any

from ...run import BadInput, EnvironmentFailure
from .corpus import Corpus
from .document import Document, Skipped
from .records import document_of

COMMIT = re.compile(r"[0-9a-f]{40}")


def read(corpus: Corpus) -> Iterator[Document | Skipped]:
    """A document a row; `source` is `owner/name@revision`.

    Raises BadInput when the data set does not exist or needs its own code, EnvironmentFailure when the hub
    cannot be reached.
    """
    rows, revision = _stream(corpus)
    source = f"{corpus.label}@{revision[:12]}"
    for number, row in enumerate(rows, 1):
        yield document_of(row, f"{corpus.label}:{number}", corpus, source)


def _stream(corpus: Corpus) -> tuple[Iterator[dict[str, Any]], str]:
    try:
        import huggingface_hub
        from datasets import load_dataset
        from datasets.exceptions import DatasetNotFoundError
    except ImportError as error:
        raise BadInput(f"seeds: hf:{corpus.dataset} needs pip install 'genteach[train]'") from error
    dataset = str(corpus.dataset)
    try:
        revision = corpus.revision or "main"
        if not COMMIT.fullmatch(revision):
            revision = str(huggingface_hub.HfApi().dataset_info(dataset, revision=revision).sha)
        rows = load_dataset(dataset, corpus.config, split=corpus.split, revision=revision, streaming=True)
    except (huggingface_hub.errors.RepositoryNotFoundError, DatasetNotFoundError) as error:
        raise BadInput(f"seeds: hf:{dataset}: no such data set, or it is private") from error
    except (RuntimeError, ValueError) as error:  # a data set with a script, an unknown config or split
        raise BadInput(f"seeds: hf:{dataset}: {_first_line(error)}") from error
    except (OSError, huggingface_hub.errors.HfHubHTTPError) as error:
        reason = f"the hub cannot be reached ({_first_line(error)})"
        raise EnvironmentFailure(f"seeds: hf:{dataset}: {reason}") from error
    return iter(rows), revision


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
