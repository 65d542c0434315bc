"""The Open Inference Protocol (V2) over HTTP, with the binary tensor data extension.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from ..columns import InvalidInput
from ..observer import Scored
from ..scoring import Scorer
from ..signature import Signature
from .refusal import Headers, Refusal, as_protocol_json, invalid
from .scoring_endpoint import JSON, OCTETS, Answer
from .strict_json import DuplicateKeyError, MalformedJsonError, decode
from .tensors import DATATYPES, NUMBERS, InputTensor, TensorError, column

EXTENSIONS = ("binary_tensor_data",)
OUTPUT_TYPE = "FP32"


class OutputParameters(msgspec.Struct, frozen=True):
    """The parameters of a requested output that this service knows."""

    binary_data: bool | None = None


class RequestedOutput(msgspec.Struct, frozen=True):
    """An output that the caller wants."""

    name: str
    parameters: OutputParameters | None = None


class RequestParameters(msgspec.Struct, frozen=True):
    """The parameters of a request that this service knows."""

    binary_data_output: bool = False


class InferenceRequest(msgspec.Struct, frozen=True):
    """The JSON of a request. What the protocol does not name is ignored, as it asks."""

    inputs: list[InputTensor]
    id: str | None = None
    parameters: RequestParameters | None = None
    outputs: tuple[RequestedOutput, ...] | None = None


class OpenInference:
    """Tensors in, tensors out. The id of row i's prediction is `<parameters.prediction_id>-<i>`."""

    content_types = frozenset({JSON, OCTETS})
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, signature: Signature, scorer: Scorer, max_rows: int) -> None:
        self._model = signature.name
        self._output = signature.output.name
        self._scorer = scorer
        self._max_rows = max_rows

    def answer(self, body: bytes, headers: Headers) -> Answer:
        """Answer a request; raises Refusal."""
        json_bytes = _json_bytes(headers, len(body))
        try:
            request = msgspec.convert(decode(body[:json_bytes]), InferenceRequest)
            binary = self._wants_binary(request)
            columns = self._columns(request, body[json_bytes:])
        except (MalformedJsonError, DuplicateKeyError) as error:
            raise Refusal(400, "malformed", str(error)) from None
        except (TensorError, msgspec.ValidationError) as error:
            raise Refusal(400, "invalid_input", str(error)) from None
        try:
            scored = self._scorer.score(self._scorer.encode_columns(columns))
        except InvalidInput as error:
            raise invalid(error, 400) from None
        return self._encode(request, scored, binary=binary)

    def refusal(self, refusal: Refusal) -> bytes:
        """The body that tells a caller why there is no answer."""
        return as_protocol_json(refusal)

    def _columns(self, request: InferenceRequest, binary: bytes) -> dict[str, list[object]]:
        columns: dict[str, list[object]] = {}
        position = 0
        for tensor in request.inputs:
            size = None if tensor.parameters is None else tensor.parameters.binary_data_size
            if tensor.shape and tensor.shape[0] > self._max_rows:
                raise Refusal(
                    413,
                    "too_many_rows",
                    f"Input {tensor.name!r} has {tensor.shape[0]} rows;"
                    f" {self._max_rows} are allowed.",
                )
            if tensor.name in columns:
                raise TensorError(f"Input {tensor.name!r} is given twice.")
            if size is None:
                columns[tensor.name] = column(tensor, None)
                continue
            if position + size > len(binary):
                raise TensorError(f"The binary data ends before input {tensor.name!r} does.")
            columns[tensor.name] = column(tensor, binary[position : position + size])
            position += size
        if position != len(binary):
            raise TensorError(f"{len(binary) - position} bytes of binary data belong to no input.")
        if not all(columns.values()):
            raise TensorError("The request holds no rows.")
        return columns

    def _wants_binary(self, request: InferenceRequest) -> bool:
        binary = request.parameters is not None and request.parameters.binary_data_output
        for output in request.outputs or ():
            if output.name != self._output:
                raise TensorError(f"There is no output {output.name!r}, only {self._output!r}.")
            if output.parameters is not None and output.parameters.binary_data is not None:
                binary = output.parameters.binary_data
        return binary

    def _encode(self, request: InferenceRequest, scored: Scored, *, binary: bool) -> Answer:
        output: dict[str, object] = {
            "name": self._output,
            "datatype": OUTPUT_TYPE,
            "shape": list(scored.predictions.shape),
        }
        answer = {
            "model_name": self._model,
            "model_version": scored.version,
            "id": scored.id if request.id is None else request.id,
            "parameters": {"prediction_id": scored.id},
            "outputs": [output],
        }
        if not binary:
            output["data"] = scored.predictions.tolist()
            return Answer(scored, msgspec.json.encode(answer))
        data = scored.predictions.astype(NUMBERS[OUTPUT_TYPE], copy=False).tobytes()
        output["parameters"] = {"binary_data_size": len(data)}
        text = msgspec.json.encode(answer)
        return Answer(scored, text + data, json_bytes=len(text))


def server_metadata(signature: Signature) -> dict[str, object]:
    """What the server is and can do."""
    return {"name": signature.name, "version": signature.version, "extensions": EXTENSIONS}


def model_metadata(signature: Signature) -> dict[str, object]:
    """The model's name, version, inputs and output."""
    inputs = [
        {"name": column.name, "datatype": DATATYPES[column.type], "shape": [-1]}
        for column in signature.inputs
    ]
    output = {"name": signature.output.name, "datatype": OUTPUT_TYPE, "shape": [-1]}
    return {
        "name": signature.name,
        "versions": [signature.version],
        "platform": "onnx_onnxruntime",
        "inputs": inputs,
        "outputs": [output],
    }


def _json_bytes(headers: Headers, body_bytes: int) -> int:
    """How many bytes of the body are JSON; the rest is binary data."""
    header = headers.get(b"inference-header-content-length")
    if header is None:
        return body_bytes
    if not header.isdigit() or len(header) > 15 or int(header) > body_bytes:
        raise Refusal(
            400,
            "malformed",
            "Inference-Header-Content-Length must lie between 0 and Content-Length.",
        )
    return int(header)
