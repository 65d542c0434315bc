"""Every service of a catalogue, rendered in this process: what `copier copy` would write, in a hundredth of its time.

The templates, the rules of compose.jinja and Copier's own Jinja environment are the real ones; only the questionnaire
is left out, because the answers are known. A test holds the result to Copier's, byte for byte.

A file is rendered once for all services that agree on the patterns it asks about (proof/reading.py).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
import yaml
from copier._jinja_ext import CopierTemplateLoader, SandboxedEnvironment, YieldExtension, get_yield_context
from copier._template import load_template_config

from hooks.catalogue import Catalogue, read_catalogue
from hooks.space import Combination, answers

from .reading import Capabilities, Chosen, Files, Pattern, Reads, Record
from .services import Service

ANSWERS_FILE = ".copier-answers.yml"
SUFFIX = ".jinja"
PROJECT_NAME = "flight-delays"
CHANGING_FILTERS = frozenset(
    {"password_hash", "random", "random_mac", "rand_mac", "shuffle", "strftime", "to_datetime"}
)
"""What gives another text each time."""

_SLOT = re.compile(r"pattern_fragments/[^/]+/[^/]+/slots/(.+)")
_UNDEFINED = {"jinja2.Undefined": jinja2.Undefined, "jinja2.StrictUndefined": jinja2.StrictUndefined}
_PARSERS: dict[str, Callable[[str], Any]] = {"json": json.loads, "yaml": yaml.safe_load, "str": str}


class Remembered(Mapping[str, Any]):
    """The answers for the answers file, which holds all of them."""

    def __init__(self, rows: Mapping[str, Any], reads: Reads) -> None:
        self._rows = rows
        self._reads = reads

    def __getitem__(self, name: str) -> Any:
        self._reads.everything()
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        self._reads.everything()
        return iter(self._rows)

    def __len__(self) -> int:
        self._reads.everything()
        return len(self._rows)


class Renderer:
    """Renders the services of the template under `root`.

    Raises what a template raises, most often jinja2.TemplateError, with its name in the notes.
    """

    def __init__(self, root: Path, project_name: str = PROJECT_NAME, *, memory: bool = True) -> None:
        self.root = root.resolve()
        self.catalogue: Catalogue = read_catalogue(self.root)
        self._config = load_template_config(self.root / "copier.yml", quiet=True)
        self._project_name = project_name
        self._memory = memory
        self._environment = self._make_environment()
        self._texts: dict[str, jinja2.Template] = {}
        self._sources = sorted(
            path.relative_to(self._service).as_posix() for path in self._service.rglob("*") if path.is_file()
        )
        rows = [self._config["catalogue"]["default"]]
        self._rows = [row for group in rows for row in group]
        self.reads = Reads(self._rows)
        self._constants = self._make_constants()
        self._slots: dict[str, frozenset[str]] = {}
        # What a file became, by its origin and path, by what it asked about, and by which of those were chosen.
        self._known: dict[tuple[str, str], dict[frozenset[str], dict[frozenset[str], bytes]]] = {}
        self._asked_by_paths: set[frozenset[str]] = set()
        self.rendered = 0

    @property
    def _service(self) -> Path:
        return self.root / str(self._config["_subdirectory"])

    def render(self, chosen: Combination) -> Service:
        """The service of a combination, picked pattern by pattern."""
        return self._render(chosen, self._context(chosen))

    def guided(self, chosen: Combination, stated: Mapping[str, str]) -> Service:
        """The service of a combination, chosen in the guided way after these answers; nothing of it is remembered."""
        renderer = Renderer(self.root, self._project_name, memory=False)
        given = {**answers(self.catalogue, chosen), "guidance": "guided", **stated}
        return renderer._render(chosen, renderer._context(chosen, given=given))

    def walk(self, stated: Mapping[str, str]) -> dict[str, Any]:
        """What the guided way remembers when these answers are given where they are asked, and nothing is overruled."""
        context = self._context({}, given={"guidance": "guided", **stated})
        return {name: context[name] for name in context["_copier_answers"] if not name.startswith("_")}

    def _render(self, chosen: Combination, context: Mapping[str, Any]) -> Service:
        ids = frozenset(row["id"] for row in context["chosen"])
        visible = self._visible(context)
        files: dict[str, bytes] = {}
        for source in self._sources:
            for path, item in self._destinations(source, visible):
                # Two patterns can give a file of the same path.
                origin = item["file"]["source"] if "file" in item else source
                files[path] = self._content(source, path, origin, {**visible, **item}, ids)
        return Service(chosen, files)

    def asked_about(self, *, lists: bool = True) -> set[frozenset[str]]:
        """The sets of patterns that some path or some content was seen to depend on so far."""
        left_out = set() if lists else self.lists()
        return self._asked_by_paths.union(*(known for (_, path), known in self._known.items() if path not in left_out))

    def lists(self) -> set[str]:
        """The paths of files that ask about every pattern."""
        return {path for (_, path), known in self._known.items() if self.reads.all in known}

    def _content(self, source: str, path: str, origin: str, context: Mapping[str, Any], ids: frozenset[str]) -> bytes:
        known = self._known.setdefault((origin, path), {})
        if self._memory:
            for asked, contents in known.items():
                if (content := contents.get(asked & ids)) is not None:
                    return content
        self.rendered += 1
        self.reads.clear()
        if not source.endswith(SUFFIX):
            content = (self._service / source).read_bytes()
        else:
            name = f"{self._config['_subdirectory']}/{source}"
            try:
                content = self._environment.get_template(name).render(context).encode()
            except Exception as error:
                error.add_note(f"while rendering {path} from {name}")
                raise
        asked = self.reads.asked()
        known.setdefault(asked, {})[asked & ids] = content
        return content

    def _destinations(self, source: str, context: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Where a template goes: paths, each with what a `yield` in the path gives to it."""
        found: list[tuple[list[str], dict[str, Any]]] = [([], {})]
        for part in source.removesuffix(SUFFIX).split("/"):
            longer = []
            for done, item in found:
                for text, more in self._names(part, {**context, **item}):
                    if text:
                        longer.append(([*done, text], {**item, **more}))
            found = longer
        for parts, item in found:
            yield "/".join(parts), item

    def _names(self, part: str, context: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        if "{" not in part:
            yield part, {}
            return
        place = get_yield_context(self._environment)
        place.yield_name = place.yield_iterable = None
        self.reads.clear()
        text = self._text(part, context)
        name, values = place.yield_name, place.yield_iterable
        if name is None:
            self._asked_by_paths.add(self.reads.asked())
            yield text, {}
            return
        for value in values or ():
            place.yield_name = place.yield_iterable = None
            yield self._text(part, {**context, name: value}), {name: value}
        place.yield_name = place.yield_iterable = None

    def choices(self, chosen: Combination, decision: str) -> dict[str, str]:
        """The values of the decision after `chosen`, each with the reason that rules it out, or an empty text."""
        rows = self._text(self._config[decision]["choices"], self._context(chosen, before=decision))
        return {choice["value"]: choice["validator"] for _, choice in yaml.safe_load(rows)}

    def _context(self, chosen: Combination, before: str = "", given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Every variable of the questionnaire, hidden ones included, as Copier would compute them; up to a question."""
        given = {"project_name": self._project_name, **(given or answers(self.catalogue, chosen))}
        remembered: dict[str, Any] = {"_src_path": str(self.root)}
        context: dict[str, Any] = {
            **self._constants,
            "_folder_name": self._project_name,
            "_copier_answers": remembered,
            "_copier_conf": {
                "answers_file": ANSWERS_FILE,
                "dst_path": self._project_name,
                "data": given,
                "defaults": True,
            },
        }
        for name, question in self._config.items():
            if name == before:
                break
            if name.startswith("_") or name in self._constants:
                continue
            context[name] = given[name] if name in given else self._default(question, context)
            if self._is_asked(question, context):
                remembered[name] = context[name]
        return context

    def _visible(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """What a file's template may look at: patterns and capabilities.

        It finds no answers to decisions, and nothing of when and where it is rendered: such a file would change with
        every update.
        """
        hidden = {decision.name for decision in self.catalogue.decisions} | {"_folder_name"}
        reads = self.reads
        derived = frozenset({"page"})
        return {
            **{name: value for name, value in context.items() if name not in hidden},
            "chosen": Chosen((Pattern(row, reads, derived) for row in context["chosen"]), reads),
            "capabilities": Capabilities(context["capabilities"], reads),
            "files": Files(context["files"], reads),
            "records": [Record(row, reads) for row in context["records"]],
            "_copier_answers": Remembered(context["_copier_answers"], reads),
            "_copier_conf": {"answers_file": ANSWERS_FILE},
        }

    def _make_constants(self) -> dict[str, Any]:
        """The hidden questions whose default is data and no template."""
        return {
            name: question["default"]
            for name, question in self._config.items()
            if isinstance(question, dict) and question.get("when") is False and not isinstance(question["default"], str)
        }

    def _default(self, question: Mapping[str, Any], context: Mapping[str, Any]) -> Any:
        default = question["default"]
        if not isinstance(default, str):
            return default
        parse = yaml.safe_load if question.get("multiselect") else _PARSERS[question.get("type", "yaml")]
        return parse(self._text(default, context))

    def _is_asked(self, question: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
        when = question.get("when", True)
        return bool(yaml.safe_load(self._text(when, context))) if isinstance(when, str) else bool(when)

    def _text(self, template: str, context: Mapping[str, Any]) -> str:
        if template not in self._texts:
            self._texts[template] = self._environment.from_string(template)
        return self._texts[template].render(context)

    def _make_environment(self) -> jinja2.Environment:
        options = dict(self._config.get("_envops", {}))
        options["undefined"] = _UNDEFINED[options.get("undefined", "jinja2.Undefined")]
        environment = SandboxedEnvironment(
            loader=CopierTemplateLoader(self.root),
            extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension", YieldExtension],
            auto_reload=False,
            cache_size=-1,
            **options,
        )
        to_nice_yaml = environment.filters["to_nice_yaml"]
        environment.filters["to_nice_yaml"] = lambda value, **options: to_nice_yaml(
            dict(value) if isinstance(value, Mapping) else value, **options
        )
        for name in CHANGING_FILTERS & environment.filters.keys():
            del environment.filters[name]
        get = environment.get_or_select_template

        def get_and_note(template: Any, *arguments: Any, **options: Any) -> jinja2.Template:
            if match := _SLOT.fullmatch(str(template)):
                self.reads.with_slot(match[1], self._folders_with_slot(match[1]))
            return get(template, *arguments, **options)

        setattr(environment, "get_or_select_template", get_and_note)  # noqa: B010 - a method of this one environment
        return environment

    def _folders_with_slot(self, name: str) -> frozenset[str]:
        if name not in self._slots:
            found = self.root.glob(f"pattern_fragments/*/*/slots/{name}")
            self._slots[name] = frozenset(f"{path.parts[-4]}/{path.parts[-3]}" for path in found)
        return self._slots[name]
