"""The OpenAPI 3.1 description of the HTTP interface, built from the model's signature."""

from collections.abc import Mapping

from ..signature import Input, Signature
from .tensors import DATATYPES, NUMBERS, TEXT

Json = dict[str, object]

_PROBLEMS = {
    400: "The body is no JSON, is no UTF-8, or has a key twice.",
    408: "The request did not arrive in time.",
    413: "The body is too large, or holds too many rows.",
    415: "The body is no uncompressed `application/json`.",
    422: "Rows do not fit the model's inputs; `problems` names row, field and reason.",
    431: "The request's headers are too large.",
    500: "The service failed.",
    503: "Too many requests or connections; `Retry-After` says for how many seconds to wait.",
}


def describe(signature: Signature, max_rows: int, headers: Mapping[str, Mapping[str, str]]) -> Json:
    """The OpenAPI document of a service with this signature; `headers` are by path."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": signature.name,
            "version": signature.version,
            "description": f"Answers with {signature.output.name}: {signature.output.description}.",
        },
        "paths": {
            "/predict": {"post": _predict(signature, max_rows) | _asked(headers, "/predict")},
            **_open_inference(signature, headers),
            "/livez": {"get": _probe("Is the process alive?")},
            "/readyz": {"get": _probe("Does the process take requests?", 503)},
        },
        "components": {"schemas": _schemas(signature)},
    }


def _predict(signature: Signature, max_rows: int) -> Json:
    row = {"$ref": "#/components/schemas/Row"}
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": max_rows}
    examples = {
        "one row": {"value": signature.example},
        "two rows": {"value": [signature.example, signature.example]},
    }
    return {
        "operationId": "predict",
        "summary": "Predict one row or many",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"oneOf": [row, rows]}, "examples": examples}
            },
        },
        "responses": {
            "200": _response("The predictions, in the order of the rows.", "Predictions"),
            **{str(status): _response(text, "Error") for status, text in _PROBLEMS.items()},
        },
    }


def _asked(headers: Mapping[str, Mapping[str, str]], path: str) -> Json:
    """The headers that a caller may send to a path."""
    parameters = [
        {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
        for name, text in headers.get(path, {}).items()
    ]
    return {"parameters": parameters} if parameters else {}


def _open_inference(signature: Signature, headers: Mapping[str, Mapping[str, str]]) -> Json:
    model = f"/v2/models/{signature.name}"
    return {
        "/v2": {"get": _v2("Name, version and extensions of the server")},
        "/v2/health/live": {"get": _probe("Is the process alive?")},
        "/v2/health/ready": {"get": _probe("Does the process take requests?", 503)},
        **{
            path + suffix: operation
            for path in (model, f"{model}/versions/{signature.version}")
            for suffix, operation in {
                "": {"get": _v2("Inputs and outputs of the model")},
                "/ready": {"get": _probe("Does the model answer?", 503)},
                "/infer": {"post": _infer(signature) | _asked(headers, f"{path}/infer")},
            }.items()
        },
    }


def _infer(signature: Signature) -> Json:
    tensors = [
        {
            "name": column.name,
            "shape": [1],
            "datatype": DATATYPES[column.type],
            "data": [column.example],
        }
        for column in signature.inputs
    ]
    schema = {"$ref": "#/components/schemas/InferenceRequest"}
    body = {"schema": schema, "example": {"inputs": tensors}}
    failed = {
        str(status): {"description": text} for status, text in _PROBLEMS.items() if status != 422
    }
    return {
        **_v2("Predict by the Open Inference Protocol; binary tensors are understood"),
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {"200": {"description": "The output tensors."}, **failed},
    }


def _v2(summary: str) -> Json:
    return {"summary": summary, "responses": {"200": {"description": "As the protocol says."}}}


def _probe(summary: str, *failures: int) -> Json:
    statuses = {200: "Yes.", **dict.fromkeys(failures, "No.")}
    return {
        "summary": summary,
        "responses": {str(status): {"description": text} for status, text in statuses.items()},
    }


def _response(description: str, schema: str) -> Json:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return {"description": description, "content": {"application/json": {"schema": reference}}}


def _schemas(signature: Signature) -> Json:
    text: Json = {"type": "string"}
    prediction = {
        "prediction_id": {**text, "description": "Names this prediction, for instance in logs."},
        signature.output.name: {"type": "number", "description": signature.output.description},
    }
    predictions = {
        "model_name": text,
        "model_version": text,
        "predictions": {"type": "array", "items": _object(prediction)},
    }
    problem = {
        "row": {"type": ["integer", "null"]},
        "field": {"type": ["string", "null"]},
        "reason": text,
    }
    error = {"message": text, "problems": {"type": "array", "items": _object(problem)}}
    return {
        "InferenceRequest": _inference_request(),
        "Row": _object({column.name: _input(column) for column in signature.inputs}),
        "Predictions": _object(predictions),
        "Error": _object({"error": _object(error)}),
    }


def _inference_request() -> Json:
    """What a request must have; what the protocol does not name is ignored."""
    size = {"type": "integer", "minimum": 0}
    data = "The values by row, unless they follow the JSON as binary data."
    tensor = {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": size, "minItems": 1, "maxItems": 2},
        "datatype": {"enum": [*NUMBERS, TEXT]},
        "data": {"type": ["array", "null"], "description": data},
        "parameters": {
            "type": ["object", "null"],
            "properties": {"binary_data_size": {**size, "type": ["integer", "null"]}},
        },
    }
    inputs = {"type": "object", "properties": tensor, "required": ["name", "shape", "datatype"]}
    return {
        "type": "object",
        "properties": {"inputs": {"type": "array", "items": inputs, "minItems": 1}},
        "required": ["inputs"],
    }


def _object(properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _input(column: Input) -> Json:
    schema: Json = {"description": column.description, "examples": [column.example]}
    if column.type == "number":
        schema["type"] = "number"
        bounds = {"minimum": column.minimum, "maximum": column.maximum}
        schema |= {name: bound for name, bound in bounds.items() if bound is not None}
        if column.unit:
            schema["description"] = f"{column.description}, in {column.unit}"
    elif column.type == "timestamp":
        schema |= {"type": "string", "format": "date-time"}
    else:
        schema["type"] = "string"
        if not column.accepts_unknown:
            schema["enum"] = list(column.categories)
        elif column.pattern is not None:
            schema["pattern"] = column.pattern
    return schema
