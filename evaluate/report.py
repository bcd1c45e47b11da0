"""A comparison as one HTML page: no network, no script, and every text of a model or a data set escaped."""

import base64
import hashlib
from html import escape
from typing import Any

from ..progress import printable
from .compare import CONSTANT, Arm, Comparison, Line, interval, label, number
from .item import Row
from .style import STYLE

MOST_FLIPS, LONGEST_TEXT = 10, 1_500
SYMBOLS = {"better": "▲", "worse": "▼", "cannot tell": "●"}


def page(comparison: Comparison) -> str:
    """The whole document. Its policy allows this one style sheet and nothing else."""
    allowed = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    title = f"{_text(comparison.student)} against {_text(comparison.base)}"
    body = [
        _head(comparison, title),
        _forest(comparison),
        _scores(comparison),
        _flips(comparison),
        _facts(comparison),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _text(text: Any) -> str:
    """Any text as harmless HTML: no markup, no control characters, no bidi overrides."""
    return escape(printable(str(text)))


def _shown(comparison: Comparison) -> list[Line]:
    """The lines that are counted: Orca-Bench skill by skill, the others whole."""
    return [line for line in comparison.lines if line.is_whole != line.benchmark.startswith("orca_bench")]


def _head(comparison: Comparison, title: str) -> str:
    verdicts = [line.against[comparison.base].verdict for line in _shown(comparison)]
    tally = "".join(
        f'<div><b class="{verdict.replace(" ", "-")}">{verdicts.count(verdict)}</b>{SYMBOLS[verdict]} {verdict}</div>'
        for verdict in SYMBOLS
    )
    items = sum(len(line.keys) for line in comparison.lines if line.is_whole)
    left_out = "".join(
        f"<p class='soft'>{_text(task)}: {n} items not measured, left out</p>"
        for task, n in comparison.not_measured.items()
    )
    return (
        f"<h1>{title}</h1><p class='soft'>{items} items, each answered by every model; 95 % intervals</p>{left_out}"
        f"<div class='tally'>{tally}</div>"
    )


def _forest(comparison: Comparison) -> str:
    lines = comparison.lines
    reach = (
        1.05
        * max(
            (abs(end) / _scale(line) for line in lines for end in line.against[comparison.base].interval),
            default=1,
        )
        or 1
    )
    rows = "".join(_forest_row(line, comparison.base, reach) for line in lines)
    return (
        f"<h2>Difference to {_text(comparison.base)}</h2><div class='forest'>{_axis(reach)}{rows}</div>"
        "<p class='soft note'>Percentage points, or points of 0-10 of a judge. The bar is the interval: right of the line "
        f"{_text(comparison.student)} is better, left of it worse; a bar over the line means that these items cannot tell.</p>"
    )


def _scale(line: Line) -> int:
    return 10 if any(score.scale == 10 for score in line.scores.values()) else 1


def _axis(reach: float) -> str:
    marks = "".join(
        f"<text x='{50 + 50 * share}%' y='11' text-anchor='{anchor}'>{text}</text>"
        for share, anchor, text in (
            (-1, "start", f"−{100 * reach:.0f}"),
            (0, "middle", "0"),
            (1, "end", f"+{100 * reach:.0f}"),
        )
    )
    return f"<div class='row axis'><span></span><svg aria-hidden='true'>{marks}</svg><span></span></div>"


def _forest_row(line: Line, base: str, reach: float) -> str:
    difference = line.against[base]
    low, middle, high = (
        50 + 50 * each / _scale(line) / reach
        for each in (difference.interval[0], difference.value, difference.interval[1])
    )
    kind = difference.verdict.replace(" ", "-")
    part = "" if line.is_whole else " class='part'"
    return (
        f"<div class='row'><span{part}>{_text(label(line))}</span>"
        f"<svg class='{kind}' role='img' aria-label='{interval(difference, line)}'>"
        "<line class='zero' x1='50%' x2='50%' y1='0' y2='100%'/>"
        f"<line class='bar' x1='{low:.2f}%' x2='{high:.2f}%' y1='50%' y2='50%'/><circle cx='{middle:.2f}%' cy='50%' r='5'/></svg>"
        f"<span class='{kind}'>{SYMBOLS[difference.verdict]} {interval(difference, line)}</span></div>"
    )


def _scores(comparison: Comparison) -> str:
    names = [comparison.base, *(arm.name for arm in comparison.arms[2:]), comparison.student]
    head = "".join(
        f"<th scope='col'>{_text(each)}</th>"
        for each in ("", "items", *names, "won", "lost", "McNemar p", "detectable", "smallest lead")
    )
    rows = "".join(_score_row(line, names, comparison.base) for line in comparison.lines)
    return (
        f"<h2>Scores</h2><div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"<p class='soft note'>Won and lost: items that only {_text(comparison.student)}, or only {_text(comparison.base)}, has "
        "right. Detectable: the difference that a sample like this shows four times in five. Smallest lead: the lowest end of "
        f"the intervals against every other column. “{CONSTANT}” is a control that always gives a task's best single answer. "
        "Items of one passage or document are resampled together; rows are not corrected for their number.</p>"
    )


def _score_row(line: Line, names: list[str], base: str) -> str:
    difference, (weakest, least) = line.against[base], line.weakest()
    cells = [str(len(line.keys))]
    cells += [number(line.scores[name].value, line) if name in line.scores else "–" for name in names]
    p = "–" if difference.p is None else "< 0.001" if difference.p < 0.001 else f"{difference.p:.3f}"
    cells += [str(difference.won), str(difference.lost), p]
    cells += [number(difference.detectable, line), f"{number(least.interval[0], line)} ({weakest})"]
    first = f"<td{'' if line.is_whole else ' class=part'}>{_text(label(line))}</td>"
    return (
        f"<tr{' class=whole' if line.is_whole else ''}>{first}"
        + "".join(f"<td>{_text(cell)}</td>" for cell in cells)
        + "</tr>"
    )


def _flips(comparison: Comparison) -> str:
    base, student = comparison.arms[:2]
    tasks: dict[str, list[tuple[Row, Row]]] = {}
    for line in comparison.lines:
        if line.is_whole:
            for key in line.keys:
                if base.rows[key]["score"] != student.rows[key]["score"]:
                    tasks.setdefault(key[0], []).append((base.rows[key], student.rows[key]))
    found = "".join(
        _task_flips(task, pairs, base.name, student.name) for task, pairs in sorted(tasks.items())
    )
    return f"<h2>Answers that changed</h2>{found or '<p>None.</p>'}"


def _task_flips(task: str, pairs: list[tuple[Row, Row]], base: str, student: str) -> str:
    won = [pair for pair in pairs if pair[1]["score"] > pair[0]["score"]]
    lost = [pair for pair in pairs if pair[1]["score"] < pair[0]["score"]]
    shown = "".join(
        f"<h3>{title}</h3>" + "".join(_flip(*pair, base, student) for pair in group[:MOST_FLIPS])
        for title, group in ((f"Won {len(won)}", won), (f"Lost {len(lost)}", lost))
        if group
    )
    more = sum(max(0, len(group) - MOST_FLIPS) for group in (won, lost))
    rest = f"<p class='soft'>{more} more are in the folders of results.</p>" if more else ""
    return (
        f"<details><summary>{_text(task)}: won {len(won)}, lost {len(lost)}</summary>{shown}{rest}</details>"
    )


def _flip(before: Row, after: Row, base: str, student: str) -> str:
    prompt = _short(before["prompt"])
    first = prompt.strip().split("\n")[-1][:90]
    return (
        f"<details><summary>{_text(first)}</summary><pre>{_text(prompt)}</pre>"
        f"<p><span class='tag'>expected</span> {_text(_short(before['gold']))}</p>"
        f"<div class='pair'>{_answer(base, before)}{_answer(student, after)}</div></details>"
    )


def _answer(name: str, row: Row) -> str:
    found = row["extracted"]
    how = (
        f"read by rule “{_text(found['rule'])}”: {_text(found['value'][:200])}"
        if found
        else _text(row["status"].replace("_", " "))
    )
    kind = "right" if row["score"] else "wrong"
    return f"<div class='{kind}'><p class='tag'>{_text(name)}, {row['score']:g}: {how}</p><pre>{_reply(row)}</pre></div>"


def _reply(row: Row) -> str:
    """The reply with the place of its answer marked."""
    text, found = row["reply"], row["extracted"]
    if not found or found["span"][1] - found["span"][0] > len(text) // 2:
        return _text(_short(text))
    start, end = found["span"]
    before, after = text[:start][-LONGEST_TEXT // 2 :], text[end:][: LONGEST_TEXT // 2]
    return f"{_text(before)}<mark>{_text(text[start:end])}</mark>{_text(after)}"


def _short(text: str) -> str:
    half = LONGEST_TEXT // 2
    return text if len(text) <= LONGEST_TEXT else f"{text[:half]}\n[…]\n{text[-half:]}"


def _facts(comparison: Comparison) -> str:
    return "<h2>Where this comes from</h2>" + "".join(_arm(arm) for arm in comparison.arms if arm.facts)


def _arm(arm: Arm) -> str:
    rows = _flat({name: arm.facts.get(name) for name in ("model", "protocol", "versions", "data")})
    cells = "".join(f"<tr><td>{_text(name)}</td><td>{_text(value)}</td></tr>" for name, value in rows)
    return f"<details><summary>{_text(arm.name)}</summary><table class='facts'><tbody>{cells}</tbody></table></details>"


def _flat(facts: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in facts.items():
        rows += _flat(value, f"{prefix}{name}: ") if isinstance(value, dict) else [(f"{prefix}{name}", value)]
    return rows
