"""A structural check of Mermaid and PlantUML diagrams, without their renderers.

It knows the grammar of flowcharts line by line and the shape of the rest, which finds the slips
that a text editor makes. `make diagrams` parses the same files with the real tools.
"""

import re
from collections.abc import Iterator

from .yaml_source import Problem

FLOWCHART = re.compile(r"(flowchart|graph)\s+(TB|TD|BT|RL|LR)\s*;?")
OTHER_TYPES = (
    "sequenceDiagram",
    "stateDiagram-v2",
    "classDiagram",
    "erDiagram",
    "journey",
    "timeline",
    "quadrantChart",
    "C4Context",
    "C4Container",
    "C4Component",
)

# An identifier, then optionally a shape whose text is quoted or free of its own brackets.
_QUOTED = r'"[^"]*"'
_BARE = r'[^"()\[\]{}|]+'
_TEXT = rf"\s*(?:{_QUOTED}|{_BARE})\s*"
_SHAPES = (
    rf"\(\({_TEXT}\)\)",
    rf"\(\[{_TEXT}\]\)",
    rf"\[\({_TEXT}\)\]",
    rf"\[\[{_TEXT}\]\]",
    rf"\[[/\\]{_TEXT}[/\\]\]",
    rf"\{{\{{{_TEXT}\}}\}}",
    rf"\({_TEXT}\)",
    rf"\[{_TEXT}\]",
    rf"\{{{_TEXT}\}}",
    rf">{_TEXT}\]",
)
_NODE = re.compile(r"(?P<id>\w(?:[\w.]|-(?![-.>]))*)(?:" + "|".join(_SHAPES) + r"|@\{[^}]*\})?(?::::?\w+)?")
_HEAD = r"(?:-{2,}[->xo]|={2,}[=>xo]|-?\.+-[>xo]?)"
_LINK = re.compile(
    rf"(?:<|[xo](?=[-=]))?{_HEAD}(?:\s*\|(?:{_QUOTED}|[^|\"]+)\|)?"  # -->, -->|text|
    rf"|<?(?:--|==|-\.)\s*(?:{_QUOTED}|[^\s\"|>=.-][^\"|]*?)\s*{_HEAD}"  # -- text -->
    r"|~~~"
)
_DECLARATION = re.compile(
    r"(classDef|class|style|linkStyle|click|direction\s+(TB|TD|BT|RL|LR)|accTitle:|accDescr:)(\s|$)"
)
_RESERVED = frozenset({"end", "graph", "flowchart", "subgraph", "class", "style", "click"})
_PAIRS = {")": "(", "]": "[", "}": "{"}


_CONDITION = re.compile(r"\s*\{%-?\s*(if|elif|else|endif)\b[^%]*%\}\s*")


def variants(text: str) -> list[str]:
    """What a diagram may become: with the first branch of each `if`, with the second, and so on; numbers stay."""
    conditions = [_CONDITION.fullmatch(line) for line in text.splitlines()]
    most = sum(condition is not None and condition[1] != "endif" for condition in conditions)
    texts = []
    for number in range(most + 1):
        lines, branch, is_last = [], 0, True
        for line, condition in zip(text.splitlines(), conditions, strict=True):
            if condition:
                branch = branch + 1 if condition[1] in {"elif", "else"} else 0
                is_last = condition[1] in {"else", "endif"}
            # What stands outside, and what stands under `else`, is there for every later number, too.
            is_there = not condition and (branch == number or (is_last and branch <= number))
            lines.append(line if is_there else "")
        texts.append("\n".join(lines) + "\n")
    return list(dict.fromkeys(texts))


def mermaid_problems(text: str) -> Iterator[Problem]:
    """What is wrong in a Mermaid diagram that begins with its type."""
    rows = list(_mermaid_rows(text))
    yield from _tabs(text)
    if not rows:
        yield Problem(1, "is empty; begin with a line such as `flowchart LR`")
        return
    first, header = rows[0]
    if FLOWCHART.fullmatch(header):
        yield from _flowchart_problems(rows[1:], first)
    elif header.split()[0] in OTHER_TYPES:
        if len(rows) == 1:
            yield Problem(first, "holds nothing below its type; draw at least two parts")
        for number, row in rows[1:]:
            yield from _unbalanced(number, row)
    else:
        yield Problem(
            first,
            f"{header!r} is no diagram type; begin with `flowchart LR` or"
            f" another direction, or one of {', '.join(OTHER_TYPES)}",
        )


def flowchart_lines_problems(text: str) -> Iterator[Problem]:
    """What is wrong in flowchart lines without a header, as the slot README.diagram holds them."""
    yield from _tabs(text)
    yield from _flowchart_problems(list(_mermaid_rows(text)), 1, alone=False)


def plantuml_problems(text: str) -> Iterator[Problem]:
    """What is wrong in a PlantUML diagram."""
    yield from _tabs(text)
    rows = [
        (number, row.strip())
        for number, row in enumerate(text.splitlines(), start=1)
        if row.strip() and not row.strip().startswith("'")
    ]
    if not rows or not re.match(r"@startuml\b", rows[0][1]):
        yield Problem(rows[0][0] if rows else 1, "does not begin with @startuml; make it line 1")
        return
    if rows[-1][1] != "@enduml":
        yield Problem(rows[-1][0], "does not end with @enduml; make it the last line")
        return
    if len(rows) < 4:
        yield Problem(rows[0][0], "holds next to nothing; draw at least two parts")
    blocks: list[int] = []
    for number, row in rows[1:-1]:
        if row.startswith(("@startuml", "@enduml")):
            yield Problem(number, f"{row} stands inside the diagram; one diagram a file")
        if row.startswith("!include"):
            yield Problem(number, "includes another file; a diagram stands alone, offline")
        outside = re.sub(_QUOTED, "", row)
        if outside.count('"') % 2:
            yield Problem(number, 'has an open quote; close it with "')
        elif re.search(r"\{\s*$", outside):
            blocks.append(number)
        elif re.fullmatch(r"\}.*", outside):
            if not blocks:
                yield Problem(number, "closes a block that was never opened; remove the }")
            else:
                blocks.pop()
        elif not re.search(r"(note|legend|title|:)", row):
            yield from _unbalanced(number, row)
    for number in blocks:
        yield Problem(number, "opens a block that is never closed; add a }")


def _mermaid_rows(text: str) -> Iterator[tuple[int, str]]:
    """Statements with their lines, without blank lines and comments."""
    for number, line in enumerate(text.splitlines(), start=1):
        row = line.strip()
        if row and not row.startswith("%%"):
            yield number, row


def _flowchart_problems(rows: list[tuple[int, str]], first: int, alone: bool = True) -> Iterator[Problem]:
    nodes: set[str] = set()
    unread = False
    open_groups: list[int] = []
    for number, line in rows:
        row = line.removesuffix(";")
        if row == "end":
            if not open_groups:
                yield Problem(number, "`end` closes no subgraph; remove it")
            else:
                open_groups.pop()
        elif re.match(r"subgraph\b", row):
            open_groups.append(number)
            yield from _unbalanced(number, row)
        elif not _DECLARATION.match(row):
            found, message = _statement(row)
            nodes |= found
            if message:
                unread = True
                yield Problem(number, message)
    for number in open_groups:
        yield Problem(number, "subgraph is never closed; add a line `end`")
    if alone and len(nodes) < 2 and not unread:
        yield Problem(first, "draws fewer than two nodes; a diagram shows parts and their relation")


def _statement(row: str) -> tuple[set[str], str]:
    """The nodes of `a --> b & c --> d`, and what stops it from being read."""
    nodes: set[str] = set()
    at = 0
    while True:
        node = _NODE.match(row, at)
        if not node:
            return nodes, f"cannot be read at {row[at : at + 20]!r}; a node is expected there"
        if node["id"] in _RESERVED:
            return nodes, f"{node['id']!r} is a word of Mermaid and no node; choose another id"
        nodes.add(node["id"])
        at = node.end() + len(row[node.end() :]) - len(row[node.end() :].lstrip())
        if at == len(row):
            return nodes, ""
        link = _LINK.match(row, at)
        step = link.end() if link else at + 1 if row[at] == "&" else 0
        if not step:
            return nodes, (
                f"cannot be read at {row[at : at + 20]!r}; an arrow such as --> is expected there"
                " (put a text that holds brackets in double quotes)"
            )
        at = step + len(row[step:]) - len(row[step:].lstrip())


def _tabs(text: str) -> Iterator[Problem]:
    for number, line in enumerate(text.splitlines(), start=1):
        if "\t" in line:
            yield Problem(number, "holds a tab; use spaces")


def _unbalanced(number: int, row: str) -> Iterator[Problem]:
    """Brackets outside of quotes close what was opened."""
    if row.count('"') % 2:
        yield Problem(number, 'has an open quote; close it with "')
        return
    opened: list[str] = []
    for char in re.sub(_QUOTED, "", row):
        if char in _PAIRS.values():
            opened.append(char)
        elif char in _PAIRS and (not opened or opened.pop() != _PAIRS[char]):
            yield Problem(number, f"{char!r} closes what was never opened; balance the brackets")
            return
    if opened:
        yield Problem(number, f"{opened[-1]!r} is never closed; balance the brackets")
