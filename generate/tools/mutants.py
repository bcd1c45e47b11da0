"""Mutants of a program: the same with one small mistake in it (mutation testing; DeMillo, Lipton and Sayward, 1978).

Tests that accept a program with a mistake in it would accept other wrong programs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

MOST_MUTANTS = 24
VARIANTS = 2  # mistakes of one kind at one place


class Mutant(NamedTuple):
    """A program with one small mistake, and for people what was changed.

    After a gross one, whatever reaches that place comes to something else: a condition turned around, a result or an
    exception replaced. Cases that accept it never get there.
    """

    program: str
    change: str
    is_gross: bool


_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_RECKONED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}
_GROSS = ast.If | ast.IfExp | ast.While | ast.Return | ast.Raise


def mutants(program: str) -> list[Mutant]:
    """The program with one mistake each: in a comparison, a constant, arithmetic, a condition, a border, a result.

    At most MOST_MUTANTS: the gross ones, and evenly of the others; none where the program is not Python.
    """
    try:
        tree = ast.parse(program)
    except (SyntaxError, ValueError):
        return []
    said = set(map(id, _said(tree)))
    doing = [node for node in ast.walk(tree) if id(node) not in said]
    sites = [
        (node, variant)
        for node in doing
        for variant in range(VARIANTS)
        if _mistaken(tree, node, variant, False)
    ]
    gross = [site for site in sites if isinstance(site[0], _GROSS)][:MOST_MUTANTS]
    others = [site for site in sites if not isinstance(site[0], _GROSS)]
    room = min(len(others), MOST_MUTANTS - len(gross))
    chosen = gross + [others[at * len(others) // room] for at in range(room)]
    return [mutant for node, variant in chosen if (mutant := _mistaken(tree, node, variant, True))]


def _mistaken(tree: ast.AST, node: ast.AST, variant: int, is_wanted: bool) -> Mutant | None:
    """The mutant with this mistake, if the node allows it; its texts only where it `is_wanted`. The tree stays."""
    before = _shown(node) if is_wanted else ""
    fields = dict(vars(node))
    if not _mistake(node, variant):
        return None
    change = f"{before} became {_shown(node)}" if is_wanted else ""
    mutant = Mutant(ast.unparse(tree) if is_wanted else "", change, isinstance(node, _GROSS))
    vars(node).update(fields)
    return mutant


def _shown(node: ast.AST) -> str:
    return ast.unparse(node.test if isinstance(node, ast.If | ast.While) else node)


def _said(tree: ast.AST) -> Iterator[ast.AST]:
    """What a program says for people, and does not do: documentation, annotations, the texts of its exceptions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield from (inner for each in node.exc.args for inner in ast.walk(each))
        elif isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            yield from ast.walk(node.annotation)
        elif isinstance(node, ast.FunctionDef) and node.returns:
            yield from ast.walk(node.returns)


def _mistake(node: ast.AST, variant: int) -> bool:
    """Make this mistake of the node's kind, in new values of its fields; False where there are not so many."""
    match node:
        case ast.Compare(ops=[first, *_]):
            others = _COMPARED.get(type(first), ())
            if variant < len(others):
                node.ops = [others[variant](), *node.ops[1:]]
                return True
        case ast.Constant(value=bool(value)) if variant == 0:
            node.value = not value
            return True
        case ast.Constant(value=int(value) | float(value)) if variant < 2:
            node.value = value + 1 - 2 * variant
            return True
        case ast.Constant(value=str(value)) if variant == 0:
            node.value = "" if value else " "
            return True
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if variant == 0 and type(op) in _RECKONED:
            node.op = _RECKONED[type(op)]()
            return True
        case ast.BoolOp(op=op) if variant == 0:
            node.op = ast.Or() if isinstance(op, ast.And) else ast.And()
            return True
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) if variant == 0:
            node.test = ast.UnaryOp(ast.Not(), test)
            return True
        case ast.Call(func=ast.Name(id="range"), args=[*_, last]) if variant < 2:
            moved = ast.BinOp(last, (ast.Add(), ast.Sub())[variant], ast.Constant(1))
            node.args = [*node.args[:-1], moved]
            return True
        case ast.Return(value=ast.expr() as value) if variant == 0 and not _is_none(value):
            node.value = ast.Constant(None)
            return True
        case ast.Raise() if variant == 0:
            node.exc, node.cause = ast.Name("Exception"), None
            return True
    return False


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
