"""API records as a model is shown them, {name, description, parameters}, and what a call must keep to.

A record comes from a teacher, so it is held to a schema itself: of JSON Schema, what says what a value is, and
nothing that would be fetched, or cost more than the text is long.
"""

from __future__ import annotations

import json
import keyword
import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError, ValidationErrorKind

FEWEST, MOST = 1, 16  # APIs in one list
LONGEST = 24_000  # characters of a list
LARGEST = 2**53 - 1  # the integers that every reader of JSON has
DEEPEST = 16  # lists in lists of a value
TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
NAME = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]{0,47}$"}
COUNT = {"type": "integer", "minimum": 0}
NUMBER = {"type": "number"}
TEXT = {"type": "string", "minLength": 1, "maxLength": 600}
VALUE = {"$ref": "#/$defs/value"}
SHAPE = {
    "type": "array",
    "minItems": FEWEST,
    "maxItems": MOST,
    "items": {
        "type": "object",
        "properties": {
            "name": NAME,
            "description": TEXT,
            "parameters": {
                "allOf": [VALUE],
                "properties": {
                    "type": {"const": "object"},
                    "properties": {"additionalProperties": {"required": ["description"]}},
                },
                "required": ["properties"],
            },
        },
        "required": ["name", "description", "parameters"],
    },
    "$defs": {
        "value": {
            "type": "object",
            "properties": {
                "type": {"anyOf": [{"enum": TYPES}, {"type": "array", "items": {"enum": TYPES}}]},
                "description": TEXT,
                "default": {},
                "enum": {"type": "array", "minItems": 1, "maxItems": 60},
                "items": VALUE,
                "properties": {
                    "type": "object",
                    "maxProperties": 12,
                    "propertyNames": NAME,
                    "additionalProperties": VALUE,
                },
                "required": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
                "additionalProperties": {"type": "boolean"},
                **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), NUMBER),
                **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), COUNT),
                "uniqueItems": {"type": "boolean"},
                "pattern": {"type": "string", "maxLength": 200},
                "format": {"type": "string", "maxLength": 40},
            },
            "required": ["type"],
            "additionalProperties": False,
        }
    },
}
_SHAPE = Draft202012Validator(SHAPE)
_FENCED = re.compile(r"\A```\w*\n(.*)\n```\Z", re.DOTALL)


class Unsound(Exception):
    """What a teacher wrote as JSON is not what was asked for; the message says where."""


class Refusal(NamedTuple):
    """Why a call is not made: a short name to count by, and the line that the caller reads."""

    reason: str
    message: str


@dataclass(frozen=True)
class Api:
    """One function that can be called: its name, what it does, and the schema of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]

    def refusal(self, arguments: dict[str, Any]) -> Refusal | None:
        """Why the schema does not allow these arguments, if it does not; one that it does not know is too many."""
        error = next(self._validator.iter_errors(arguments), None)
        return None if error is None else self._refusal(error)

    def settled(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments with the defaults that the schema says."""
        known = self.parameters["properties"]
        return {name: each["default"] for name, each in known.items() if "default" in each} | arguments

    @property
    def row(self) -> dict[str, Any]:
        """The record as JSON has it."""
        return {"name": self.name, "description": self.description, "parameters": self.parameters}

    def _refusal(self, error: ValidationError) -> Refusal:
        if not error.instance_path:
            match error.kind:
                case ValidationErrorKind.Required(property=name):
                    return Refusal("missing_argument", f"{self.name}: the parameter {name!r} is required.")
                case ValidationErrorKind.AdditionalProperties(unexpected=names):
                    unknown = ", ".join(map(repr, names))
                    return Refusal("superfluous_argument", f"{self.name}: there is no parameter {unknown}.")
        path = ".".join(map(str, error.instance_path))
        return Refusal("invalid_argument", f"{self.name}: {path}: {error.message[:200]}.")

    @cached_property
    def _validator(self) -> Draft202012Validator:
        closed = {**self.parameters, "additionalProperties": False}
        return Draft202012Validator(closed, validate_formats=True, pattern_options=RegexOptions())


def read_apis(text: str) -> tuple[Api, ...]:
    """The list of API records that a teacher wrote. Raises Unsound; keys beyond the three are left out."""
    if len(text) > LONGEST:
        raise Unsound(f"the list has {len(text)} characters, more than {LONGEST}")
    rows = read_json(text)
    if (error := next(_SHAPE.iter_errors(rows), None)) is not None:
        raise Unsound(f"{'.'.join(map(str, error.instance_path))}: {error.message[:200]}")
    apis = tuple(Api(row["name"], row["description"].strip(), row["parameters"]) for row in rows)
    if twice := [name for name, count in Counter(api.name for api in apis).items() if count > 1]:
        raise Unsound(f"{twice[0]} stands there twice")
    for api in apis:
        _check(api)
    return apis


def write_apis(apis: Iterable[Api]) -> str:
    """The list as a reader sees it: JSON, a record a line."""
    return "[\n" + ",\n".join(json.dumps(api.row, ensure_ascii=False) for api in apis) + "\n]"


def read_json(text: str) -> Any:
    """The value that a teacher wrote, perhaps in a Markdown fence. Raises Unsound."""
    body = text.strip()
    fenced = _FENCED.match(body)
    try:
        value = json.loads(fenced[1] if fenced else body)
    except (ValueError, RecursionError) as error:
        raise Unsound(f"not valid JSON: {error}") from error
    if not is_plain(value):
        raise Unsound("it holds a number or a text that JSON cannot carry")
    return value


def is_plain(value: Any, levels: int = DEEPEST) -> bool:
    """Whether JSON carries the value unchanged: integers of 53 bits, finite decimals, whole characters."""
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, int):
        return abs(value) <= LARGEST
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return not re.search("[\ud800-\udfff]", value)
    if isinstance(value, list):
        return levels > 0 and all(is_plain(each, levels - 1) for each in value)
    if isinstance(value, dict):
        keys = all(isinstance(key, str) and is_plain(key) for key in value)
        return keys and levels > 0 and all(is_plain(each, levels - 1) for each in value.values())
    return False


def by_value(value: Any) -> str:
    """One spelling for values that mean the same: 5 and 5.0, "Red  wine" and "red wine", keys in any order."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return " ".join(value.casefold().split())
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return {key: _plain(each) for key, each in value.items()} if isinstance(value, dict) else value


def _check(api: Api) -> None:
    """What no schema says of a record: names that Python has, parameters that there are, defaults that fit."""
    known = api.parameters["properties"]
    if taken := [name for name in (api.name, *known) if keyword.iskeyword(name)]:
        raise Unsound(f"{api.name}: {taken[0]} is a word of Python")
    if unknown := set(api.parameters.get("required", ())) - set(known):
        raise Unsound(f"{api.name}: {min(unknown)} is required, and no parameter")
    try:
        errors = [
            f"{api.name}: the default of {name}: {error.message[:200]}"
            for name, each in known.items()
            for error in _errors(each)
        ]
        api.refusal({})
    except ValidationError as error:
        raise Unsound(f"{api.name}: {error.message[:200]}") from error
    if errors:
        raise Unsound(errors[0])


def _errors(parameter: dict[str, Any]) -> Iterable[ValidationError]:
    if "default" not in parameter or parameter["default"] is None:
        return ()
    return Draft202012Validator(parameter, pattern_options=RegexOptions()).iter_errors(parameter["default"])
