"""Release notes for the teams of services, from the manifests: `python -m hooks.release_notes v1.0.0 HEAD`.

What teams must do stands on top; what a pattern's own changelog tells is taken from there.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .check_patterns import find_root
from .findings import listed
from .manifest import SEMANTIC_VERSION
from .snapshot import NoRevisionError, Pattern, Snapshot, one_line, read_snapshot

Lines = Iterator[str]


def release_notes(old: Snapshot, new: Snapshot) -> str:
    """The notes as Markdown, with a line break at their end."""
    sections = [
        ("What teams must do", _duties(old, new)),
        ("Added", _added(old, new)),
        ("Changed", _changed(old, new)),
        ("Deprecated", _deprecated(old, new)),
        ("Renamed", _renamed(old, new)),
        ("Removed", _removed(old, new)),
        ("Decisions", _decisions(old, new)),
        ("Golden paths", _golden_paths(old, new)),
        ("Files that every service has", _skeleton(old, new)),
    ]
    told = [f"# Release notes: from {old.name} to {new.name}"]
    for heading, rows in sections:
        lines = list(rows)
        if lines:
            told += ["", f"## {heading}", "", *lines]
    if len(told) == 1:
        told += ["", "Nothing changed for services."]
    elif told[2] != "## What teams must do":
        told[1:1] = ["", "Nothing to do but `make update`."]
    return "\n".join(told) + "\n"


def warnings(old: Snapshot, new: Snapshot) -> Iterator[str]:
    """What the notes cannot tell because the release is not ready: for whoever publishes it."""
    yield from (f"{old.name}: {sentence}" for sentence in old.unread)
    yield from (f"{new.name}: {sentence}" for sentence in new.unread)
    for was, now in _in_both(old, new):
        if was.version == now.version:
            if was.content != now.content or list(_differences(was, now, new)):
                yield f"{now.title} changed and is still {now.version}; give it a version and a changelog entry"
        elif _number(now.version) < _number(was.version):
            yield f"{now.title} went back from {was.version} to {now.version}"
        elif not _entries(now, was.version):
            yield f"{now.title} {now.version} has no entry in its changelog"


# --- What has to be done ----------------------------------------------------------------------------------------------


def _duties(old: Snapshot, new: Snapshot) -> Lines:
    if _number(new.oldest_copier) > _number(old.oldest_copier):
        yield f"- Install Copier {new.oldest_copier} or later."
    for was, now in _in_both(old, new):
        if _number(now.version)[0] > _number(was.version)[0]:
            lines = [line for _, lines in _entries(now, was.version) for line in lines]
            told = "asks for something:" if lines else "asks for something that its changelog does not tell."
            yield f"- {_named(now)} {now.version} {told}"
            yield from (f"  {line}" for line in lines)
        for name in was.rows("settings"):
            if not any(name in pattern.rows("settings") for pattern in new.patterns.values()):
                yield f"- {_named(now)}: the setting `{name}` is not read any more; take it out of your environments."
        for need in sorted(set(now.words("needs")) - set(was.words("needs"))):
            yield f"- {_named(now)} now needs `{need}`; a service without it is given another pattern by its update."
    for pattern in _newly_deprecated(old, new):
        yield f"- {_named(pattern)}: move to {_successor(pattern, new)} before {pattern.text('remove_after')}."
    for gone in _gone(old, new):
        heir = _heir(gone, new)
        if heir:
            yield f"- {_named(gone)} is gone: the update moves its services to {_named(heir)}; read its page first."
        else:
            possible = listed(pattern.value for pattern in new.patterns.values() if pattern.decision == gone.decision)
            yield (
                f"- {_named(gone)} is gone without a successor: the update is refused until you choose another,"
                f' with `make update ARGS="--data {gone.decision}=..."`; possible: {possible}.'
            )


# --- Patterns ---------------------------------------------------------------------------------------------------------


def _added(old: Snapshot, new: Snapshot) -> Lines:
    for pattern in _by_title(new.patterns[one] for one in new.patterns.keys() - old.patterns.keys()):
        status = "" if pattern.text("status") == "stable" else f" ({pattern.text('status')})"
        yield f"- {_named(pattern)} {pattern.version}{status}: {pattern.text('summary')}"


def _changed(old: Snapshot, new: Snapshot) -> Lines:
    first = True
    for was, now in _in_both(old, new):
        versions = dict.fromkeys((was.version, now.version))
        rows = [line for _, lines in _entries(now, was.version) for line in lines] + list(_differences(was, now, new))
        if len(versions) > 1 or rows:
            if not first:
                yield ""
            first = False
            yield f"### {now.name} (`{now.title}`) {' → '.join(versions)}"
            if rows:
                yield ""
                yield from rows


def _differences(was: Pattern, now: Pattern, new: Snapshot) -> Lines:
    """What the manifest itself shows, beside what the changelog tells."""
    yield from _settings(was.rows("settings"), now.rows("settings"))
    for name in was.rows("settings"):
        if name not in now.rows("settings"):
            takers = [pattern for pattern in _by_title(new.patterns.values()) if name in pattern.rows("settings")]
            yield f"- Setting removed: `{name}`" + (f"; it comes with {_named(takers[0])} now." if takers else ".")
    for field, gained, lost in (
        ("needs", "Now needs", "No longer needs"),
        ("provides", "Now provides", "No longer provides"),
    ):
        before, after = set(was.words(field)), set(now.words(field))
        for heading, words in ((gained, after - before), (lost, before - after)):
            if words:
                yield f"- {heading} {', '.join(f'`{word}`' for word in sorted(words))}."
    before, after = (set(_requirements(pattern)) for pattern in (was, now))
    for heading, rows in (("Requires", after - before), ("No longer requires", before - after)):
        if rows:
            yield f"- {heading} {', '.join(f'`{row}`' for row in sorted(rows))}."
    if was.text("status") == "experimental" and now.text("status") == "stable":
        yield "- It is stable now."


def _settings(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> Lines:
    for name, row in after.items():
        if name not in before:
            yield f"- Setting added: `{name}` (default {_shown(row.get('default'))}): {one_line(row.get('help', ''))}"
            continue
        for field in ("default", "type", "ge", "gt", "le", "choices", "when"):
            was, now = before[name].get(field), row.get(field)
            if was != now or type(was) is not type(now):
                yield f"- Setting `{name}`: {field} is {_shown(now)}, was {_shown(was)}."


def _shown(value: object) -> str:
    return "nothing" if value is None else f"`{one_line(value)}`"


def _requirements(pattern: Pattern) -> Iterator[str]:
    groups = pattern.manifest.get("dependencies")
    for rows in groups.values() if isinstance(groups, dict) else ():
        for row in rows.values() if isinstance(rows, dict) else [rows]:
            yield from (str(one) for one in row if isinstance(row, list))


def _deprecated(old: Snapshot, new: Snapshot) -> Lines:
    for pattern in _newly_deprecated(old, new):
        yield f"- {_named(pattern)}: stays until {pattern.text('remove_after')}; {_successor(pattern, new)} takes over."


def _renamed(old: Snapshot, new: Snapshot) -> Lines:
    for was, now in _in_both(old, new):
        if was.title != now.title:
            follow = "services follow with their update"
            if was.decision != now.decision or was.value not in now.words("formerly"):
                follow = "services that remember the old name have to choose it anew"
            yield f"- `{was.title}` is now {_named(now)}; {follow}."


def _removed(old: Snapshot, new: Snapshot) -> Lines:
    for pattern in _gone(old, new):
        heir = _heir(pattern, new)
        yield f"- {_named(pattern)} {pattern.version}" + (f"; {_named(heir)} takes its place." if heir else ".")


def _in_both(old: Snapshot, new: Snapshot) -> list[tuple[Pattern, Pattern]]:
    rows = [(old.patterns[one], new.patterns[one]) for one in old.patterns.keys() & new.patterns.keys()]
    return sorted(rows, key=lambda row: row[1].title)


def _gone(old: Snapshot, new: Snapshot) -> list[Pattern]:
    return _by_title(old.patterns[one] for one in old.patterns.keys() - new.patterns.keys())


def _newly_deprecated(old: Snapshot, new: Snapshot) -> list[Pattern]:
    def is_deprecated(pattern: Pattern | None) -> bool:
        return pattern is not None and pattern.text("status") == "deprecated"

    return _by_title(
        pattern
        for one, pattern in new.patterns.items()
        if is_deprecated(pattern) and not is_deprecated(old.patterns.get(one))
    )


def _heir(gone: Pattern, new: Snapshot) -> Pattern | None:
    """The pattern that services of a removed one are moved to."""
    heirs = (
        row for row in new.patterns.values() if row.decision == gone.decision and gone.value in row.words("formerly")
    )
    return next(heirs, None)


def _successor(pattern: Pattern, new: Snapshot) -> str:
    successor = new.patterns.get(pattern.text("replaced_by"))
    return _named(successor) if successor else pattern.text("replaced_by") or "nothing"


def _by_title(patterns: Iterable[Pattern]) -> list[Pattern]:
    return sorted(patterns, key=lambda pattern: pattern.title)


def _named(pattern: Pattern) -> str:
    return f"**{pattern.name}** (`{pattern.title}`)"


# --- Changelogs -------------------------------------------------------------------------------------------------------


def _entries(pattern: Pattern, since: str) -> list[tuple[str, list[str]]]:
    """Versions after `since` up to the pattern's own, newest first, each with the lines of its entry."""
    found = []
    for part in re.split(r"^## ", pattern.changelog, flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        version = heading.strip().strip("[]").split()[0] if heading.strip() else ""
        if re.fullmatch(SEMANTIC_VERSION, version) and _number(since) < _number(version) <= _number(pattern.version):
            found.append((version, [line.rstrip() for line in text.strip().splitlines() if line.strip()]))
    return sorted(found, key=lambda row: _number(row[0]), reverse=True)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit()) or (0,)


# --- What is no pattern -----------------------------------------------------------------------------------------------


def _decisions(old: Snapshot, new: Snapshot) -> Lines:
    for name, row in new.decisions.items():
        title = f"**{one_line(row.get('title', name))}** (`{name}`)"
        if name not in old.decisions:
            asked = "never asked" if row.get("implied") else "asked by the next update, which else takes its default"
            yield f"- New: {title}: {one_line(row.get('question', ''))} It is {asked}."
            continue
        for field in sorted({*row, *old.decisions[name]} - {"name"}):
            was, now = old.decisions[name].get(field), row.get(field)
            if was != now:
                yield f"- {title}: {field} is {_shown(now)}, was {_shown(was)}."
    for name in old.decisions:
        if name not in new.decisions:
            yield f"- Gone: `{name}`."


def _golden_paths(old: Snapshot, new: Snapshot) -> Lines:
    for name, row in new.golden_paths.items():
        if name not in old.golden_paths:
            whom = f" For {one_line(row['for'])}." if row.get("for") else ""
            answers = ", ".join(f"{decision} {_answer(value)}" for decision, value in _answers(row).items()) or "none"
            yield f"- New: **{name}**: {one_line(row.get('title', ''))}.{whom} Answers: {answers}.{_locked(row)}"
            continue
        yield from _path_changes(name, old.golden_paths[name], row)
    for name in old.golden_paths:
        if name not in new.golden_paths:
            yield f"- Gone: **{name}**; services keep the answers that it gave."


def _path_changes(name: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Lines:
    before, after = _answers(was), _answers(now)
    for decision in dict.fromkeys((*after, *before)):
        if before.get(decision) != after.get(decision):
            yield (
                f"- **{name}**: {decision} is {_answer(after.get(decision))}, was {_answer(before.get(decision))};"
                " services that exist keep theirs."
            )
    for field in sorted({*was, *now} - {"name", "answers"}):
        if was.get(field) != now.get(field):
            yield f"- **{name}**: {field} is {_shown(now.get(field))}, was {_shown(was.get(field))}."


def _answers(path: Mapping[str, Any]) -> Mapping[str, Any]:
    answers = path.get("answers")
    return answers if isinstance(answers, dict) else {}


def _answer(value: object) -> str:
    if isinstance(value, list):
        return f"`{', '.join(map(str, value))}`" if value else "none"
    return "left open" if value is None else f"`{one_line(value)}`"


def _locked(path: Mapping[str, Any]) -> str:
    locked = path.get("locked")
    return f" Locked: {', '.join(map(str, locked))}." if isinstance(locked, list) and locked else ""


def _skeleton(old: Snapshot, new: Snapshot) -> Lines:
    for heading, paths in (
        ("Added", new.skeleton.keys() - old.skeleton.keys()),
        (
            "Changed",
            {path for path in new.skeleton.keys() & old.skeleton.keys() if new.skeleton[path] != old.skeleton[path]},
        ),
        ("Removed", old.skeleton.keys() - new.skeleton.keys()),
    ):
        if paths:
            yield f"- {heading}: {', '.join(f'`{path}`' for path in sorted(paths))}"


# --- The command ------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the notes, and to standard error what a release still lacks; 2 when there is no such revision."""
    parser = argparse.ArgumentParser(prog="python -m hooks.release_notes", description=__doc__)
    parser.add_argument("since", metavar="SINCE", help="the revision that services have, such as v1.0.0")
    parser.add_argument("to", metavar="TO", nargs="?", default="HEAD", help="the revision that is published")
    parser.add_argument(
        "--template", type=Path, default=Path.cwd(), metavar="FOLDER", help="another clone of the template"
    )
    options = parser.parse_args(arguments)
    try:
        if not options.since:
            raise NoRevisionError("From where? make release-notes SINCE=v1.0.0")
        root = find_root(options.template.resolve())
        old, new = read_snapshot(root, options.since), read_snapshot(root, options.to)
    except NoRevisionError as error:
        print(error, file=sys.stderr)
        return 2
    for sentence in warnings(old, new):
        print(f"Before you publish: {sentence}", file=sys.stderr)
    sys.stdout.write(release_notes(old, new))
    return 0


if __name__ == "__main__":
    sys.exit(main())
