"""A web site small enough to be written as JSON: pages of elements, and what each does when it is used.

A visit shows one page as an accessibility tree and executes one action at a time. What a site does is data (conditions
on values, values to set, a page to go to, a notice to show); nothing in it is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, ValidationError, model_validator

from ...config import Strict
from .answers import plain_text

VIEW = 24  # elements that a page shows at once; `scroll` moves half as far
LONGEST_SITE = 40_000  # characters of JSON
LONGEST_ACTION = 4_000
Text = Annotated[str, Field(max_length=400)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Number = Annotated[int, Field(ge=1, le=999)]
Values = Annotated[dict[Number, Text | list[Text]], Field(max_length=8)]
ON, OFF, ANY = "on", "off", "*"


class BadSite(ValueError):
    """The text is no site; the message says what to change."""


class Effect(Strict):
    """What happens where all values are as `when` says: first `set`, then `show`, then `goto`."""

    when: Values = {}
    set: Annotated[dict[Number, Text], Field(max_length=12)] = {}
    show: Text = ""
    goto: Name | None = None


class Element(Strict):
    """A node of the tree. It is there while the values are as `visible` says; a hidden one only holds a value."""

    id: Number
    role: Literal["heading", "text", "row", "link", "button", "textbox", "combobox", "checkbox", "hidden"]
    name: Text
    value: Text = ""
    options: Annotated[tuple[Text, ...], Field(max_length=20)] = ()
    visible: Values = {}
    effects: Annotated[tuple[Effect, ...], Field(max_length=12)] = ()

    @model_validator(mode="after")
    def _possible(self) -> Element:
        if not self.holds(self.value):
            raise ValueError(f"{self.role} {self.id} cannot have the value {self.value!r}")
        if self.effects and self.role not in ("link", "button", "combobox", "checkbox"):
            raise ValueError(f"{self.role} {self.id} cannot be used, so it can have no effects")
        if self.role == "link" and not self.effects:
            raise ValueError(f"link {self.id} leads nowhere")
        return self

    def holds(self, value: str) -> bool:
        """Whether it can have this value: one of a combobox's options, "on" or "off" of a checkbox."""
        return value in {"combobox": self.options, "checkbox": (ON, OFF)}.get(self.role, (value,))


class Page(Strict):
    """One address of the site."""

    id: Name
    title: Text
    elements: Annotated[tuple[Element, ...], Field(min_length=1, max_length=60)]


class Site(Strict):
    """The pages, of which the first is where a visit begins."""

    pages: Annotated[tuple[Page, ...], Field(min_length=2, max_length=12)]

    @classmethod
    def read(cls, text: str) -> Site:
        """The site that a JSON text describes. Raises BadSite."""
        if len(text) > LONGEST_SITE:
            raise BadSite(f"{len(text)} characters; at most {LONGEST_SITE} are allowed")
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise BadSite(f"{where or 'the site'}: {first['msg']}") from error

    @model_validator(mode="after")
    def _whole(self) -> Site:
        ids = [element.id for element in self.elements()]
        if twice := {id for id in ids if ids.count(id) > 1}:
            raise ValueError(f"several elements have the id {min(twice)}")
        known = {page.id for page in self.pages}
        if len(known) != len(self.pages):
            raise ValueError("several pages have the same id")
        for element in self.elements():
            _check_references(element, {element.id: element for element in self.elements()}, known)
        if unreached := known - self._reached():
            raise ValueError(f"no link or button leads to the page {min(unreached)}")
        return self

    def elements(self) -> Iterator[Element]:
        """Those of all pages."""
        for page in self.pages:
            yield from page.elements

    def page(self, name: str) -> Page:
        """The page of that id."""
        return next(page for page in self.pages if page.id == name)

    def _reached(self) -> set[str]:
        reached, ahead = set[str](), [self.pages[0].id]
        while ahead:
            if (name := ahead.pop()) in reached:
                continue
            reached.add(name)
            ahead += [e.goto for element in self.page(name).elements for e in element.effects if e.goto]
        return reached


def _check_references(element: Element, known: dict[int, Element], pages: set[str]) -> None:
    for effect in element.effects:
        if effect.goto is not None and effect.goto not in pages:
            raise ValueError(f"element {element.id} leads to {effect.goto!r}, and there is no such page")
    mentioned = {*element.visible, *(id for effect in element.effects for id in (*effect.when, *effect.set))}
    if unknown := mentioned - known.keys():
        raise ValueError(f"element {element.id} speaks of {min(unknown)}, and there is no such element")
    for id, value in ((id, value) for effect in element.effects for id, value in effect.set.items()):
        if not known[id].holds(value):
            raise ValueError(f"element {element.id} sets {id}, a {known[id].role}, to {value!r}")


class Action(NamedTuple):
    """One step of a visit: what is done, to which element or page, and with which text."""

    verb: str
    target: str = ""
    text: str = ""

    def __str__(self) -> str:
        target = f"[{self.target}]" if self.target.isdigit() else self.target
        return " ".join(filter(None, (self.verb, target, self.text)))


_ACTIONS = {
    "click": r"\[?(?P<target>\d{1,3})\]?",
    "type": r"\[?(?P<target>\d{1,3})\]?(?:\s+(?P<text>.*))?",
    "select": r"\[?(?P<target>\d{1,3})\]?\s+(?P<text>.+)",
    "scroll": r"(?P<target>up|down)",
    "goto": r"/?(?P<target>[a-z][a-z0-9_-]*)",
    "back": r"",
    "ask": r"(?P<text>.+)",
    "answer": r"(?P<text>.+)",
    "stop": r"(?P<text>.+)",
}
HOW_TO_ACT = """\
click [12]          use a link or a button, or turn a checkbox on or off
type [12] words     put words in place of what is in a textbox
select [12] option  choose one of the options of a combobox
scroll down         see more of a long page (or: scroll up)
goto page-id        go to a page that you have been on
back                go back to the page before
ask words           ask the person for something that only they can say
answer words        end the task: tell the person what they wanted to know, or what you have done
stop words          end the task because it cannot be done here: say why"""


NO_REPLY = "I have nothing to add; do as the task says."


def read_action(line: str) -> Action | None:
    """The action that a text writes, whatever brackets and quotation marks it uses; None where it writes none."""
    written = re.match(r"\s*(\w+):?\s*(.*)", line[:LONGEST_ACTION], re.DOTALL)
    verb = written[1].casefold() if written else ""
    if not written or verb not in _ACTIONS:
        return None
    if not (found := re.fullmatch(_ACTIONS[verb], written[2].strip(), re.DOTALL)):
        return None
    parts = found.groupdict()
    text = (parts.get("text") or "").strip()
    if re.fullmatch(r'"[^"]*"', text):
        text = text[1:-1]
    return Action(verb, parts.get("target") or "", text)


class Visit:
    """Somebody on a site: where they are, what the elements hold, and what has been seen.

    `reply` is what the person says when asked; "none" stands for nothing of use. An impossible action changes nothing
    but `slips`.
    """

    def __init__(self, site: Site, reply: str = "") -> None:
        self.site = site
        self.reply = NO_REPLY if reply.strip().casefold() in ("", "none") else reply
        self.values = {element.id: element.value for element in site.elements()}
        self.trail = [site.pages[0].id]
        self.visited, self.seen = {self.trail[0]}, set[int]()
        self.top = self.steps = self.slips = 0
        self.notice = self.said = self.ended = ""
        self.asked = False
        self.look()

    @property
    def page(self) -> Page:
        return self.site.page(self.trail[-1])

    def look(self) -> str:
        """The part of the page that is in view, an element a line."""
        there = [element for element in self.page.elements if self._is_there(element)]
        self.top = min(self.top, max(0, len(there) - VIEW))
        shown = there[self.top : self.top + VIEW]
        self.seen |= {element.id for element in shown}
        above, below = self.top, max(0, len(there) - self.top - VIEW)
        lines = [
            self.notice,
            f"Page: {self.page.title} ({self.page.id})",
            f"({above} more above)" if above else "",
            *map(self._line, shown),
            f"({below} more below)" if below else "",
        ]
        return "\n".join(filter(None, lines))

    def do(self, action: Action | None) -> None:
        """Carry out one action; None stands for a text that writes none."""
        self.steps += 1
        self.notice = ""
        if action is None:
            return self._slip("that is no action")
        getattr(self, f"_{action.verb}")(action)
        self.look()
        return None

    def _line(self, element: Element) -> str:
        value = self.values[element.id]
        text = element.name.replace("\n", " ")
        if element.role in ("heading", "text", "row"):
            return f"[{element.id}] {element.role} '{text}'" + (f": {value}" if value else "")
        options = f" (options: {' | '.join(element.options)})" if element.options else ""
        state = f" = '{value}'" if element.role in ("textbox", "combobox", "checkbox") else ""
        return f"[{element.id}] {element.role} '{text}'{state}{options}"

    def _is_there(self, element: Element) -> bool:
        return element.role != "hidden" and self.has(element.visible)

    def has(self, values: Mapping[int, str | list[str]]) -> bool:
        """Whether every element holds what is said: the text, one of several, or "*" for any that is not empty."""
        return all(_fits(self.values[id], wanted) for id, wanted in values.items())

    def _slip(self, why: str) -> None:
        self.slips += 1
        self.notice = f"Error: {why}."

    def _find(self, action: Action, *roles: str) -> Element | None:
        """The element that an action means, where it is on the page and in one of these roles."""
        for element in self.page.elements:
            if str(element.id) == action.target and self._is_there(element):
                if element.role in roles:
                    return element
                self._slip(f"you cannot {action.verb} [{element.id}], a {element.role}")
                return None
        self._slip(f"there is no element [{action.target}] on this page")
        return None

    def _use(self, element: Element) -> None:
        for effect in element.effects:
            if self.has(effect.when):
                self.values |= effect.set
                self.notice = effect.show
                if effect.goto is not None:
                    self._enter(effect.goto)
                return
        if element.role == "button":
            self.notice = "Nothing happens."

    def _enter(self, page: str) -> None:
        self.trail.append(page)
        self.visited.add(page)
        self.top = 0

    def _click(self, action: Action) -> None:
        if element := self._find(action, "link", "button", "checkbox"):
            if element.role == "checkbox":
                self.values[element.id] = OFF if self.values[element.id] == ON else ON
            self._use(element)

    def _type(self, action: Action) -> None:
        if element := self._find(action, "textbox"):
            self.values[element.id] = action.text

    def _select(self, action: Action) -> None:
        if element := self._find(action, "combobox"):
            for option in element.options:
                if _fits(option, action.text):
                    self.values[element.id] = option
                    return self._use(element)
            self._slip(f"[{element.id}] has no option '{action.text[:80]}'")
        return None

    def _scroll(self, action: Action) -> None:
        there = sum(map(self._is_there, self.page.elements))
        lowest = max(0, there - VIEW)
        top = min(lowest, max(0, self.top + (VIEW // 2 if action.target == "down" else -VIEW // 2)))
        if top == self.top:
            return self._slip(f"the page goes no further {action.target}")
        self.top = top
        return None

    def _goto(self, action: Action) -> None:
        if action.target not in self.visited:
            return self._slip(f"you have not been on a page {action.target}")
        return self._enter(action.target)

    def _back(self, action: Action) -> None:
        if len(self.trail) == 1:
            return self._slip("there is no page before this one")
        self.trail.pop()
        self.top = 0
        return None

    def _ask(self, action: Action) -> None:
        self.asked = True
        self.notice = f"The person says: {self.reply}"

    def _end(self, action: Action) -> None:
        self.ended, self.said = action.verb, action.text

    _answer = _stop = _end


def _fits(value: str, wanted: str | list[str]) -> bool:
    if isinstance(wanted, list):
        return any(_fits(value, one) for one in wanted)
    return bool(value.strip()) if wanted == ANY else plain_text(value) == plain_text(wanted)
