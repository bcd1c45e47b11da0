"""YAML into typed models; every mistake is one line with file, line, key, value and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

from .run import BadInput

M = TypeVar("M", bound="Strict")
MAX_BYTES = 1_000_000  # a recipe is a page; anything this long is not one
Where = tuple[str | int, ...]


class Strict(pydantic.BaseModel):
    """Base of every typed configuration: unknown keys are errors, values do not change once read."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader that refuses duplicate keys and aliases, and remembers each key's line."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.lines: dict[int, dict[Any, int]] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.MarkedYAMLError(
                problem="aliases (*name) are not allowed", problem_mark=event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"duplicate key {key!r}", problem_mark=key_node.start_mark)
            seen[key] = key_node.start_mark.line + 1
        mapping = super().construct_mapping(node, deep=True)
        self.lines[id(mapping)] = seen
        return mapping

    def construct_yaml_map(self, node: yaml.MappingNode) -> Any:
        yield self.construct_mapping(node)


_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.construct_yaml_map)


def _parse(path: Path) -> tuple[dict[str, Any], dict[int, dict[Any, int]]]:
    if not path.is_file():
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.y*ml")], n=1)
        hint = f"; did you mean {path.parent / near[0]}?" if near else ""
        raise BadInput(f"{path}: no such file{hint}")
    if path.stat().st_size > MAX_BYTES:
        raise BadInput(f"{path}: {path.stat().st_size} bytes is too long for a recipe (at most {MAX_BYTES})")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    try:
        loader = _Loader(text)
        found = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadInput(f"{path}:{line}: {error.problem}") from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        # A control character, a date with a 13th month, a list as a key, a thousand open brackets.
        raise BadInput(f"{path}: not readable as YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(found, dict):
        raise BadInput(
            f"{path}: expected keys and values, found {'nothing' if found is None else type(found).__name__}"
        )
    return found, loader.lines


def read_yaml(path: Path) -> dict[str, Any]:
    """The file's mapping; BadInput names file and line of anything that is not plain, unambiguous YAML."""
    return _parse(path)[0]


def load(path: Path | None, model: type[M], overrides: Mapping[str, Any] | None = None) -> M:
    """The typed recipe in `path`, with `overrides` (command-line values) laid over its top-level keys.

    Raises BadInput for the first mistake: `file:line: key: value; what would be right`, or `--key: value …`
    where the value came from the command line.
    """
    values, lines = _parse(path) if path else ({}, {})
    merged = {**values, **(overrides or {})}
    try:
        return model.model_validate(merged)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        given = first["loc"][:1] and first["loc"][0] in (overrides or {})
        where = "--" if given else _place(path, values, lines, first["loc"])
        raise BadInput(f"{where}{_explain(model, first)}") from error


def _place(path: Path | None, values: Any, lines: dict[int, dict[Any, int]], where: Where) -> str:
    """`file:line: ` of the deepest part of `where` that stands in the file."""
    if path is None:
        return ""
    line, node = None, values
    for part in where:
        if isinstance(node, dict) and part in node:
            line = lines.get(id(node), {}).get(part, line)
            node = node[part]
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
    return f"{path}:{line}: " if line else f"{path}: "


def _explain(model: type[Strict], error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        names = _names(model, error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(sorted(names))}"
        return f"{key}: unknown key; {hint}"
    if error["type"] == "missing":
        return f"{key}: missing; it must be given"
    reason = error["msg"].removeprefix("Value error, ")
    if not key:  # a rule about several keys at once
        return reason
    value = error["input"]
    hint = "; write 1.0e-5, not 1e-5: YAML reads the latter as text" if _looks_like_float(value) else ""
    return f"{key}: {value!r}: {reason[0].lower()}{reason[1:]}{hint}"


def _looks_like_float(value: Any) -> bool:
    return (
        isinstance(value, str)
        and value.replace("e", "").replace("-", "").replace(".", "").isdigit()
        and "e" in value
    )


def _names(model: type[pydantic.BaseModel], where: Where) -> list[str]:
    """The keys that the model at `where` knows."""
    here: Any = model
    for part in where:
        fields = getattr(here, "model_fields", {})
        if part in fields:
            here = _inner(fields[part].annotation)
    return list(getattr(here, "model_fields", {}))


def _inner(annotation: Any) -> Any:
    """The model inside `list[Model]`, `dict[str, Model]` or `Model | None`."""
    if isinstance(annotation, type) and hasattr(annotation, "model_fields"):
        return annotation
    inside = (_inner(argument) for argument in getattr(annotation, "__args__", ()))
    return next((found for found in inside if found is not None), None)
