"""Ten services made from modules of the standard library, as a teacher writes them, and a conversation with each.

A script is a list of calls as an assistant spells them, each with the kind of answer that it must get: "success", a
reason for which the call never reaches the program, or "refused", which is the service's own word.
"""

from __future__ import annotations

import bisect
import calendar
import colorsys
import difflib
import fractions
import ipaddress
import json
import shlex
import statistics
import string
import textwrap
from dataclasses import dataclass
from typing import Any

Properties = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Scripted:
    """One service: its records, its program, and calls with the kind of answer and, of successes, what they return."""

    apis: list[dict[str, Any]]
    program: str
    script: list[tuple[str, str, dict[str, Any]]]


def api(name: str, description: str, properties: Properties, *required: str) -> dict[str, Any]:
    """A record; what is not required has a default, or may be left out."""
    described = {
        key: {"description": f"The {key.replace('_', ' ')}."} | each for key, each in properties.items()
    }
    parameters = {"type": "object", "properties": described, "required": list(required)}
    return {"name": name, "description": description, "parameters": parameters}


TEXT, WHOLE, REAL = {"type": "string"}, {"type": "integer"}, {"type": "number"}
LONG = "The quick brown fox jumps over the lazy dog near the river bank."
SCORES = [72.5, 88.0, 91.25, 64.0]
TEMPLATE = "Dear $name, your order $order has left."

SERVICES = {
    "textwrap": Scripted(
        [
            api(
                "wrap_paragraph",
                "Breaks a paragraph into lines that are not longer than the width.",
                {"text": TEXT, "width": WHOLE | {"minimum": 10, "maximum": 200, "default": 70}},
                "text",
            ),
            api("shorten", "Cuts a text to a width between words.", {"text": TEXT, "width": WHOLE}, "text", "width"),
        ],
        """
import textwrap


def wrap_paragraph(text, width=70):
    lines = textwrap.wrap(text, width=width)
    return {"lines": lines, "count": len(lines)}


def shorten(text, width):
    if width < 5:
        raise ValueError("The width is too small for the placeholder.")
    return {"text": textwrap.shorten(text, width=width)}
""",
        [
            (
                f'wrap_paragraph(text="{LONG}", width=20)',
                "success",
                {"lines": textwrap.wrap(LONG, 20), "count": len(textwrap.wrap(LONG, 20))},
            ),
            (f'wrap_paragraph(text="{LONG}", width=20, hyphenate=True)', "superfluous_argument", {}),
            ("wrap_paragraph(width=20)", "missing_argument", {}),
            (f'justify(text="{LONG}")', "invented_api", {}),
            (f'wrap_paragraph(text="{LONG}", width=5)', "invalid_argument", {}),
            (f'shorten(text="{LONG}", width=3)', "refused", {}),
            (f'shorten(text="{LONG}", width=30)', "success", {"text": textwrap.shorten(LONG, 30)}),
        ],
    ),
    "statistics": Scripted(
        [
            api(
                "describe_sample",
                "Mean, median and sample standard deviation of at least two numbers.",
                {"values": {"type": "array", "items": REAL}, "digits": WHOLE | {"default": 3}},
                "values",
            ),
        ],
        """
import statistics


def describe_sample(values, digits=3):
    if len(values) < 2:
        raise ValueError("At least two values are needed.")
    return {
        "mean": round(statistics.mean(values), digits),
        "median": round(statistics.median(values), digits),
        "deviation": round(statistics.stdev(values), digits),
    }
""",
        [
            (
                f"describe_sample(values={SCORES})",
                "success",
                {
                    "mean": round(statistics.mean(SCORES), 3),
                    "median": round(statistics.median(SCORES), 3),
                    "deviation": round(statistics.stdev(SCORES), 3),
                },
            ),
            (f"describe_sample(values={SCORES}, unit='points')", "superfluous_argument", {}),
            ("describe_sample(digits=2)", "missing_argument", {}),
            (f"correlation(values={SCORES})", "invented_api", {}),
            ('describe_sample(values=["72", "88"])', "invalid_argument", {}),
            ("describe_sample(values=[1.5])", "refused", {}),
        ],
    ),
    "calendar": Scripted(
        [
            api(
                "weekday_of",
                "The name of the weekday of a date.",
                {"date": TEXT | {"format": "date"}},
                "date",
            ),
            api("days_in_month", "How many days a month has.", {"year": WHOLE, "month": WHOLE}, "year", "month"),
        ],
        """
import calendar
import datetime


def weekday_of(date):
    return {"weekday": calendar.day_name[datetime.date.fromisoformat(date).weekday()]}


def days_in_month(year, month):
    if not 1 <= month <= 12:
        raise ValueError(f"There is no month {month}.")
    return {"days": calendar.monthrange(year, month)[1]}
""",
        [
            ('weekday_of(date="2024-02-29")', "success", {"weekday": calendar.day_name[3]}),
            ('weekday_of(date="2024-02-29", time="noon")', "superfluous_argument", {}),
            ("days_in_month(year=2023)", "missing_argument", {}),
            ("moon_phase(year=2023)", "invented_api", {}),
            ('weekday_of(date="next Friday")', "invalid_argument", {}),
            ("days_in_month(year=2023, month=13)", "refused", {}),
            ("days_in_month(year=2024, month=2)", "success", {"days": calendar.monthrange(2024, 2)[1]}),
        ],
    ),
    "difflib": Scripted(
        [
            api(
                "closest_words",
                "The known words that are most like a word.",
                {"word": TEXT, "count": WHOLE | {"minimum": 1, "default": 3}},
                "word",
            ),
            api("learn_word", "Adds a word to those that are known.", {"word": TEXT}, "word"),
        ],
        """
import difflib

KNOWN = ["ape", "apple", "peach", "puppy"]


def closest_words(word, count=3):
    return {"words": difflib.get_close_matches(word, KNOWN, n=count)}


def learn_word(word):
    if word in KNOWN:
        raise ValueError(f"{word} is known already.")
    KNOWN.append(word)
    return {"known": len(KNOWN)}
""",
        [
            (
                'closest_words(word="appel")',
                "success",
                {"words": difflib.get_close_matches("appel", ["ape", "apple", "peach", "puppy"])},
            ),
            ('closest_words(word="appel", language="en")', "superfluous_argument", {}),
            ("closest_words(count=2)", "missing_argument", {}),
            ('translate(word="appel")', "invented_api", {}),
            ('learn_word(word="peach")', "refused", {}),
            ('learn_word(word="appeal")', "success", {"known": 5}),
            ('closest_words(word="appeal", count=1)', "success", {"words": ["appeal"]}),
        ],
    ),
    "fractions": Scripted(
        [
            api(
                "nearest_fraction",
                "The fraction with at most this denominator that is nearest to a decimal.",
                {"decimal": TEXT, "largest_denominator": WHOLE | {"minimum": 1, "default": 100}},
                "decimal",
            ),
        ],
        """
from fractions import Fraction


def nearest_fraction(decimal, largest_denominator=100):
    try:
        exact = Fraction(decimal)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{decimal!r} is no decimal number.")
    near = exact.limit_denominator(largest_denominator)
    return {"numerator": near.numerator, "denominator": near.denominator, "exact": near == exact}
""",
        [
            (
                'nearest_fraction(decimal="3.14159", largest_denominator=10)',
                "success",
                dict(
                    zip(
                        ("numerator", "denominator"),
                        fractions.Fraction("3.14159").limit_denominator(10).as_integer_ratio(),
                        strict=True,
                    ),
                    exact=False,
                ),
            ),
            ('nearest_fraction(decimal="0.5", round="up")', "superfluous_argument", {}),
            ("nearest_fraction(largest_denominator=10)", "missing_argument", {}),
            ('continued_fraction(decimal="0.5")', "invented_api", {}),
            ("nearest_fraction(decimal=0.5)", "invalid_argument", {}),
            ('nearest_fraction(decimal="a half")', "refused", {}),
        ],
    ),
    "string": Scripted(
        [
            api("save_template", "Keeps a text with $names to fill in.", {"title": TEXT, "text": TEXT}, "title", "text"),
            api(
                "fill_template",
                "Fills a kept text in; every name needs a value.",
                {"title": TEXT, "values": {"type": "object", "properties": {}}},
                "title",
                "values",
            ),
        ],
        """
from string import Template

TEMPLATES = {"thanks": "Thank you, $name."}


def save_template(title, text):
    TEMPLATES[title] = text
    return {"saved": title, "names": Template(text).get_identifiers()}


def fill_template(title, values):
    if title not in TEMPLATES:
        raise ValueError(f"There is no template {title}.")
    try:
        return {"text": Template(TEMPLATES[title]).substitute(values)}
    except KeyError as missing:
        raise ValueError(f"There is no value for {missing.args[0]}.")
""",
        [
            ('fill_template(title="shipped", values={"name": "Ada"})', "refused", {}),
            (
                f'save_template(title="shipped", text="{TEMPLATE}")',
                "success",
                {"saved": "shipped", "names": string.Template(TEMPLATE).get_identifiers()},
            ),
            ('save_template(title="shipped", text="x", language="en")', "superfluous_argument", {}),
            ('fill_template(title="shipped")', "missing_argument", {}),
            ('send_letter(title="shipped")', "invented_api", {}),
            ('fill_template(title="shipped", values={"name": "Ada"})', "refused", {}),
            (
                'fill_template(title="shipped", values={"name": "Ada", "order": "B17"})',
                "success",
                {"text": string.Template(TEMPLATE).substitute(name="Ada", order="B17")},
            ),
        ],
    ),
    "bisect": Scripted(
        [
            api("add_score", "Puts a score in its place on the board.", {"score": WHOLE | {"minimum": 0}}, "score"),
            api("rank_of", "How many scores on the board are higher, plus one.", {"score": WHOLE}, "score"),
            api("reset_board", "Takes every score from the board.", {}),
        ],
        """
import bisect

BOARD = [120, 180, 250, 310]


def add_score(score):
    if len(BOARD) == 6:
        raise ValueError("The board is full.")
    bisect.insort(BOARD, score)
    return {"board": BOARD[::-1]}


def rank_of(score):
    return {"rank": len(BOARD) - bisect.bisect_right(BOARD, score) + 1}


def reset_board():
    BOARD.clear()
    return {"board": []}
""",
        [
            ("rank_of(score=200)", "success", {"rank": 4 - bisect.bisect_right([120, 180, 250, 310], 200) + 1}),
            ("add_score(score=275)", "success", {"board": [310, 275, 250, 180, 120]}),
            ('add_score(score=200, player="Kim")', "superfluous_argument", {}),
            ("rank_of()", "missing_argument", {}),
            ("remove_score(score=275)", "invented_api", {}),
            ("rank_of(score=200)", "success", {"rank": 4}),
            ("add_score(score=400)", "success", {"board": [400, 310, 275, 250, 180, 120]}),
            ("add_score(score=1)", "refused", {}),
            ("reset_board()", "success", {"board": []}),
        ],
    ),
    "colorsys": Scripted(
        [
            api(
                "rgb_to_hsv",
                "Hue in degrees, saturation and value in per cent, of a colour.",
                dict.fromkeys(("red", "green", "blue"), WHOLE | {"minimum": 0, "maximum": 255}),
                "red",
                "green",
                "blue",
            ),
        ],
        """
import colorsys


def rgb_to_hsv(red, green, blue):
    hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    if saturation == 0:
        raise ValueError("A grey has no hue.")
    return {"hue": round(hue * 360), "saturation": round(saturation * 100), "value": round(value * 100)}
""",
        [
            (
                "rgb_to_hsv(red=51, green=102, blue=153)",
                "success",
                dict(
                    zip(
                        ("hue", "saturation", "value"),
                        (round(part * scale) for part, scale in zip(colorsys.rgb_to_hsv(0.2, 0.4, 0.6), (360, 100, 100),
                                                                    strict=True)),
                        strict=True,
                    )
                ),
            ),
            ("rgb_to_hsv(red=51, green=102, blue=153, alpha=0.5)", "superfluous_argument", {}),
            ("rgb_to_hsv(red=51, green=102)", "missing_argument", {}),
            ("rgb_to_cmyk(red=51, green=102, blue=153)", "invented_api", {}),
            ("rgb_to_hsv(red=300, green=102, blue=153)", "invalid_argument", {}),
            ("rgb_to_hsv(red=80, green=80, blue=80)", "refused", {}),
        ],
    ),
    "shlex": Scripted(
        [
            api("split_command", "The words of a command line, as a shell reads it.", {"line": TEXT}, "line"),
            api("quote_word", "A word so that a shell reads it as one.", {"word": TEXT}, "word"),
        ],
        """
import shlex


def split_command(line):
    try:
        return {"words": shlex.split(line)}
    except ValueError as error:
        raise ValueError(f"This cannot be read: {error}.")


def quote_word(word):
    return {"quoted": shlex.quote(word)}
""",
        [
            ("""split_command(line="cp 'my file' backup")""", "success", {"words": shlex.split("cp 'my file' backup")}),
            ('split_command(line="ls", shell="bash")', "superfluous_argument", {}),
            ("split_command()", "missing_argument", {}),
            ('run_command(line="ls")', "invented_api", {}),
            ("split_command(line=7)", "invalid_argument", {}),
            ("""split_command(line="echo 'open")""", "refused", {}),
            ('{"name": "quote_word", "arguments": {"word": "a b"}}', "success", {"quoted": shlex.quote("a b")}),
        ],
    ),
    "ipaddress": Scripted(
        [
            api("network_size", "How many addresses a network has.", {"network": TEXT}, "network"),
            api("lease_address", "Gives a host the next free address of the pool.", {"host": TEXT}, "host"),
            api("release_address", "Takes the address of a host back.", {"host": TEXT}, "host"),
        ],
        """
import ipaddress

POOL = [str(address) for address in ipaddress.ip_network("10.0.0.0/30").hosts()]
LEASES = {}


def network_size(network):
    try:
        return {"addresses": ipaddress.ip_network(network).num_addresses}
    except ValueError:
        raise ValueError(f"{network} is no network.")


def lease_address(host):
    free = [address for address in POOL if address not in LEASES.values()]
    if host in LEASES or not free:
        raise ValueError(f"{host} has an address already." if host in LEASES else "No address is free.")
    LEASES[host] = free[0]
    return {"host": host, "address": free[0]}


def release_address(host):
    if host not in LEASES:
        raise ValueError(f"{host} has no address.")
    return {"host": host, "released": LEASES.pop(host)}
""",
        [
            (
                'network_size(network="192.168.4.0/22")',
                "success",
                {"addresses": ipaddress.ip_network("192.168.4.0/22").num_addresses},
            ),
            ('lease_address(host="printer")', "success", {"host": "printer", "address": "10.0.0.1"}),
            ('lease_address(host="printer")', "refused", {}),
            ('lease_address(host="scanner", days=3)', "superfluous_argument", {}),
            ("release_address()", "missing_argument", {}),
            ('ping(host="printer")', "invented_api", {}),
            ('release_address(host="printer")', "success", {"host": "printer", "released": "10.0.0.1"}),
            ('lease_address(host="scanner")', "success", {"host": "scanner", "address": "10.0.0.1"}),
        ],
    ),
}  # fmt: skip


def written(service: Scripted) -> str:
    """The records as the text that a teacher writes."""
    return json.dumps(service.apis)
