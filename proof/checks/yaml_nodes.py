"""YAML with the places of its keys: what PyYAML loads no longer knows its lines."""

from collections.abc import Iterator

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def documents(text: str) -> list[yaml.Node]:
    """The root of each document; nothing where the text is not YAML, which is another check's problem."""
    try:
        return [node for node in yaml.compose_all(text, Loader=_Loader) if node]
    except yaml.YAMLError:
        return []


def line(node: yaml.Node) -> int:
    """The line that a node begins on."""
    return int(node.start_mark.line) + 1


def pairs(node: yaml.Node | None) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Key and value of a mapping, by the key's text, with what `<<` merges in; nothing of another node."""
    found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value == "<<":
            for merged in value.value if isinstance(value, yaml.SequenceNode) else (value,):
                found = {**pairs(merged), **found}
        else:
            found[str(key.value)] = (key, value)
    return found


def items(node: yaml.Node | None) -> list[yaml.Node]:
    """The nodes of a list; nothing of another node."""
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def below(node: yaml.Node | None, *keys: str) -> yaml.Node | None:
    """What stands at a path of keys, if anything does."""
    for key in keys:
        node = pairs(node).get(key, (None, None))[1]
    return node


def scalar(node: yaml.Node | None) -> str | None:
    """The text of a scalar as it is written; none for null and for anything else."""
    null = node is None or node.tag == "tag:yaml.org,2002:null"
    return str(node.value) if isinstance(node, yaml.ScalarNode) and not null else None


def everywhere(node: yaml.Node) -> Iterator[yaml.Node]:
    """A node and all below it."""
    yield node
    for child in items(node):
        yield from everywhere(child)
    for _, value in pairs(node).values():
        yield from everywhere(value)
