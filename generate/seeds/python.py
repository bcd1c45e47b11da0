"""The built-in corpus: what every Python carries, the language reference as prose and the library as code."""

import ast
import itertools
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from .corpus import Corpus
from .document import Document, Skipped, Unreadable, decode, load_bytes
from .order import rank

# Tests, vendored code, tables, and programs that are not written to be read.
LEFT_OUT = frozenset(
    (
        *("test", "tests", "idle_test", "idlelib", "lib2to3", "turtledemo", "site-packages", "dist-packages"),
        *("lib-dynload", "encodings", "pydoc_data", "ensurepip", "msilib", "__pycache__", "__phello__"),
        *("this.py", "antigravity.py", "stringprep.py", "entities.py"),
    )
)
GENERATED = re.compile(r"(?im)\bauto(matically|-?)[ -]?generated\b|^# .*\bgenerated (by|from)\b")
HEAD = 1000  # characters in which a generated module says so
TITLE = re.compile(r"(\S.*)\n([=\-*~^\"'#+.])\2{2,}")
PROSE = re.compile(r"((\* |\d+\. ).*|[\"*(“‘]*[A-Z].*[.:!?)\"”])", re.DOTALL)
CODE = re.compile(r">>>|::=|:\n|^ *[\w.]+ = |^ *(def|class) \w+.*:$|^ *(from \w+ )?import \w+$", re.MULTILINE)
TABLE = ("+-", "+=", "|")
LONG = 60  # characters of a paragraph that is not in two topics by chance


def read(corpus: Corpus, run_seed: int) -> Iterator[Document | Skipped]:
    """Topics and modules, in an order drawn by hash; `kind` text: of the modules what their docstrings say."""
    topics = {} if corpus.kind == "code" else _topics()
    modules = _modules()
    for name in sorted([*topics, *modules], key=lambda name: rank(run_seed, name)):
        if name in topics:
            yield Document(name, topics[name], "text", corpus.label, corpus.terms)
        else:
            module = _module(modules[name], name, corpus)
            yield _documentation(module) if corpus.kind == "text" and isinstance(module, Document) else module


def _topics() -> dict[str, str]:
    """The help topics by name, but those that repeat a longer one: `for` stands in `compound` word by word.

    Both would put the same passage before the student in training and in the held-out documents.
    """
    from pydoc_data.topics import topics

    kept: dict[str, str] = {}
    seen: set[str] = set()
    for topic in sorted(topics, key=lambda topic: (-len(topics[topic]), topic)):
        paragraphs = topics[topic].strip().split("\n\n")
        long = {paragraph for paragraph in paragraphs if len(paragraph) > LONG}
        if len(long & seen) * 10 <= len(long):
            kept[f"python/topics/{topic}"] = "\n\n".join(_told(paragraphs))
        seen |= long
    return kept


def _told(paragraphs: list[str]) -> Iterator[str]:
    """The paragraphs in Markdown, without tables: titles and signatures as headings, prose on one line."""
    for paragraph, following in itertools.pairwise([*paragraphs, ""]):
        line = paragraph.strip()
        if title := TITLE.fullmatch(line):
            yield f"## {title[1]}"
        elif "\n" not in line and not line.endswith((".", ":")) and _indent(following) > _indent(paragraph):
            yield f"### {line}"
        elif PROSE.fullmatch(line) and not CODE.search(paragraph):
            yield " ".join(line.split())
        elif not line.startswith(TABLE):
            yield paragraph.strip("\n")


def _indent(paragraph: str) -> int:
    return len(paragraph) - len(paragraph.lstrip(" "))


def _modules() -> dict[str, Path]:
    """The library's modules by name, without LEFT_OUT."""
    root = Path(sysconfig.get_path("stdlib"))
    paths = (path.relative_to(root) for path in root.rglob("*.py"))
    kept = (path for path in paths if LEFT_OUT.isdisjoint(path.parts) and "sysconfigdata" not in path.name)
    return {f"python/{path.as_posix()}": root / path for path in kept}


def _module(path: Path, name: str, corpus: Corpus) -> Document | Skipped:
    try:
        text = decode(load_bytes(path))
    except Unreadable as error:
        return Skipped(name, str(error))
    if GENERATED.search(text, 0, HEAD):
        return Skipped(name, "generated code")
    return Document(name, text, "code", corpus.label, corpus.terms)


def _documentation(module: Document) -> Document | Skipped:
    """The prose of a module: its docstrings' paragraphs in the order of the source, without examples and tables."""
    try:
        said = _docstrings(ast.parse(module.text))
    except SyntaxError:
        return Skipped(module.name, "not Python of this version")
    paragraphs = [paragraph for text in said for paragraph in text.split("\n\n")]
    told = [text for text in _told(paragraphs) if PROSE.fullmatch(text)]
    if not told:
        return Skipped(module.name, "no documentation")
    return Document(module.name, "\n\n".join(told), "text", module.source, module.licence)


def _docstrings(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """What a definition and those inside it say of themselves, in the order of the source."""
    yield ast.get_docstring(node) or ""
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _docstrings(child)
