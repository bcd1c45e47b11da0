"""A checkpoint's folder: is it one, and which one is it? Known from its files, without loading it."""

import json
from hashlib import sha256 as new_sha256
from pathlib import Path

from ..run import BadInput, sha256

IDENTITY = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
)


def locate(model: str) -> Path:
    """The checkpoint's folder; a hub id is downloaded, or found in the cache. BadInput where neither is a checkpoint."""
    folder = Path(model)
    if not folder.exists():
        folder = _from_hub(model)
    if not folder.is_dir() or not (folder / "config.json").is_file():
        inside = next(folder.glob("*/config.json"), None) if folder.is_dir() else None
        hint = f"; did you mean {inside.parent}?" if inside else ""
        raise BadInput(f"{model}: not a model: a folder with config.json and *.safetensors is needed{hint}")
    if not any(folder.glob("*.safetensors")):
        raise BadInput(f"{model}: holds no *.safetensors, so there are no weights to load")
    if not any(folder.glob("tokenizer*")):
        raise BadInput(f"{model}: holds no tokenizer (tokenizer.json); save it beside the weights")
    return folder


def is_on_hub(model: str) -> bool:
    """Whether `model` is written like a hub id (owner/name) rather than a path, and no such folder is here."""
    return not Path(model).exists() and model.count("/") == 1 and not model.startswith((".", "/"))


def _from_hub(model: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    if not is_on_hub(model):
        raise BadInput(f"{model}: no such folder")
    try:
        return Path(
            snapshot_download(
                model,
                allow_patterns=["*.json", "*.safetensors", "*.jinja", "tokenizer*"],
                ignore_patterns=["consolidated*"],  # the same weights once more, in their author's own form
            )
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0][:160]
        raise BadInput(f"{model}: neither a folder here nor a model that the hub gives ({reason})") from error


def identify(folder: Path) -> dict[str, str]:
    """weights_sha256 over the safetensors files; digest over them and what else decides the replies.

    By bytes, so that a checkpoint written again under the same name is another model.
    """
    weights, everything = new_sha256(), new_sha256()
    for file in sorted(folder.glob("*.safetensors")):
        weights.update(f"{file.name} {sha256(file)}\n".encode())
    for file in sorted(path for path in folder.iterdir() if path.name in IDENTITY or path.suffix == ".jinja"):
        everything.update(f"{file.name} {_content(file)}\n".encode())
    everything.update(weights.digest())
    return {"weights_sha256": weights.hexdigest(), "digest": everything.hexdigest()}


def _content(file: Path) -> str:
    """The file's sha256; of config.json without the versions and paths that a mere copy changes."""
    if file.name != "config.json":
        return sha256(file)
    config = json.loads(file.read_text(encoding="utf-8"))
    kept = {
        name: value for name, value in config.items() if name not in ("transformers_version", "_name_or_path")
    }
    return new_sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
