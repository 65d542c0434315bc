"""The protocols in which callers ask a model, by path."""

from collections.abc import Mapping

from ..service import Service
from .named_rows import NamedRows
from .open_inference import OpenInference
from .scoring_endpoint import Interface

Interfaces = Mapping[str, Interface]


def interfaces_of(service: Service) -> Interfaces:
    """Those of the service's own model; only one path names its version."""
    signature, scorer, max_rows = service.signature, service.scorer, service.settings.max_rows
    infer = OpenInference(signature, scorer, max_rows)
    return {
        "/predict": NamedRows(signature, scorer, max_rows),
        f"/v2/models/{signature.name}/infer": infer,
        f"/v2/models/{signature.name}/versions/{signature.version}/infer": infer,
    }
