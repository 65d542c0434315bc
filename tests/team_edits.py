"""What a team does in its service between two updates, drawn by hypothesis."""

from dataclasses import dataclass, field
from pathlib import Path

from conftest import commit_all, contents
from hypothesis import strategies as st

KINDS = ("insert", "replace", "append", "unterminated", "windows", "binary", "empty", "delete", "move", "create")
# The first one is a file that a new revision adds too.
NEW = (
    "docs/added.md",
    "notes.md",
    "src/my_service/domain/holidays.py",
    "src/my_service/own.py",
    "a folder/für alle.txt",
)
UNTOUCHED = (".copier-answers.yml", "patterns.lock", "scripts/update.py")


@dataclass
class Edits:
    """What became of a service's files."""

    created: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    tokens: set[bytes] = field(default_factory=set)
    """Words that stand in one line each, and only where the team wrote them."""


def edit(draw: st.DataObject, service: Path) -> Edits:
    """Edit and commit."""
    edits, start = Edits(), set(contents(service))
    tokens = [b"# written by the team: %02d" % number for number in range(draw.draw(st.integers(8, 20), label="edits"))]
    for token in tokens:
        files = sorted(set(contents(service)) - set(UNTOUCHED) - edits.created)
        kind = draw.draw(st.sampled_from(KINDS), label="kind")
        name = draw.draw(st.sampled_from(NEW if kind == "create" else files), label="file")
        _edit(draw, service / name, kind, token.decode())
    commit_all(service, "Our work")
    now = contents(service)
    everything = b"\n".join(now.values())
    edits.created, edits.deleted = set(now) - start, start - set(now)
    edits.tokens = {token for token in tokens if token in everything}
    return edits


def _edit(draw: st.DataObject, path: Path, kind: str, token: str) -> None:
    lines = path.read_text(errors="replace").split("\n") if path.exists() else []
    place = draw.draw(st.integers(0, max(0, len(lines) - 1)), label="line")
    match kind:
        case "insert":
            lines.insert(place, token)
        case "replace":
            lines[place : place + 2] = [token, ""]
        case "append":
            lines.insert(len(lines) - 1, token)
        case "unterminated":
            lines.append(token)
        case "windows":
            lines = "\r\n".join([token, *lines]).split("\n")
        case "binary":
            lines = ["\0", token, "\0"]
        case "empty":
            lines = []
        case "move":
            path.unlink()
            path = path.with_name(f"our-{path.name}")
            lines.insert(place, token)
        case "create":
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = [token, "our own line", ""]
    if kind == "delete":
        path.unlink()
    else:
        path.write_bytes("\n".join(lines).encode())
