"""Tests that never run: a skip without a condition keeps a suite green whatever becomes of the code."""

import ast
from collections.abc import Iterator

_CONDITIONS = (ast.If, ast.IfExp, ast.Match, ast.Try, ast.BoolOp, ast.While, ast.For)


def never_run(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Line and sentence for each such skip in a file of tests."""
    if not path.startswith("tests/"):
        return
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return  # another check's problem
    yield from _marks(tree)
    yield from _calls(tree.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield from _calls(node.body)


def _marks(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Each `mark.skip`, and each `mark.skipif` of a constant, that no condition stands around."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _CONDITIONS):
            continue
        match child:
            case ast.Attribute(value=ast.Attribute(attr="mark") | ast.Name(id="mark"), attr="skip"):
                yield child.lineno, "skips tests without a condition (mark.skip); they never run."
            case ast.Call(func=ast.Attribute(attr="skipif"), args=[ast.Constant(value=bool() | int()), *_]):
                yield child.lineno, "skips tests by a constant (mark.skipif); they never run, or the mark is idle."
        yield from _marks(child)


def _calls(body: list[ast.stmt]) -> Iterator[tuple[int, str]]:
    """A call of skip() that is always reached: nothing before it in this body can turn another way."""
    for row in body:
        if isinstance(row, _CONDITIONS):
            return
        match row:
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="pytest"), attr="skip"))):
                yield row.lineno, "skips tests without a condition (pytest.skip); they never run."
