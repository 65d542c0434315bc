"""Write docs/DECISION_FRAMEWORK.md and docs/situations.md: `python -m hooks.framework`.

The one comes from the manifests, the criteria and the trees, the other from tests/situations.yml.

With `--check` nothing is written; the exit status is 1 when a page is not current.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from string import Template

import yaml

from .advice import Stated, advised, all_walks, candidates, matters, verdict, walk
from .catalogue import Catalogue, Criterion, Decision, NoCatalogueError, read_catalogue
from .check_patterns import find_root
from .criteria import UNKNOWN
from .manifest import Manifest
from .space import Combination, patterns_of, provided
from .trees import Tree, read_trees

PAGE = Path("docs") / "DECISION_FRAMEWORK.md"
SITUATIONS_PAGE = Path("docs") / "situations.md"
NUMBERS = {"primary_function": 1, "risk": 5}
"""Which tree of the framework a decision opens; those between belong to the first."""


@dataclass
class Chart:
    """A flow chart of what the guided way asks for one decision; equal parts are drawn once."""

    lines: list[str] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)

    def node(self, shape: str) -> str:
        """The name of a node with this text and shape, drawn when it is new."""
        if shape not in self.known:
            self.known[shape] = f"n{len(self.known)}"
            self.lines.append(f"  {self.known[shape]}{shape.partition('|')[2]}")
        return self.known[shape]


def page(catalogue: Catalogue, trees: Sequence[Tree]) -> str:
    """The whole page."""
    parts = [*_first_tree(catalogue), *(_announced(tree) for tree in trees), *_risk_tree(catalogue)]
    frame = Template((Path(__file__).parent / "framework_page.md").read_text(encoding="utf-8"))
    return frame.substitute(
        asked=_asked(catalogue),
        overview=_overview(catalogue),
        trees="\n\n".join(part.strip("\n") for part in parts),
        count=sum(1 for _ in all_walks(catalogue)),
    )


def situations_page(catalogue: Catalogue) -> str:
    """The published situations: what they are about, what was chosen, and where to read about them."""
    rows = yaml.safe_load((catalogue.root / "tests" / "situations.yml").read_text(encoding="utf-8"))
    parts = [
        f"""# Situations

{len(rows)} situations from the published literature and from engineering blogs. The facts are from the sources; needs
that they do not tell, such as the cluster, and the patterns that fit are our judgement. Some sources tell of failures.
Shown is what the [decision framework](DECISION_FRAMEWORK.md) derives, and where another choice is as good, that; a test
holds it to the judgement. Situations about texts and images are here for their deployment, monitoring and risk: the one
function that there is today predicts from tables. Written by `make framework` from `tests/situations.yml`, which holds
every answer.

| situation | patterns | source |
|---|---|---|"""
    ]
    for row in sorted(rows, key=lambda row: str(row["title"])):
        chosen, _ = walk(catalogue, row["needs"])
        names = [_shown(catalogue, one, chosen[one.name], row["expert"]) for one in catalogue.decisions if one.asks]
        source = row["source"]
        unread = "" if source["checked"] else " (not read)"
        link = f"[{source['title']}]({source['address']}), {source['publisher']}{unread}"
        parts.append(f"| {row['title']} | {'; '.join(names)} | {link} |")
    return "\n".join(parts) + "\n"


def _shown(catalogue: Catalogue, decision: Decision, values: Sequence[str], expert: Mapping[str, object]) -> str:
    """The names of patterns, with those that would be as good."""
    names = {row.value: row.name for row in patterns_of(catalogue, decision)}
    judged = expert[decision.name]
    others = [] if decision.multiple or not isinstance(judged, list) else [one for one in judged if one not in values]
    shown = ", ".join(names[value] for value in values) or "none"
    return " or ".join([shown, *(names[value] for value in others)])


def _asked(catalogue: Catalogue) -> str:
    return "\n".join(
        f"| `{row.name}` | {row.question} | {_answers(row)} | {_decided_by(catalogue, row.name)} |"
        for row in catalogue.criteria
    )


def _answers(row: Criterion) -> str:
    return "; ".join(f"`{value}`: {label}" for value, label, _ in row.answers)


def _decided_by(catalogue: Catalogue, name: str) -> str:
    return ", ".join(row.title.lower() for row in catalogue.decisions if name in row.asks)


def _overview(catalogue: Catalogue) -> str:
    asked = [row for row in catalogue.decisions if row.name in catalogue.questions]
    lines = [f"  {one.name}[{one.title}] -->|then| {two.name}[{two.title}]" for one, two in pairwise(asked)]
    for row in asked:
        if row.asks:
            names = "<br>".join(row.asks)
            lines.append(f"  {row.name}_asks([{names}]) -.-> {row.name}")
    return "\n".join(lines)


def _first_tree(catalogue: Catalogue) -> Iterator[str]:
    first = catalogue.decisions[0]
    lines = [f"  function{{{_quoted(first.question)}}}"]
    lines += [f"  function --> {row.value}[{_quoted(row.name)}]" for row in patterns_of(catalogue, first)]
    lines += [f"  function -.-> {value}[{_quoted(text + ': no pattern yet')}]" for value, text in first.announced]
    chart = "\n".join(lines)
    yield f"""## Tree 1: Architecture by primary function

{first.question} What is announced is shown by the questionnaire, and cannot be chosen yet.

```mermaid
flowchart TD
{chart}
```

{_patterns(catalogue, first)}"""
    for decision in catalogue.decisions[1:]:
        if decision.asks and decision.name not in NUMBERS:
            yield _decision(catalogue, decision, 3)


def _risk_tree(catalogue: Catalogue) -> Iterator[str]:
    decision = next(row for row in catalogue.decisions if row.name == "risk")
    yield "## Tree 5: Security and governance by risk"
    yield _decision(catalogue, decision, 3)
    implied = next(row for row in catalogue.decisions if row.name == "safeguards")
    rows = "\n".join(
        f"| [{row.name}](../pattern_fragments/{row.decision}/{row.value}/pattern.md) | {row.summary} |"
        f" {', '.join(_tiers(catalogue, row))} | {', '.join(_beside(catalogue, row)) or 'always'} |"
        for row in patterns_of(catalogue, implied)
    )
    yield f"""### What a tier brings

The safeguards are not asked for: each comes with the tiers that call for it, where the service has what it guards.
A tier is an engineering decision, and no legal classification.

| safeguard | what it does | tiers | where there is |
|---|---|---|---|
{rows}"""


def _tiers(catalogue: Catalogue, pattern: Manifest) -> list[str]:
    rows = [row for _, row in catalogue.patterns if row.decision == "risk"]
    given = {name for row in rows for name in row.provides}
    own = given.intersection(pattern.needs)
    return [row.value for row in sorted(rows, key=lambda row: row.id) if own <= set(row.provides)]


def _beside(catalogue: Catalogue, pattern: Manifest) -> list[str]:
    given = {name for _, row in catalogue.patterns if row.decision == "risk" for name in row.provides}
    return [f"`{name}`" for name in pattern.needs if name not in given]


def _decision(catalogue: Catalogue, decision: Decision, level: int) -> str:
    mark = "#" * level
    asked = [row for row in catalogue.criteria if row.name in decision.asks]
    asked.sort(key=lambda row: decision.asks.index(row.name))
    rows = patterns_of(catalogue, decision)
    head = " | ".join(f"`{row.value}`" for row in rows)
    marked = [
        (f"{row.title.lower()}: {_spoken(value)}", value, [_mark(one, row.name, value) for one in rows])
        for row in asked
        for value in (*row.values, UNKNOWN)
    ]
    table = [f"| {' | '.join([title, *marks])} |" for title, value, marks in marked if value != UNKNOWN or any(marks)]
    parts = [
        f"{mark} {decision.title}",
        decision.question,
        _patterns(catalogue, decision),
        "\n".join([f"| answer | {head} |", f"|---{'|:-:' * len(rows)}|", *table]),
        "`+` speaks for the pattern, `-` against it; with `x` it cannot work.",
    ]
    if not decision.multiple:
        parts += [f"{title}\n\n```mermaid\nflowchart TD\n{chart}\n```" for title, chart in _charts(catalogue, decision)]
    if told := _contradictions(catalogue, decision):
        parts.append(told)
    return "\n\n".join(parts)


def _spoken(value: str) -> str:
    return value.replace("_", " ")


def _mark(pattern: Manifest, name: str, value: str) -> str:
    if value in pattern.fits.get(name, ()):
        return "`+`"
    if value in pattern.unfit.get(name, ()):
        return "`x`"
    return "`-`" if value in pattern.against.get(name, ()) else ""


def _patterns(catalogue: Catalogue, decision: Decision) -> str:
    lines = ["| pattern | what it does | needs |", "|---|---|---|"]
    for row in patterns_of(catalogue, decision):
        link = f"../pattern_fragments/{row.decision}/{row.value}/pattern.md"
        mark = "" if row.status == "stable" else f" ({row.status})"
        mark += ", recommended" if row.recommended else ""
        needs = ", ".join(f"`{name}`" for name in row.needs)
        lines.append(f"| [{row.name}]({link}){mark} | {row.summary} | {needs} |")
    return "\n".join(lines)


def _charts(catalogue: Catalogue, decision: Decision) -> Iterator[tuple[str, str]]:
    """A chart for each set of patterns that earlier decisions can leave possible."""
    seen: dict[tuple[str, ...], list[str]] = {}
    charts: dict[tuple[str, ...], str] = {}
    for before in _states_before(catalogue, decision):
        rows = candidates(catalogue, decision, provided(catalogue, before))
        key = tuple(row.value for row in rows)
        last = catalogue.decisions[max(0, catalogue.decisions.index(decision) - 1)]
        label = ", ".join(before.get("serving", ())) if last.name == "serving" else ""
        seen.setdefault(key, [])
        if label and label not in seen[key]:
            seen[key].append(label)
        if key not in charts and len(rows) > 1:
            chart = Chart()
            asked = [row for row in catalogue.criteria if row.name in decision.asks]
            asked.sort(key=lambda row: decision.asks.index(row.name))
            _draw(chart, decision, rows, asked, {})
            charts[key] = _from_the_root(chart.lines)
    for key, text in charts.items():
        title = f"As it decides after {' or '.join(seen[key])}:" if seen[key] else "As it decides:"
        yield title, text


def _from_the_root(lines: Sequence[str]) -> str:
    """A chart that was drawn from its ends, the other way round: each node, then its arrows."""
    nodes: list[list[str]] = []
    for line in lines:
        if "-->" in line:
            nodes[-1].append(line)
        else:
            nodes.append([line])
    return "\n".join(line for node in reversed(nodes) for line in node)


def _states_before(catalogue: Catalogue, decision: Decision) -> Iterator[Combination]:
    position = catalogue.decisions.index(decision)
    reached: dict[frozenset[str], Combination] = {frozenset(): {}}
    for row in catalogue.decisions[:position]:
        further: dict[frozenset[str], Combination] = {}
        for given, chosen in reached.items():
            for pattern in candidates(catalogue, row, given):
                picked = {**chosen, row.name: (pattern.value,)}
                further.setdefault(given.union(pattern.provides), picked)
            if row.multiple:
                further.setdefault(given, {**chosen, row.name: ()})
        reached = further or reached
    yield from reached.values()


def _draw(chart: Chart, decision: Decision, rows: Sequence[Manifest], asked: Sequence[Criterion], known: Stated) -> str:
    """The node from which the rest of the questions goes on."""
    for row in asked:
        if row.name not in known and matters(decision, rows, asked, row.name, known, advised):
            targets: dict[str, list[str]] = {}
            for value in row.values:
                # What was answered before a question that does not matter any more is left as it is.
                target = _draw(chart, decision, rows, asked, {**known, row.name: value})
                targets.setdefault(target, []).append(_spoken(value))
            key = f"{row.name} {sorted(targets.items())}|{{{_quoted(row.question)}}}"
            fresh = key not in chart.known
            node = chart.node(key)
            if fresh:
                chart.lines += [f"  {node} -->|{' or '.join(values)}| {target}" for target, values in targets.items()]
            return node
    [value] = advised(decision, rows, known)
    name = next(row.name for row in rows if row.value == value)
    return chart.node(f"{value}|([{_quoted(name)}])")


def _contradictions(catalogue: Catalogue, decision: Decision) -> str:
    """Where even the advised pattern has something against it."""
    found = dict[tuple[str, str], set[str]]()
    for stated, chosen in all_walks(catalogue):
        if list(chosen)[-1] != decision.name:
            continue
        for pattern in patterns_of(catalogue, decision):
            if pattern.value in chosen[decision.name]:
                for name in verdict(pattern, stated)[1]:
                    row = next(one for one in catalogue.criteria if one.name == name)
                    answer = stated[name]
                    found.setdefault((row.clause(answer), row.unmet.get(answer, "")), set()).add(pattern.name)
    if not found:
        return ""
    lines = [
        "Where something speaks against even the best one, the help and the record say so, and what can be done:",
        "",
    ]
    for (clause, unmet), names in sorted(found.items()):
        lines.append(f"- {', '.join(sorted(names))}, although {clause}. {unmet}".rstrip())
    return "\n".join(lines)


def _announced(tree: Tree) -> str:
    lines = []
    for name, step in tree.flow.items():
        lines.append(f"  {name}{{{_quoted(step.question)}}}")
        for answer, target in step.answers.items():
            lines.append(f"  {name} -->|{answer}| {target}")
    lines += [f"  {name}([{_quoted(row.name)}])" for name, row in tree.choices.items()]
    chart = "\n".join(lines)
    rows = "\n".join(f"| {row.name} | {row.when} | {row.price} |" for row in tree.choices.values())
    return f"""## Tree {tree.number}: {tree.title}

**Announced: there are no patterns for this tree yet**, and nothing of it is asked.

{tree.question} {tree.about}

```mermaid
flowchart TD
{chart}
```

| choice | when | price |
|---|---|---|
{rows}"""


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(prog="python -m hooks.framework", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; say which page is not current")
    options = parser.parse_args(arguments)
    root = find_root(Path.cwd())
    try:
        catalogue = read_catalogue(root)
        pages = {PAGE: page(catalogue, read_trees(root)), SITUATIONS_PAGE: situations_page(catalogue)}
    except (NoCatalogueError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    for path, text in pages.items():
        current = (root / path).is_file() and (root / path).read_text(encoding="utf-8") == text
        if not current and options.check:
            print(f"{path} is not current; run `make framework`")
            return 1
        if not current:
            (root / path).write_text(text, encoding="utf-8")
            print(f"{path} is written.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
