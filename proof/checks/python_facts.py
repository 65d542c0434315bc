"""What one Python file imports, binds and reads: taken from its syntax, once per distinct content."""

import ast
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import NamedTuple

# Calls whose first argument names a module, as an import statement would.
MODULE_CALLS = frozenset({"find_spec", "import_module"})


class Import(NamedTuple):
    """`from module import name`, or `import module` where `name` is empty; never relative."""

    module: str
    name: str
    line: int
    typing_only: bool

    @property
    def top(self) -> str:
        """The package that is imported from."""
        return self.module.partition(".")[0]


@dataclass(frozen=True)
class PythonFacts:
    """The facts of a file that parses; all names are as written, without their scopes."""

    imports: tuple[Import, ...] = ()
    external: frozenset[str] = frozenset()
    """What it imports from outside of the standard library, `module.name`; relative imports are left out."""
    loads: frozenset[str] = frozenset()
    """Whatever of this an import may run: modules, the packages around them, names that may be modules."""
    bound: frozenset[str] = frozenset()
    """What stands at the top of the module, and so can be imported from it."""
    public: frozenset[str] = frozenset()
    """The classes, functions and constants among them that the module defines itself."""
    known: frozenset[str] = frozenset()
    """Every name that is bound anywhere in it, those from other distributions and string constants included."""
    strings: frozenset[str] = frozenset()
    settings_read: frozenset[str] = frozenset()
    """`name` of each `settings.name`."""
    settings: frozenset[str] = frozenset()
    """The fields of its class Settings."""
    env_prefix: str = ""
    error: str = ""
    error_line: int = 1


@cache
def module_of(path: str) -> str:
    """The dotted name of a module by its path; those outside of src/ keep their folder."""
    parts = PurePosixPath(path).with_suffix("").parts
    parts = parts[1:] if parts[0] == "src" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def loaded_by(row: Import) -> Iterator[str]:
    """The module of an import, the packages around it, and its name, which may be a module too."""
    parts = row.module.split(".")
    yield from (".".join(parts[: count + 1]) for count in range(len(parts)))
    yield f"{row.module}.{row.name}"


@cache
def python_facts(path: str, content: bytes) -> PythonFacts:
    """The facts of a file; one that does not parse has an error and nothing else."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError) as error:
        return PythonFacts(error=getattr(error, "msg", str(error)), error_line=getattr(error, "lineno", None) or 1)
    typing_only = frozenset(_typing_only(tree))
    imports: list[Import] = []
    external: set[str] = set()
    known: set[str] = set()
    strings: set[str] = set()
    read: set[str] = set()
    settings: set[str] = set()
    prefix = ""
    for node in ast.walk(tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                found = list(_imports(node, path, node in typing_only))
                imports += found
                if path.startswith("src/") and not getattr(node, "level", 0):
                    known.update(row.name or row.module for row in found)
                external |= {f"{row.module}.{row.name}".rstrip(".") for row in found if _is_external(node, row)}
            case ast.Call(
                func=ast.Attribute(attr=name) | ast.Name(id=name), args=[ast.Constant(value=str(module)), *_]
            ):
                if name in MODULE_CALLS:
                    imports.append(Import(module, "", node.lineno, False))
                    external.add(module)
            case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=name):
                if owner.lstrip("_") == "settings":
                    read.add(name)
                if isinstance(node.ctx, ast.Store):
                    known.add(name)
            case ast.ClassDef(name=name):
                known.add(name)
                if name == "Settings":
                    settings |= {row.target.id for row in node.body if _is_field(row)}  # type: ignore[attr-defined]
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.arg(arg=name):
                known.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                known.add(name)
            case ast.keyword(arg="env_prefix", value=ast.Constant(value=str(value))):
                prefix = value
            case ast.Constant(value=str(value)):
                strings.add(value)
    bound, public = _top_level(tree, imports)
    return PythonFacts(
        imports=tuple(imports),
        external=frozenset(external),
        loads=frozenset(name for row in imports if not row.typing_only for name in loaded_by(row)),
        bound=bound,
        public=public,
        known=frozenset(known | strings),
        strings=frozenset(strings),
        settings_read=frozenset(read),
        settings=frozenset(settings),
        env_prefix=prefix,
    )


def _is_external(node: ast.Import | ast.ImportFrom, row: Import) -> bool:
    return not getattr(node, "level", 0) and row.module.split(".")[0] not in sys.stdlib_module_names


def _is_field(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)


def _imports(node: ast.Import | ast.ImportFrom, path: str, typing_only: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, "", node.lineno, typing_only)
        return
    module = node.module or ""
    if node.level:
        package = module_of(path).split(".")
        # One dot is the module's own package; `__init__` is its package already.
        up = node.level - path.endswith("/__init__.py")
        module = ".".join([*package[: len(package) - up], *filter(None, [module])])
    for alias in node.names:
        yield Import(module, alias.name, node.lineno, typing_only)


def _typing_only(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements below `if TYPE_CHECKING:`, which never run."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from node.body


def _top_level(tree: ast.Module, imports: list[Import]) -> tuple[frozenset[str], frozenset[str]]:
    bound = {row.name or row.module.split(".")[0] for row in imports}
    public: set[str] = set()
    rows = list(tree.body)
    while rows:
        row = rows.pop()
        match row:
            case ast.Import() | ast.ImportFrom():
                bound |= {alias.asname for alias in row.names if alias.asname}
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                public.add(name)
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                targets = row.targets if isinstance(row, ast.Assign) else [row.target]
                public |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
            case ast.If() | ast.Try() | ast.With() | ast.For():
                rows += [child for child in ast.iter_child_nodes(row) if isinstance(child, ast.stmt)]
                rows += [child for handler in getattr(row, "handlers", []) for child in handler.body]
    return frozenset(bound | public), frozenset(public)
