"""Markdown as far as the checks need it: fenced blocks, code spans, links and the anchors of headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

_FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})\s*([\w-]*)")
_LINK = re.compile(r"\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)?)\)|^\[[^\]]+\]:\s+(\S+)", re.MULTILINE)
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the line of its first line of text, and the text."""

    language: str
    line: int
    text: str
    closed: bool


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    blocks: tuple[Block, ...]
    links: frozenset[str]
    spans: frozenset[str]
    anchors: frozenset[str]


@cache
def page(text: str) -> Page:
    """The parts of a Markdown text."""
    blocks, prose = _split(text)
    spans = frozenset(" ".join(match[2].split()) for match in _SPAN.finditer(prose))
    outside = _SPAN.sub("``", prose)
    links = frozenset(match[1] or match[2] for match in _LINK.finditer(outside))
    return Page(tuple(blocks), links, spans, frozenset(_anchors(prose)))


def _split(text: str) -> tuple[list[Block], str]:
    """The fenced blocks, and the text without them; it keeps its lines."""
    blocks: list[Block] = []
    prose: list[str] = []
    inside: list[str] = []
    fence, language, start = "", "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        mark = _FENCE.match(line)
        if fence and mark and mark[2].startswith(fence) and not mark[3]:
            blocks.append(Block(language, start, "\n".join(inside) + "\n", True))
            fence = ""
        elif fence:
            inside.append(line)
        elif mark:
            fence, language, start, inside = mark[2], mark[3], number + 1, []
        else:
            prose.append(line)
            continue
        prose.append("")
    if fence:
        blocks.append(Block(language, start, "\n".join(inside) + "\n", False))
    return blocks, "\n".join(prose)


def _anchors(prose: str) -> Iterator[str]:
    """The anchors of the headings, as GitHub makes them: a second heading of the same text gets -1."""
    seen: dict[str, int] = {}
    for title in re.findall(r"^#{1,6} +(.+?)(?: +#+)?$", prose, re.MULTILINE):
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", title)
        anchor = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        count = seen[anchor] = seen.get(anchor, -1) + 1
        yield f"{anchor}-{count}" if count else anchor
