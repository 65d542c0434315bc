"""What the OpenAPI document says of keys."""

from collections.abc import Collection

from ..serving.openapi import Json

_SCHEME = "key"
_REFUSALS = {
    "401": "No good key was sent.",
    "403": "The key does not allow this.",
    "429": "Too many requests; `Retry-After` says for how many seconds to wait.",
}


def with_keys(api: Json, open_paths: Collection[str]) -> Json:
    """The document of a service that asks for a key everywhere but on `open_paths`."""
    paths, components = api["paths"], api["components"]
    assert isinstance(paths, dict)  # noqa: S101 - OpenAPI
    assert isinstance(components, dict)  # noqa: S101 - OpenAPI
    scheme = {"type": "http", "scheme": "bearer", "description": "A key that the owners gave out."}
    return {
        **api,
        "security": [{_SCHEME: []}],
        "paths": {
            path: {
                method: _open(operation) if path in open_paths else _locked(operation)
                for method, operation in methods.items()
            }
            for path, methods in paths.items()
        },
        "components": {**components, "securitySchemes": {_SCHEME: scheme}},
    }


def _open(operation: Json) -> Json:
    return {**operation, "security": []}


def _locked(operation: Json) -> Json:
    responses = operation["responses"]
    assert isinstance(responses, dict)  # noqa: S101 - OpenAPI
    refusals = {status: {"description": text} for status, text in _REFUSALS.items()}
    return {**operation, "responses": {**responses, **refusals}}
