"""Right answers made wrong by a machine, and changed without harm: what the verifiers of each skill make of either.

The finished records come from the offline teacher on the textbooks, and from the recordings. Each is verified again
from what its journal knows. Where a verifier would have to ask a model about the changed reply, the case is
*undecided*: it counts neither way.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from genteach.generate.context import Tally
from genteach.generate.engine import item_id
from genteach.generate.flow import UNVERIFIED, Dials, Entry, Rejected, Skill
from genteach.generate.formats import FREE, stated
from genteach.generate.journal import ItemName, Journal
from genteach.generate.record import Record
from genteach.generate.seeds import Seed
from genteach.generate.skills import load
from genteach.generate.teacher import Reply, Request, Unanswerable
from genteach.generate.teacher.offline import OfflineTeacher, Rules
from genteach.generate.tools import actions, constraints
from genteach.generate.tools.answers import number, plain_text
from genteach.generate.tools.constraints import NONE
from genteach.generate.tools.items import KEY
from genteach.generate.tools.programs import code_of, mutants
from genteach.generate.tools.search import SeedIndex
from genteach.generate.verifiers.labels import SHORTEST_CITED, label_set
from genteach.generate.verifiers.page import fenced_action

from .recordings import Keeping, Recorded, Recording, index, recordings, sections, seed_of

PASSAGES, SPAN = 20, 2400  # of the textbooks, and characters of each, for the offline teacher
MOST_OF_A_KIND = 6  # wrong answers of one kind that are made of one record
Changed = Iterator[tuple[str, Record]]


@dataclass
class Measured:
    """What one skill's verifiers said: of wrong answers by the way in which they are wrong, and of harmless changes."""

    wrong: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    right: int = 0
    turned_down: Counter[str] = field(default_factory=Counter)
    undecided: int = 0
    slips: list[tuple[str, str, Record]] = field(default_factory=list)


@dataclass(frozen=True)
class Finished:
    """A verified record, with the journal that knows all that its flow asked."""

    record: Record
    journal: Path
    teacher: Any
    run_seed: int


class Nobody(OfflineTeacher):
    """Is asked nothing that the journal does not know."""

    async def ask(self, request: Request) -> Reply:
        raise Unanswerable("not_recorded", request.agent)


async def measure(name: str, folder: Path, passages: int = PASSAGES) -> Measured:
    """Corrupt the records of a skill in every way that fits them, and verify all again; needs GENTEACH_DATA."""
    skill, measured = load(name), Measured()
    found = index(folder) if "index" in skill.needs else None
    finished = [each async for each in _finished(skill, folder, found, passages)]
    for each in finished:
        others = [other.record for other in finished if other.record.seed.id != each.record.seed.id]
        for kind, record in corrupted(skill.entry(each.record.entry), each.record, others):
            await _count_wrong(skill, kind, replace(each, record=record), found, measured)
        for kind, record in unharmed(skill.entry(each.record.entry), each.record):
            await _count_right(skill, kind, replace(each, record=record), found, measured)
    return measured


async def _finished(skill: Skill, folder: Path, found: SeedIndex | None, passages: int):  # noqa: ANN202
    """The verified records of the offline teacher, and those of the recordings."""
    offline = OfflineTeacher()
    await offline.start()
    if Rules.load().agents(skill.name):
        names = list(sections())
        for name in names[:: max(1, len(names) // passages)]:
            seed = seed_of({"document": name, "span": [0, SPAN]})
            for each in await _walk(skill, Recording(seed, Dials(4, 1)), folder, offline, found):
                yield each
    for recording in recordings(skill.name):
        for each in await _walk(skill, recording, folder, Recorded(skill.name), found):
            yield replace(each, teacher=Nobody())


async def _walk(
    skill: Skill, recording: Recording, folder: Path, teacher: Any, found: SeedIndex | None
) -> list[Finished]:
    seed = recording.seed
    path = folder / f"{skill.name}-{seed.id}-{teacher.name[:4]}.sqlite"
    journal = Journal(path)
    ctx = Keeping(skill, seed, _item(skill, seed), 0, recording.run_seed, teacher, journal, Tally(), found)
    try:
        await skill.run(seed, ctx, recording.dials)
    except (Rejected, Unanswerable):
        return []
    finally:
        journal.close()
    return [
        Finished(record, path, teacher, recording.run_seed)
        for record, verdict in ctx.records
        if verdict.by != UNVERIFIED
    ]


async def _count_wrong(
    skill: Skill, kind: str, changed: Finished, found: SeedIndex | None, measured: Measured
) -> None:
    reason = await _reason(skill, changed, found)
    if reason is None:
        measured.undecided += 1
        return
    measured.wrong[kind] += 1
    if not reason:
        measured.accepted[kind] += 1
        measured.slips.append(("accepted", kind, changed.record))


async def _count_right(
    skill: Skill, kind: str, changed: Finished, found: SeedIndex | None, measured: Measured
) -> None:
    reason = await _reason(skill, changed, found)
    if reason is None:
        measured.undecided += 1
        return
    measured.right += 1
    if reason:
        measured.turned_down[f"{kind}: {reason}"] += 1
        measured.slips.append((reason, kind, changed.record))


async def _reason(skill: Skill, changed: Finished, found: SeedIndex | None) -> str | None:
    """Why a record is turned down; empty where it is accepted, None where somebody would have to be asked."""
    record, journal = changed.record, Journal(changed.journal)
    ctx = Keeping(
        skill,
        record.seed,
        _item(skill, record.seed),
        0,
        changed.run_seed,
        changed.teacher,
        journal,
        Tally(),
        found,
    )
    try:
        verdict = await skill.verdict(record, ctx)
    except Rejected as rejected:
        return rejected.reason
    except Unanswerable:
        return None
    finally:
        journal.close()
    return "" if verdict.by != UNVERIFIED else None


def _item(skill: Skill, seed: Seed) -> ItemName:
    return ItemName(item_id(skill.name, seed.id), skill.name, seed.id)


# --- wrong in one place ---


def corrupted(entry: Entry, record: Record, others: Sequence[Record]) -> Changed:
    """The record with a wrong answer, in each way that fits it."""
    draw = Random(record.id)
    if record.turns:
        yield from _wrong_calls(record, draw)
        yield from _wrong_actions(record, draw)
    yield from _some(_wrong_answers(entry, record, others, draw), draw)
    yield from _some(_broken_objects(record, others, draw), draw)
    yield from _mutated_code(record)
    yield from _broken_constraints(record, draw)
    if entry.match == "exact" and stated(record, entry) == record.fields["response"]:
        yield from _some(_wrong_words(record, draw), draw)


def _some(changed: Changed, draw: Random) -> Changed:
    """At most MOST_OF_A_KIND of each kind."""
    every = list(changed)
    draw.shuffle(every)
    seen: Counter[str] = Counter()
    for kind, record in every:
        seen[kind] += 1
        if seen[kind] <= MOST_OF_A_KIND:
            yield kind, record


def _wrong_answers(entry: Entry, record: Record, others: Sequence[Record], draw: Random) -> Changed:
    """Another number, letter or label, or words from somewhere else, where the reply states its answer."""
    answer = stated(record, entry) if entry.match != "judge" else None
    if not answer:
        return
    if (value := number(answer)) is not None:
        estimate = record.skill == "fermi"  # right is what is near
        for other in (
            (value * 50, value / 50) if estimate else {value + 1, value - 1, value * 10, value * 2 + 3}
        ):
            yield "number", _answering(record, answer, f"{float(other):.10g}")
        return
    if re.fullmatch(r"\(?[A-E]\)?", answer):
        for letter in sorted(set("ABCDE") - set(answer)):
            yield "letter", _answering(record, answer, letter)
        return
    labels = label_set(record.fields.get("labels", "")) or {}
    for label in labels:
        if plain_text(label) not in plain_text(answer):
            yield "label", _answering(record, answer, label)
            yield "one label too many", _answering(record, answer, f"{answer}, {label}")
    if labels:
        yield from _wrong_quotations(record, others, draw)
        return
    for other in draw.sample(others, min(4, len(others))):
        span = _span(other, len(answer.split()), draw)
        if plain_text(span) != plain_text(answer):
            yield "span from another passage", _answering(record, answer, span)


def _wrong_quotations(record: Record, others: Sequence[Record], draw: Random) -> Changed:
    """The deciding words of a reply, quoted from another passage."""
    reply, text = record.fields["response"], record.fields["text"]
    for quotation in re.findall(r'"([^"\n]+)"', reply) if record.fields.get("form") != "json" else ():
        other = _span(draw.choice(others), SHORTEST_CITED + 1, draw) if others else ""
        if other not in text and not re.search('["“”…]', other):
            yield "quotation from another passage", _replying(record, reply.replace(quotation, other))


def _span(other: Record, count: int, draw: Random) -> str:
    """So many words of another record's document, six at most."""
    words = other.seed.text.split()
    at = draw.randrange(max(1, len(words) - 8))
    return " ".join(words[at : at + min(6, count)])


def _answering(record: Record, answer: str, other: str) -> Record:
    """The record with another answer where its reply states one: at the last place where it stands."""
    reply = record.fields["response"]
    is_json = record.fields.get("form") == "json"
    at = reply.find(answer, reply.find('"answer"') + 8) if is_json else reply.rfind(answer)
    changed = (
        f"{reply[:at]}{other}{reply[at + len(answer) :]}" if at >= 0 else f"{reply}\nThe answer is {other}."
    )
    return _replying(record, changed)


def _replying(record: Record, reply: str) -> Record:
    """The record with another last reply."""
    if record.turns:
        record = replace(record, turns=(*record.turns[:-1], replace(record.turns[-1], content=reply)))
    return record.with_fields({"response": reply})


def _broken_objects(record: Record, others: Sequence[Record], draw: Random) -> Changed:
    """A reply in JSON, or whose list of items is, with one place of it wrong."""
    reply = record.fields["response"]
    if not (found := re.search(r"(\[.*\]|\{.*\})", reply, re.DOTALL)):
        return
    try:
        value = json.loads(found[1])
    except ValueError:
        return
    if "schema" in record.fields and isinstance(value, dict) and isinstance(value.get(KEY), list):
        ways = ((kind, {KEY: items}) for kind, items in _broken_lists(value[KEY], others, draw))
    elif isinstance(value, dict) and "answer" in value:
        ways = _broken_items(value, ["answer"])
    else:
        return
    for kind, other in ways:
        yield kind, _replying(record, reply.replace(found[1], json.dumps(other, ensure_ascii=False)))


def _broken_items(item: dict[str, Any], keys: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The item without one of the keys, or with a value that nobody asked for."""
    for key in keys:
        yield "dropped key", {name: value for name, value in item.items() if name != key}
        yield "changed value", item | {key: "nothing of the kind" if isinstance(item[key], str) else 4711}


def _broken_lists(
    items: list[dict[str, Any]], others: Sequence[Record], draw: Random
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The list with one item fewer, twice or wrong, or with a value that belongs to another item or passage."""

    def with_item(place: int, item: dict[str, Any]) -> list[dict[str, Any]]:
        return [*items[:place], item, *items[place + 1 :]]

    for place, item in enumerate(items):
        yield "dropped item", items[:place] + items[place + 1 :]
        yield "doubled item", [*items, item]
        for kind, other in _broken_items(item, item):
            yield kind, with_item(place, other)
        for key, value in item.items():
            if isinstance(value, str) and others:
                span = _span(draw.choice(others), len(value.split()) or 1, draw)
                if plain_text(span) != plain_text(value):
                    yield "value from another passage", with_item(place, item | {key: span})
            swapped = with_item(place, item | {key: items[place - 1][key]})
            swapped[place - 1] = items[place - 1] | {key: value}
            if any(each not in items for each in swapped):
                yield "swapped values", swapped


def _mutated_code(record: Record) -> Changed:
    """The code of a reply with a mistake."""
    if "solution" not in record.fields:  # nothing but its text is judged
        return
    if program := code_of(record.fields["response"], record.fields["function"]):
        for mutant in mutants(program):
            yield "mutated code", _replying(record, f"```python\n{mutant.program}\n```")


def _broken_constraints(record: Record, draw: Random) -> Changed:
    """A free text that breaks one of the constraints that its author wrote down, or has a run of words of the passage."""
    if "checks" not in record.fields or NONE in record.fields["checks"]:
        return
    reply = record.fields["response"]
    for check in constraints.parse(record.fields["checks"]):
        if check.name in ("lacks", "lacks_words"):
            for word in check.argument.split(", "):
                yield "forbidden word", _replying(record, _with(reply, word, draw))
        elif check.name in ("max_words", "max_characters", "max_words_per_line", "max_words_per_sentence"):
            yield "too long", _replying(record, f"{reply} {' and then again' * 90}")
        elif check.name in ("paragraphs", "lines", "bullets", "lines_per_stanza", "speeches"):
            yield "one more", _replying(record, f"{reply}\n\n- SHE: And so it went, in the end.")
        elif check.name == "ends_with":
            yield "another end", _replying(record, f"{reply} That is all.")
    if record.skill == "creative_content":
        words = record.fields["passage"].split()
        for _ in range(3 * MOST_OF_A_KIND):
            at = draw.randrange(max(1, len(words) - 14))
            yield "copied run", _replying(record, _with(reply, " ".join(words[at : at + 14]), draw))


def _with(text: str, words: str, draw: Random) -> str:
    """The text with these words after one of its own."""
    parts = re.split(r"(?<=\w)(?= )", text)
    at = draw.randrange(1, max(2, len(parts)))
    return "".join([*parts[:at], f" {words}", *parts[at:]])


def _wrong_words(record: Record, draw: Random) -> Changed:
    """An edited text in which a word is missing, doubled, or has another case."""
    words = record.fields["response"].split(" ")
    for at in draw.sample(range(len(words)), min(6, len(words))):
        for other in ("", f"{words[at]} {words[at]}", words[at].swapcase()):
            if other != words[at]:
                yield "word", _replying(record, " ".join([*words[:at], other, *words[at + 1 :]]))


def _wrong_calls(record: Record, draw: Random) -> Changed:
    """A conversation with tools in which one call differs."""
    for at, turn in enumerate(record.turns):
        if turn.role != "assistant":
            continue
        try:
            action = actions.read_turn(turn.content)
        except actions.Malformed:
            return  # it is no conversation with tools
        for kind, other in _other_actions(action, draw):
            changed = replace(turn, content=actions.write_turn("", other).strip())
            yield kind, replace(record, turns=(*record.turns[:at], changed, *record.turns[at + 1 :]))


def _other_actions(action: Any, draw: Random) -> Iterator[tuple[str, Any]]:
    if isinstance(action, actions.End):
        words = re.sub(r"\d+", lambda found: str(int(found[0]) + 1), action.text)
        if words != action.text:
            yield "number in the final answer", replace(action, text=words)
        other = "MISSING_VALUE" if action.outcome != "MISSING_VALUE" else "NO_SUITABLE_API"
        yield "outcome", replace(action, outcome=other)
    elif isinstance(action, actions.Call):
        yield "invented API", replace(action, name=f"{action.name}_now")
        yield "superfluous argument", replace(action, arguments={**action.arguments, "verbose": True})
        names = list(action.arguments)
        for name in names:
            given = action.arguments[name]
            other = (
                f"{given}s" if isinstance(given, str) else given + 1 if type(given) in (int, float) else None
            )
            yield "no argument", replace(action, arguments={**action.arguments, name: None})
            yield "changed argument", replace(action, arguments={**action.arguments, name: other})
            yield (
                "dropped argument",
                replace(action, arguments={key: action.arguments[key] for key in names if key != name}),
            )
        if len(names) > 1:
            first, second = draw.sample(names, 2)
            swapped = {first: action.arguments[second], second: action.arguments[first]}
            yield "swapped arguments", replace(action, arguments={**action.arguments, **swapped})


def _wrong_actions(record: Record, draw: Random) -> Changed:
    """A visit of a site in which one action is left out, or is done to another element."""
    for at, turn in enumerate(record.turns):
        action = fenced_action(turn.content) if turn.role == "assistant" else ""
        if not action:
            continue
        other = re.sub(r"\d+", lambda found: str(int(found[0]) + 1), action, count=1)
        if other != action:
            changed = replace(turn, content=turn.content.replace(action, other))
            yield (
                "another element or value",
                replace(record, turns=(*record.turns[:at], changed, *record.turns[at + 1 :])),
            )
        nowhere = replace(turn, content=turn.content.replace(action, "goto nowhere"))
        yield "another action", replace(record, turns=(*record.turns[:at], nowhere, *record.turns[at + 1 :]))
        yield "action left out", replace(record, turns=(*record.turns[:at], *record.turns[at + 1 :]))


# --- the same answer, said otherwise ---


def unharmed(entry: Entry, record: Record) -> Changed:
    """The record itself, and with changes of its reply that leave its answer as it is."""
    yield "as it is", record
    if record.turns or record.fields.get("form", FREE) != FREE or entry.match in ("exact", "judge"):
        return
    reply, answer = record.fields["response"], stated(record, entry)
    yield "space at the end", _replying(record, f"{reply}  \n")
    if answer and f"The answer is {answer}" in reply:
        yield "bold", _replying(record, _last(reply, answer, f"**{answer}**"))
        yield (
            "after a colon",
            _replying(record, reply.replace(f"The answer is {answer}", f"The answer is: {answer}")),
        )
        if entry.match == "text" and len(answer) > 1:
            yield "another case", _replying(record, _last(reply, answer, answer.upper()))
        if entry.match == "number" and (value := number(answer)) is not None and value.denominator == 1:
            yield "thousands", _replying(record, _last(reply, answer, f"{int(value):,}"))


def _last(text: str, old: str, new: str) -> str:
    at = text.rfind(old)
    return f"{text[:at]}{new}{text[at + len(old) :]}"


def of_skills(names: Iterable[str], folder: Path, passages: int = PASSAGES) -> dict[str, Measured]:
    """All skills, one after the other."""

    async def every() -> dict[str, Measured]:
        return {name: await measure(name, folder, passages) for name in names}

    return asyncio.run(every())
