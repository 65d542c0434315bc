"""What the schema refuses, as sentences with the line and the field of the manifest."""

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .findings import did_you_mean
from .manifest import ConditionalFile, Consequences, Dependencies, Manifest, Setting, Wiring
from .yaml_source import Location, YamlSource


def validate(source: YamlSource) -> tuple[Manifest | None, list[tuple[int, str, str]]]:
    """The manifest, or None with what is wrong: line, field, sentence."""
    try:
        return Manifest.model_validate(source.value), []
    except ValidationError as error:
        found: dict[tuple[int, str], str] = {}
        for detail in error.errors():
            line, field, message = _explained(source, detail)
            if (line, field) in found:  # it fits no member of a union, which says so once for each
                message = f"{_shown(detail['input'])} is not possible here; {_hint(detail['loc'])}"
            found[line, field] = message
        return None, [(line, field, message) for (line, field), message in found.items()]


_WANTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "a mapping of fields",
    "model_type": "a mapping of fields",
    "model_attributes_type": "a mapping of fields",
}


def _explained(source: YamlSource, error: ErrorDetails) -> tuple[int, str, str]:
    location: Location = error["loc"]
    kind, context = error["type"], error.get("ctx", {})
    if kind == "rule":
        below = tuple(int(part) if part.isdigit() else part for part in _split(context["field"]))
        location = (*location, *below)
        message = str(context["message"])
    elif kind == "missing":
        message = f"is missing; {_hint(location)}"
    elif kind == "extra_forbidden":
        model = _model_at(location[:-1])
        fields = model.model_fields if model else ()
        message = f"is no field of a manifest; {did_you_mean(str(location[-1]), fields)}"
    elif kind == "invalid_key":
        location = location[:-1]
        message = f"the key {error['input']!r} is no text; put it in quotes"
    elif kind in _WANTED:
        shown = _shown(error["input"])
        message = f"{shown} is not {_WANTED[kind]}; {_hint(location)}"
    elif kind in ("too_short", "string_too_short"):
        message = f"is empty or too short; {_hint(location)}"
    else:
        message = f"{_shown(error['input'])} is not possible here; {_hint(location)}"
    known = source.path(location)
    if kind in ("missing", "rule") and location and location[-1] not in known:
        known = (*known, location[-1])
    return source.line(*location), _dotted(known) or "pattern.yml", message


def _split(field: str) -> list[str]:
    return field.split(".") if field else []


def _shown(value: object) -> str:
    text = "nothing (null)" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _dotted(location: Location) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


_MODELS: dict[str, type[BaseModel]] = {
    "consequences": Consequences,
    "dependencies": Dependencies,
    "settings": Setting,
    "wiring": Wiring,
    "training_wiring": Wiring,
    "files": ConditionalFile,
}


def _model_at(location: Location) -> type[BaseModel] | None:
    return _MODELS.get(str(location[0])) if location else Manifest


def _hint(location: Location) -> str:
    """What a field may hold, from the schema's own descriptions."""
    names = [part for part in location if isinstance(part, str)]
    for depth in range(len(names), 0, -1):
        model = Manifest if depth == 1 else _MODELS.get(names[0])
        if model and (info := model.model_fields.get(names[depth - 1])):
            return str(info.description)
    return "a mapping of fields"
