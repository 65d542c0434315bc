"""What one manifest must keep beside its schema, and what the manifests must keep together."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from .catalogue import PACKAGE, Catalogue, PatternFolder
from .criteria import UNKNOWN
from .findings import Finding, did_you_mean, listed
from .manifest import Manifest, Wiring


def check_manifest(catalogue: Catalogue, folder: PatternFolder, manifest: Manifest) -> Iterator[Finding]:
    """The rules about one pattern among the others."""
    yield from _folder_is_decision_and_value(catalogue, folder, manifest)
    yield from _capabilities_are_provided(catalogue, folder, manifest)
    yield from _changelog_tells_the_version(folder, manifest)
    yield from _replacement_exists(catalogue, folder, manifest)
    yield from _wiring_imports_exist(catalogue, folder, manifest)
    yield from _criteria_are_asked(catalogue, folder, manifest)


def check_together(catalogue: Catalogue) -> Iterator[Finding]:
    """The rules about pairs of patterns."""
    yield from _something_can_always_be_chosen(catalogue)
    yield from _ids_are_unique(catalogue)
    yield from _paths_do_not_clash(catalogue)
    yield from _settings_do_not_clash(catalogue)
    yield from _former_values_lead_to_one_pattern(catalogue)


def _folder_is_decision_and_value(catalogue: Catalogue, folder: PatternFolder, manifest: Manifest) -> Iterator[Finding]:
    decision, value = folder.path.parent.name, folder.path.name
    if manifest.decision != decision:
        yield folder.finding(f"{manifest.decision!r} is not the parent folder's name; it is {decision!r}", "decision")
    if manifest.value != value:
        yield folder.finding(f"{manifest.value!r} is not the folder's name; it is {value!r}", "value")
    if manifest.decision not in catalogue.order:
        yield folder.finding(
            f"{manifest.decision!r} is no decision of copier.yml; {did_you_mean(manifest.decision, catalogue.order)}",
            "decision",
        )


def _capabilities_are_provided(catalogue: Catalogue, folder: PatternFolder, manifest: Manifest) -> Iterator[Finding]:
    own = catalogue.order.get(manifest.decision, 0)
    earlier, anywhere = set[str](), set[str]()
    for _, other in catalogue.patterns:
        anywhere |= set(other.provides)
        if catalogue.order.get(other.decision, own) < own:
            earlier |= set(other.provides)
    for index, need in enumerate(manifest.needs):
        if need not in earlier:
            late = "only by a later decision" if need in anywhere else "by no pattern"
            yield folder.finding(
                f"{need!r} is provided {late}; earlier decisions provide {listed(earlier)}",
                *("needs", index),
                field=f"needs[{index}]",
            )
    if set(manifest.needs) <= earlier and not catalogue.can_meet(manifest):
        yield folder.finding("no combination of earlier choices provides all of it; split it or drop one", "needs")
    for field, index, when in _conditions(manifest):
        if when not in anywhere:
            yield folder.finding(
                f"{when!r} is provided by no pattern; possible: {listed(anywhere)}",
                *(field, index, "when"),
                field=f"{field}[{index}].when",
            )
        elif not catalogue.can_meet(manifest, provided=(when,)):
            yield folder.finding(
                f"no combination holds this pattern and {when}; leave the row out",
                *(field, index, "when"),
                field=f"{field}[{index}].when",
            )


def _conditions(manifest: Manifest) -> Iterator[tuple[str, int, str]]:
    for index, (_, when) in enumerate(manifest.listed_files):
        if when:
            yield "files", index, when
    for index, setting in enumerate(manifest.settings):
        if setting.when:
            yield "settings", index, setting.when
    for field, index, wiring in _imports(manifest):
        if wiring.when:
            yield field, index, wiring.when


def _changelog_tells_the_version(folder: PatternFolder, manifest: Manifest) -> Iterator[Finding]:
    path = folder.path / "CHANGELOG.md"
    if not path.is_file():
        return
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if line.startswith("## "):
            top = line.removeprefix("## ").strip()
            if top != manifest.version:
                yield Finding(
                    path,
                    number,
                    "version",
                    f"the top entry is {top}, the manifest says {manifest.version}; a new version has its entry on top",
                )
            if not any(rest.strip() for rest in lines[number:][:3]):
                yield Finding(path, number, "version", "the entry is empty; say what changed")
            return
    yield Finding(path, 1, "version", f"has no entry; begin with a line `## {manifest.version}`")


def _replacement_exists(catalogue: Catalogue, folder: PatternFolder, manifest: Manifest) -> Iterator[Finding]:
    if manifest.replaced_by is None:
        return
    others = {other.id: other for _, other in catalogue.patterns if other.decision == manifest.decision}
    others.pop(manifest.id, None)
    if manifest.replaced_by not in others:
        yield folder.finding(
            f"{manifest.replaced_by} is no other pattern of this decision;"
            f" {did_you_mean(manifest.replaced_by, others)}",
            "replaced_by",
        )
    elif others[manifest.replaced_by].status == "deprecated":
        yield folder.finding(
            f"{manifest.replaced_by} is deprecated itself; name the pattern that stays",
            "replaced_by",
        )


def _criteria_are_asked(catalogue: Catalogue, folder: PatternFolder, manifest: Manifest) -> Iterator[Finding]:
    """The guided way asks what a pattern is compared by, and no answer speaks for it and against it."""
    asked = next((row.asks for row in catalogue.decisions if row.name == manifest.decision), ())
    known = {row.name: row for row in catalogue.criteria}
    for field, rows in (("fits", manifest.fits), ("against", manifest.against), ("unfit", manifest.unfit)):
        for name, answers in rows.items():
            if name not in asked:
                message = f"{name!r} is not asked for {manifest.decision}; {did_you_mean(name, asked)}"
                yield folder.finding(message, field, name, field=f"{field}.{name}")
            for answer in answers if name in known else ():
                if answer not in (possible := (*known[name].values, UNKNOWN)):
                    message = f"{answer!r} is no answer to {name}; {did_you_mean(answer, possible)}"
                    yield folder.finding(message, field, name, field=f"{field}.{name}")
                before = {"fits": [], "against": ["fits"], "unfit": ["fits", "against"]}[field]
                if any(answer in getattr(manifest, other).get(name, ()) for other in before):
                    message = f"{answer!r} is said of the pattern twice; keep one of fits, against and unfit"
                    yield folder.finding(message, field, name, field=f"{field}.{name}")


def _wiring_imports_exist(catalogue: Catalogue, folder: PatternFolder, manifest: Manifest) -> Iterator[Finding]:
    for name, index, wiring in _imports(manifest):
        where = (name, index, "module")
        field = f"{name}[{index}].module"
        base = f"src/{PACKAGE}" + wiring.module.replace(".", "/")
        candidates = {f"{base}.py", f"{base}/__init__.py"}
        homes = [
            (other, path)
            for other, listed_by in catalogue.patterns
            for path, _ in listed_by.listed_files
            if path in candidates and catalogue.can_meet(manifest, listed_by)
        ]
        if not homes and not candidates & catalogue.skeleton:
            yield folder.finding(
                f"{wiring.module} is no module of the service; {base}.py is given by no pattern"
                " that can be chosen beside this one, nor by templates/service",
                *where,
                field=field,
            )
        for other, path in homes:
            names = _defined_names(other, path)
            for imported in wiring.names if names is not None else []:
                if imported not in (names or ()):
                    yield folder.finding(
                        f"{imported} is not defined in {path} of {other.title}; {did_you_mean(imported, names or ())}",
                        *(name, index, "names"),
                        field=f"{name}[{index}].names",
                    )


def _imports(manifest: Manifest) -> Iterator[tuple[str, int, Wiring]]:
    for index, row in enumerate(manifest.wiring):
        yield "wiring", index, row
    for index, row in enumerate(manifest.training_wiring):
        yield "training_wiring", index, row


def _defined_names(folder: PatternFolder, path: str) -> set[str] | None:
    """The names at the top level of a module; None when it cannot be read."""
    try:
        text = (folder.path / "files" / path).read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError):
        return None
    names: set[str] = set()
    for node in tree.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Import() | ast.ImportFrom():
                names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
            case _:
                names |= {
                    name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
                }
    return {name for name in names if not name.startswith("_")}


def _something_can_always_be_chosen(catalogue: Catalogue) -> Iterator[Finding]:
    """A decision with nothing to choose has no default. A multiselect can stay empty, which provides least."""
    reached: dict[frozenset[str], str] = {frozenset(): ""}
    for decision in catalogue.decisions:
        patterns = [manifest for _, manifest in catalogue.patterns if manifest.decision == decision.name]
        if decision.multiple or not patterns:
            continue
        then: dict[frozenset[str], str] = {}
        for provided, choices in reached.items():
            possible = [pattern for pattern in patterns if provided.issuperset(pattern.needs)]
            if all(pattern.status == "deprecated" for pattern in possible):
                yield Finding(
                    catalogue.root / "copier.yml",
                    decision.line,
                    decision.name,
                    f"nothing can be recommended after {choices or 'no choice'}; give a pattern that needs less",
                )
            for pattern in possible:
                then.setdefault(
                    provided.union(pattern.provides), f"{choices} {pattern.decision}={pattern.value}".strip()
                )
        reached = then or reached


def _ids_are_unique(catalogue: Catalogue) -> Iterator[Finding]:
    """An id is a fingerprint; its area belongs to one decision."""
    first: dict[str, PatternFolder] = {}
    areas: dict[str, Manifest] = {}
    for folder, manifest in catalogue.patterns:
        if manifest.id in first:
            yield folder.finding(
                f"{manifest.id} belongs to {first[manifest.id].title}; take the next free number",
                "id",
            )
        first.setdefault(manifest.id, folder)
        area = manifest.id.split("-")[1]
        owner = areas.setdefault(area, manifest)
        if owner.decision != manifest.decision:
            yield folder.finding(f"the area {area} belongs to the decision {owner.decision}; take another area", "id")


def _former_values_lead_to_one_pattern(catalogue: Catalogue) -> Iterator[Finding]:
    """A former value is no pattern's value now, and one pattern's former value only."""
    owners = {(manifest.decision, manifest.value): folder for folder, manifest in catalogue.patterns}
    for folder, manifest in catalogue.patterns:
        for index, value in enumerate(manifest.formerly):
            owner = owners.setdefault((manifest.decision, value), folder)
            if owner is not folder or value == manifest.value or value in manifest.formerly[:index]:
                yield folder.finding(
                    f"{value} leads to {owner.title}; a former value belongs to one pattern, and is no value today",
                    *("formerly", index),
                    field=f"formerly[{index}]",
                )


def _paths_do_not_clash(catalogue: Catalogue) -> Iterator[Finding]:
    """Alternatives may share a path; patterns that can be chosen together may not."""
    by_path = defaultdict[str, list[tuple[PatternFolder, Manifest, int, str | None]]](list)
    for folder, manifest in catalogue.patterns:
        for index, (path, when) in enumerate(manifest.listed_files):
            by_path[path].append((folder, manifest, index, when))
    for path, rows in by_path.items():
        for folder, _, index, _ in rows:
            if path in catalogue.skeleton:
                yield folder.finding(
                    f"{path} is a file of templates/service; give a slot of it instead",
                    *("files", index),
                )
        for (one, first, _, when), (two, second, index, other_when) in combinations(rows, 2):
            together = tuple(name for name in (when, other_when) if name)
            if one is two:
                yield two.finding(f"{path} is listed twice; once is enough", "files", index)
            elif catalogue.can_meet(first, second, provided=together):
                yield two.finding(
                    f"{path} is a file of {one.title} too, and both can be chosen together; rename one, or use a slot",
                    *("files", index),
                )


def _settings_do_not_clash(catalogue: Catalogue) -> Iterator[Finding]:
    by_name = defaultdict[str, list[tuple[PatternFolder, Manifest, int, str | None]]](list)
    for folder, manifest in catalogue.patterns:
        for index, setting in enumerate(manifest.settings):
            by_name[setting.name].append((folder, manifest, index, setting.when))
    for name, rows in by_name.items():
        for (one, first, _, when), (two, second, index, other_when) in combinations(rows, 2):
            together = tuple(capability for capability in (when, other_when) if capability)
            if one is two:
                message = f"{name} is given twice; once is enough"
            elif catalogue.can_meet(first, second, provided=together):
                message = (
                    f"{name} is a setting of {one.title} too, and both can be chosen together; choose another name"
                )
            else:
                continue
            yield two.finding(message, *("settings", index, "name"), field=f"settings[{index}].name")
