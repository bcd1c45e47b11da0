"""A web site that is data is executed as it says, answers impossible actions with errors, and decides whether a task is done."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from genteach.generate.agent import Agent
from genteach.generate.flow import Rejected
from genteach.generate.record import Record
from genteach.generate.reply import Unreadable
from genteach.generate.seeds import Seed, seed_id
from genteach.generate.skills import load
from genteach.generate.tools.page import NO_REPLY, VIEW, BadSite, Site, Visit, read_action
from genteach.generate.verifiers import formatted, path_problem, reached, told
from genteach.generate.verifiers.page import MOST_SLIPS, BadGoal, fenced_action, read_goal

HOME = [
    {"id": 1, "role": "textbox", "name": "Name"},
    {"id": 2, "role": "combobox", "name": "Size", "value": "small", "options": ["small", "large"]},
    {"id": 3, "role": "checkbox", "name": "Gift", "value": "off"},
    {
        "id": 4,
        "role": "button",
        "name": "Order",
        "effects": [
            {"when": {"1": ""}, "show": "Please give a name."},
            {"when": {"2": "large", "3": "on"}, "show": "Large ones are no gifts."},
            {"set": {"9": "ordered", "11": "3 June"}, "goto": "done"},
        ],
    },
    {"id": 5, "role": "text", "name": "Large ones cost 9 euros.", "visible": {"2": "large"}},
    {"id": 6, "role": "link", "name": "Help", "effects": [{"goto": "help"}]},
    {"id": 9, "role": "hidden", "name": "state of the order"},
]
DONE = [
    {"id": 11, "role": "text", "name": "Arrives"},
    {"id": 12, "role": "link", "name": "Home", "effects": [{"goto": "home"}]},
]
HELP = [{"id": n, "role": "text", "name": f"Line {n}"} for n in range(100, 100 + 2 * VIEW)]


def shop(**changed: Any) -> str:
    pages = {"home": HOME, "done": DONE, "help": HELP} | changed
    listed = [{"id": name, "title": name.title(), "elements": elements} for name, elements in pages.items()]
    return json.dumps({"pages": listed})


def visited(*lines: str, reply: str = "none") -> Visit:
    visit = Visit(Site.read(shop()), reply)
    for line in lines:
        visit.do(read_action(line))
    return visit


def test_a_page_is_shown_with_roles_values_and_options_and_nothing_that_is_hidden() -> None:
    shown = visited().look().splitlines()
    assert shown[0] == "Page: Home (home)"
    assert "[1] textbox 'Name' = ''" in shown
    assert "[2] combobox 'Size' = 'small' (options: small | large)" in shown
    assert not any("[5]" in line or "[9]" in line for line in shown)
    assert "[5] text 'Large ones cost 9 euros.'" in visited("select [2] large").look().splitlines()


def test_the_first_effect_whose_condition_holds_happens() -> None:
    assert visited("click [4]").notice == "Please give a name."
    refused = visited("type [1] Ann", "select [2] large", "click [3]", "click [4]")
    assert refused.notice == "Large ones are no gifts." and refused.page.id == "home"
    ordered = visited("type [1] Ann", "click [4]")
    assert ordered.page.id == "done" and ordered.values[9] == "ordered"
    assert "[11] text 'Arrives': 3 June" in ordered.look()


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (["click [99]"], "there is no element [99] on this page"),
        (["click [5]"], "there is no element [5] on this page"),
        (["click [9]"], "there is no element [9] on this page"),
        (["click [1]"], "you cannot click [1], a textbox"),
        (["type [6] x"], "you cannot type [6], a link"),
        (["select [2] huge"], "[2] has no option 'huge'"),
        (["goto done"], "you have not been on a page done"),
        (["goto nowhere"], "you have not been on a page nowhere"),
        (["back"], "there is no page before this one"),
        (["scroll down"], "the page goes no further down"),
        (["dance"], "that is no action"),
        (["click"], "that is no action"),
    ],
)
def test_an_impossible_action_is_an_error_and_changes_nothing(lines: list[str], error: str) -> None:
    visit, untouched = visited(*lines), visited()
    assert visit.notice == f"Error: {error}." and visit.slips == 1
    assert (visit.values, visit.trail, visit.ended) == (untouched.values, untouched.trail, "")


def test_a_long_page_is_seen_by_scrolling_and_only_what_was_in_view_counts_as_seen() -> None:
    visit = visited("click [6]")
    last = HELP[-1]["id"]
    assert f"({VIEW} more below)" in visit.look() and last not in visit.seen
    visit.do(read_action("scroll down"))
    visit.do(read_action("scroll down"))
    assert last in visit.seen and f"({VIEW} more above)" in visit.look() and not visit.slips
    visit.do(read_action("back"))
    assert visit.page.id == "home"
    visit.do(read_action("goto help"))
    assert visit.page.id == "help" and not visit.slips


def test_the_person_answers_what_they_are_given_to_answer() -> None:
    assert visited("ask Which size?", reply="The large one.").notice == "The person says: The large one."
    assert visited("ask Which size?").notice == f"The person says: {NO_REPLY}"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("click [12]", "click [12]"),
        ("Click 12", "click [12]"),
        ('type [3] "lava"', "type [3] lava"),
        ("type [3]", "type [3]"),
        ("select 4 per year", "select [4] per year"),
        ("goto /results", "goto results"),
        ('answer: {"a": "b"}', 'answer {"a": "b"}'),
        ("answer - one\n- two", "answer - one\n- two"),
        ("stop", None),
        ("click [12] click [13]", None),
        ("scroll sideways", None),
        ("import os", None),
        ("", None),
    ],
)
def test_an_action_is_read_whatever_brackets_it_uses_and_nothing_else_is(
    written: str, meant: str | None
) -> None:
    action = read_action(written)
    assert (action and str(action)) == meant


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"home": [*HOME, {"id": 1, "role": "text", "name": "again"}]}, "several elements have the id 1"),
        (
            {"home": [*HOME, {"id": 20, "role": "link", "name": "x", "effects": [{"goto": "away"}]}]},
            "no such page",
        ),
        ({"home": [*HOME, {"id": 20, "role": "text", "name": "x", "visible": {"77": "y"}}]}, "speaks of 77"),
        (
            {"home": [*HOME, {"id": 20, "role": "link", "name": "x", "effects": [{"set": {"2": "huge"}}]}]},
            "sets 2",
        ),
        ({"home": [*HOME, {"id": 20, "role": "image", "name": "x"}]}, "role"),
        ({"home": [*HOME, {"id": 20, "role": "text", "name": "x", "onclick": "y"}]}, "onclick"),
        (
            {"home": [*HOME, {"id": 20, "role": "checkbox", "name": "x", "value": "yes"}]},
            "cannot have the value",
        ),
        ({"orphan": DONE[:1]}, "several elements have the id 11"),
        (
            {"orphan": [{"id": 50, "role": "text", "name": "x"}]},
            "no link or button leads to the page orphan",
        ),
        ({"home": [{"id": 20, "role": "text", "name": "x" * 401}]}, "400"),
    ],
)
def test_a_site_that_cannot_work_is_named_with_its_fault(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadSite, match=complaint):
        Site.read(shop(**changed))


def test_a_maker_of_sites_is_told_what_is_wrong_and_an_actor_what_is_no_action() -> None:
    skill = load("web_agent")
    maker, actor = skill.agent("shop"), skill.agent("act")
    assert maker is not None and actor is not None
    assert maker.read(maker.form.write([{"passage": shop()}]))
    with pytest.raises(Unreadable, match="no link or button leads to"):
        maker.read(maker.form.write([{"passage": shop(orphan=[{"id": 50, "role": "text", "name": "x"}])}]))
    acted = actor.read(actor.form.write([{"seen": "A link.", "action": "click 6"}]))
    assert acted[0]["action"] == "click [6]"
    with pytest.raises(Unreadable, match="not one of the list"):
        actor.read(actor.form.write([{"seen": "A link.", "action": "press the link"}]))


TASK = {
    "task": "Order a large one for Ann.",
    "reply": "none",
    "path": "type [1] Ann\nselect [2] large\nclick [4]\nanswer It arrives on 3 June.",
    "conditions": "value: 1 = Ann\nvalue: 2 = large\nvalue: 9 = ordered\npage: done\nseen: 11\nanswered",
    "answer": "3 June",
}


def task(**changed: str) -> Record:
    text = "any document"
    seed = Seed(seed_id("t", text), text, "text", "t", (0, len(text)), "t", "CC0")
    return Record.begin("web_agent", seed).with_fields({"passage": shop()} | TASK | changed)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({}, None),
        ({"path": "click [4]\nanswer It arrives."}, "does not hold: value: 1 = Ann"),
        ({"path": "click [77]\nanswer It arrives."}, "there is no element"),
        ({"path": "type [1] Ann\nselect [2] large\nclick [4]"}, "the task is ended"),
        ({"path": "answer Done.\nclick [4]"}, "comes after the end"),
        ({"conditions": "answered"}, "the goal demands nothing"),
        ({"conditions": "value: 77 = x"}, "there is no such element"),
        ({"conditions": "page: nowhere"}, "there is no such page"),
        ({"conditions": "the order is made"}, "is no condition"),
    ],
)
def test_a_task_counts_only_where_its_own_way_leads_to_a_goal_that_demands_something(
    changed: dict[str, str], problem: str | None
) -> None:
    found = path_problem(task(**changed))
    assert found is None if problem is None else problem in (found or "")


def acted(*lines: str, **changed: str) -> Record:
    record = task(**changed).saying("system", "You use web sites for people.")
    visit = Visit(Site.read(record.fields["passage"]), record.fields["reply"])
    for line in lines:
        said = f"I see it.\n\n```action\n{line}\n```"
        record = record.saying("user", visit.look()).saying("assistant", said).with_fields({"response": said})
        visit.do(read_action(line))
    return record


def verdict_of(record: Record) -> str:
    verdict = asyncio.run(reached(record, load("web_agent").instruct[0], None))  # type: ignore[arg-type]
    assert verdict is not None
    return verdict.reason or "reached"


WAY = TASK["path"].splitlines()


def test_the_actions_are_executed_again_and_each_changed_one_misses_the_goal() -> None:
    assert verdict_of(acted(*WAY)) == "reached"
    for n in range(len(WAY)):
        assert verdict_of(acted(*WAY[:n], *WAY[n + 1 :])) == "goal_not_reached", WAY[n]
    for wrong in ("type [1] Anne", "type [1]"):
        assert verdict_of(acted(wrong, *WAY[1:])) == "goal_not_reached"
    assert verdict_of(acted(WAY[0], "select [2] small", *WAY[2:])) == "goal_not_reached"
    assert verdict_of(acted(*WAY[:3], "stop It cannot be done.")) == "goal_not_reached"


def test_a_few_impossible_actions_are_forgiven_and_more_are_not() -> None:
    assert verdict_of(acted(*["click [99]"] * MOST_SLIPS, *WAY)) == "reached"
    assert verdict_of(acted(*["click [99]"] * (MOST_SLIPS + 1), *WAY)) == "impossible_actions"


def test_the_form_is_asked_of_what_the_person_is_told() -> None:
    entry = load("web_agent").instruct[0]
    check = told(formatted)
    kept = acted(*WAY[:3], 'answer {"answer": "3 June"}', form="json")
    broken = acted(*WAY, form="json")
    assert asyncio.run(check(kept, entry, None)) is None  # type: ignore[arg-type]
    verdict = asyncio.run(check(broken, entry, None))  # type: ignore[arg-type]
    assert verdict is not None and verdict.reason == "form_not_kept"


def test_an_answer_of_several_lines_with_a_fence_inside_is_one_action() -> None:
    line = 'answer ```json\n{"answer": "3 June"}\n```'
    assert fenced_action(f"Done.\n\n```action\n{line}\n```") == line
    assert fenced_action("click [3]") == ""


def test_a_goal_has_a_bounded_number_of_known_conditions() -> None:
    site = Site.read(shop())
    assert [c.name for c in read_goal("- value: [1] = Ann Lee\nasked", site)] == ["value", "asked"]
    for bad in ("", "asked\n" * 20, "value: 1"):
        with pytest.raises(BadGoal):
            read_goal(bad, site)


def test_of_an_authors_tasks_those_whose_way_fails_are_rejected_and_the_others_go_on() -> None:
    author = load("web_agent").entry("find_a_fact").agent
    right, wrong = TASK, TASK | {"path": "click [77]\nanswer It arrives."}

    class Scripted:
        def __init__(self, *items: dict[str, str]) -> None:
            self.items, self.rejected = items, list[str]()

        async def ask(self, agent: Agent, record: Record) -> list[Record]:
            return [record.with_fields(item) for item in self.items]

        def reject(self, record: Record, step: str, reason: str, detail: str = "") -> None:
            self.rejected.append(detail)

    ctx = Scripted(wrong, right)
    kept = asyncio.run(author(task(), ctx))  # type: ignore[arg-type]
    assert [record.fields["path"] for record in kept] == [TASK["path"]]
    assert ["no element [77]" in detail for detail in ctx.rejected] == [True]
    with pytest.raises(Rejected, match="find_a_fact: path_fails"):
        asyncio.run(author(task(), Scripted(wrong)))  # type: ignore[arg-type]
