"""A conversation with APIs against what the author of its task says: the calls, how it ends, and what it reports."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from ..flow import Context, Entry
from ..formats import FORMS, FREE
from ..record import Record, Verdict
from ..tools.actions import SOLVED, Action, Call, End, Question, read_turn
from ..tools.answers import numbers
from ..tools.mock_api import Answer, MockApi
from ..tools.schema import by_value
from ..tools.solution import Solution, says

COUNTED = 12  # whole numbers up to this may count things, or the lines of a list


async def called(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The calls are those of the author's solution, and come to the same answers when both are made anew.

    Order counts where the author says so, and where it changes an answer.
    """
    service, solution = _service(record), Solution.read(record.fields)
    made = [action for action in actions(record) if isinstance(action, Call)]
    for call in made:
        if refusal := service.refusal(call):
            return _no(refusal.reason, refusal.message)
    if fault := _difference(service, made, solution.calls):
        return fault
    wanted, given = await service.answer(solution.calls, ctx.use), await service.answer(made, ctx.use)
    return _misordered(service, solution, wanted, made, given) or (
        Verdict(True, "expected_calls") if made else None
    )


async def ended(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """It asks the user where something is missing and else not, and ends as the author says: solved, or failed and why."""
    solution, said = Solution.read(record.fields), actions(record)
    asked, end = any(isinstance(action, Question) for action in said), _end(record)
    if solution.hidden and not asked:
        return _ends_wrongly("did_not_ask", f"the user was to be asked for {', '.join(solution.hidden)}")
    if asked and not solution.may_ask:
        return _ends_wrongly("needless_question", "the user had said everything")
    if end.outcome == solution.outcome:
        return None if end.outcome == SOLVED else Verdict(True, "expected_failure")
    reason = (
        "did_not_fail"
        if end.outcome == SOLVED
        else "failed_needlessly"
        if solution.outcome == SOLVED
        else "wrong_failure"
    )
    return _ends_wrongly(reason, f"{end.outcome} instead of {solution.outcome}")


async def reported(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The end names the values that the service gave and the author marked, and no number that nobody had said."""
    must_say, end = Solution.read(record.fields).must_say, _end(record)
    if made_up := _made_up(record, end):
        return Verdict(False, "reported_values", "number_made_up", f"nobody had said {made_up}")
    if missing := [value for value in must_say if not says(end.text, value)]:
        return Verdict(False, "reported_values", "value_not_reported", f"the end does not say {missing[0]!r}")
    return Verdict(True, "reported_values") if must_say else None


async def ended_in_form(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """Turns down a final answer that has not the form that was asked for."""
    wanted, end = FORMS[record.fields.get("form", FREE)], _end(record)
    if end.outcome != SOLVED or wanted.keeps(end.text):
        return None
    return Verdict(False, "checked_form", "form_not_kept", f"the final answer is not {wanted.demand}")


def actions(record: Record) -> list[Action]:
    """What the assistant does, turn by turn. Raises actions.Malformed for a turn that does nothing."""
    return [read_turn(turn.content) for turn in record.turns if turn.role == "assistant"]


def _made_up(record: Record, end: End) -> str | None:
    """The first number of the end that neither the user nor the service had said."""
    said = "\n".join(turn.content for turn in record.turns if turn.role == "user")
    told = {abs(found.value) for found in numbers(said)}  # a dash before a number is not always its sign
    for value, start, stop in numbers(end.text):
        if abs(value) not in told and not (value.denominator == 1 and abs(value) <= COUNTED):
            return end.text[start:stop].strip()
    return None


def _service(record: Record) -> MockApi:
    return MockApi.read(record.fields["apis"], record.fields["implementation"])


def _end(record: Record) -> End:
    end = actions(record)[-1]
    assert isinstance(end, End), "a finished conversation ends with STOP"
    return end


def _difference(service: MockApi, made: Sequence[Call], wanted: Sequence[Call]) -> Verdict | None:
    """How two lists of valid calls differ, whatever their order."""
    extra, lacking = _less(service, made, wanted), _less(service, wanted, made)
    same_api = [call for call in extra if call.name in {other.name for other in lacking}]
    if same_api:
        instead = next(other for other in lacking if other.name == same_api[0].name)
        return _no("wrong_arguments", f"{same_api[0]} instead of {instead}")
    if extra and lacking:
        return _no("wrong_api", f"{extra[0]} instead of {lacking[0]}")
    if lacking:
        return _no("missing_call", f"{lacking[0]} was not made")
    return _no("needless_call", f"{extra[0]} was not needed") if extra else None


def _less(service: MockApi, calls: Sequence[Call], others: Sequence[Call]) -> list[Call]:
    """The calls without those that the others have, each as often as it stands there."""
    left = Counter(_key(service, call) for call in others)
    found = []
    for call in calls:
        key = _key(service, call)
        if left[key]:
            left[key] -= 1
        else:
            found.append(call)
    return found


def _misordered(
    service: MockApi,
    solution: Solution,
    wanted: Sequence[Answer],
    made: Sequence[Call],
    given: Sequence[Answer],
) -> Verdict | None:
    """Whether the same calls stand in an order that is wrong: by what the author says, or by their answers."""
    places = defaultdict(list)
    for place, call in enumerate(made):
        places[_key(service, call)].append(place)
    taken = [places[_key(service, call)].pop(0) for call in solution.calls]
    for before, after in solution.order():
        if taken[before] > taken[after]:
            return _no("wrong_order", f"{made[taken[after]]} came before {made[taken[before]]}")
    for place, call, answer in zip(taken, solution.calls, wanted, strict=True):
        if by_value(given[place]) != by_value(answer):
            reason = (
                "wrong_order" if made[place] == call else "wrong_arguments"
            )  # case can matter to a service
            return _no(reason, f"{made[place]} is answered otherwise than {call} of the author")
    return None


def _key(service: MockApi, call: Call) -> str:
    """One spelling for calls that mean the same: a default that is passed is no difference."""
    api = service.api(call.name)
    assert api is not None, "the call is valid"
    return by_value([call.name, api.settled(call.arguments)])


def _no(reason: str, detail: str) -> Verdict:
    return Verdict(False, "expected_calls", reason, detail)


def _ends_wrongly(reason: str, detail: str) -> Verdict:
    return Verdict(False, "expected_end", reason, detail)
