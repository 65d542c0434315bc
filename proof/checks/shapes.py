"""What Docker Compose and Prometheus allow in their files: a slot at the wrong depth is still YAML, but not theirs."""

from collections.abc import Iterator

import yaml

from .yaml_nodes import below, documents, items, line, pairs, scalar

COMPOSE = "compose.yaml"
MONITORING = "deploy/monitoring/"
RULES = f"{MONITORING}alerts.yaml"

_COMPOSE_KEYS = frozenset({"services", "volumes", "networks", "configs", "secrets", "name"})
_GROUP_KEYS = frozenset({"name", "interval", "limit", "query_offset", "labels", "rules"})
_RULE_KEYS = frozenset({"alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"})
_ONLY_ALERTS = ("for", "keep_firing_for", "annotations")


def shape_problems(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Line and sentence for each thing that the tool which reads this file refuses, or would read as another."""
    if path == COMPOSE:
        for root in documents(text):
            yield from _compose(root)
    elif path.startswith(MONITORING):
        for root in documents(text):
            # Other files of rules are known by their groups; Grafana's have groups too, and a version.
            keys = pairs(root).keys()
            if path == RULES or ("groups" in keys and "apiVersion" not in keys):
                yield from _rules(root)


def _foreign(node: yaml.Node, allowed: frozenset[str], of: str) -> Iterator[tuple[int, str]]:
    for name, (key, _) in pairs(node).items():
        if name not in allowed:
            yield line(key), f"{name!r} is no key of {of}; possible: {', '.join(sorted(allowed))}."


def _compose(root: yaml.Node) -> Iterator[tuple[int, str]]:
    own = frozenset(name for name in pairs(root) if name.startswith("x-"))
    yield from _foreign(root, _COMPOSE_KEYS | own, "a compose file")
    services = pairs(below(root, "services"))
    if not services:
        yield line(root), "has no services."
    for name, (key, service) in services.items():
        rows = pairs(service)
        if not rows.keys() & {"image", "build", "extends"}:
            yield line(key), f"the service {name} has neither image nor build."
        needed = rows["depends_on"][1] if "depends_on" in rows else None
        others = {word: row for row in items(needed) if (word := scalar(row))}
        others |= {word: row for word, (row, _) in pairs(needed).items()}
        for word, row in others.items():
            if word not in services:
                yield line(row), f"{name} depends on {word}, which is no service here."


def _rules(root: yaml.Node) -> Iterator[tuple[int, str]]:
    yield from _foreign(root, frozenset({"groups"}), "a rule file")
    names: set[str] = set()
    for group in items(below(root, "groups")):
        yield from _foreign(group, _GROUP_KEYS, "a group of rules")
        name = scalar(below(group, "name"))
        if not name:
            yield line(group), "a group of rules has no name."
        elif name in names:
            yield line(group), f"a second group of rules is named {name}."
        names.add(name or "")
        for rule in items(below(group, "rules")):
            yield from _rule(rule)


def _rule(rule: yaml.Node) -> Iterator[tuple[int, str]]:
    rows = pairs(rule)
    yield from _foreign(rule, _RULE_KEYS, "a rule")
    if len(rows.keys() & {"alert", "record"}) != 1:
        yield line(rule), "a rule has exactly one of alert and record."
    if not (scalar(below(rule, "expr")) or "").strip():
        yield line(rule), "a rule has no expr."
    if "record" in rows:
        for name in _ONLY_ALERTS:
            if name in rows:
                yield line(rows[name][0]), f"a rule that records has no {name!r}; only alerts do."
