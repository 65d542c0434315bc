"""Tensors of the Open Inference Protocol as lists of values, from JSON and from binary data.

Binary data is little-endian and without padding; each text follows its length in four bytes.
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import struct
from typing import Annotated

import msgspec
import numpy as np

Size = Annotated[int, msgspec.Meta(ge=0)]

NUMBERS = {
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
}
TEXT = "BYTES"

DATATYPES = {"category": TEXT, "number": "FP64", "timestamp": TEXT}
"""How a model's inputs of each type travel."""


class TensorError(ValueError):
    """A tensor is not what it says; the message is a sentence for the caller."""


class TensorParameters(msgspec.Struct, frozen=True):
    """The parameters of an input that this service knows."""

    binary_data_size: Size | None = None


class InputTensor(msgspec.Struct, frozen=True):
    """One input of a request: a column of n values, of shape [n] or [n, 1]."""

    name: str
    shape: list[Size]
    datatype: str
    parameters: TensorParameters | None = None
    data: list[object] | None = None


def column(tensor: InputTensor, binary: bytes | None) -> list[object]:
    """The n values of a tensor; raises TensorError."""
    name = repr(tensor.name)
    if tensor.datatype not in NUMBERS and tensor.datatype != TEXT:
        raise TensorError(f"Input {name} has an unknown datatype.")
    if len(tensor.shape) not in (1, 2) or tensor.shape[1:] not in ([], [1]):
        raise TensorError(f"Input {name} must have the shape [n] or [n, 1].")
    rows = tensor.shape[0]
    if binary is not None:
        if tensor.data is not None:
            raise TensorError(f"Input {name} has both data and binary data.")
        values = _text(name, binary) if tensor.datatype == TEXT else _numbers(tensor, binary)
    elif tensor.data is None:
        raise TensorError(f"Input {name} has no data.")
    else:
        values = _flat(tensor.data)
        if tensor.datatype.removeprefix("U").startswith("INT"):
            for row, value in enumerate(values):
                if type(value) is float:
                    raise TensorError(f"Input {name}, row {row}: must be a whole number.")
    if len(values) != rows:
        raise TensorError(f"Input {name} has {rows} rows by its shape, but {len(values)} values.")
    return values


def _flat(data: list[object]) -> list[object]:
    """The values of [a, b] or of [[a], [b]]."""
    return [value[0] if isinstance(value, list) and len(value) == 1 else value for value in data]


def _numbers(tensor: InputTensor, binary: bytes) -> list[object]:
    dtype = np.dtype(NUMBERS[tensor.datatype])
    if len(binary) % dtype.itemsize:
        raise TensorError(
            f"Input {tensor.name!r}: {len(binary)} bytes are no whole number of"
            f" {tensor.datatype} values."
        )
    values: list[object] = np.frombuffer(binary, dtype).tolist()
    return values


def _text(name: str, binary: bytes) -> list[object]:
    values: list[object] = []
    position = 0
    while position < len(binary):
        start = position + 4
        if start > len(binary):
            raise TensorError(f"Input {name}, row {len(values)}: the length is cut off.")
        (length,) = struct.unpack_from("<I", binary, position)
        position = start + length
        if position > len(binary):
            raise TensorError(f"Input {name}, row {len(values)}: the text is cut off.")
        try:
            values.append(binary[start:position].decode())
        except UnicodeDecodeError:
            raise TensorError(f"Input {name}, row {len(values)}: is no UTF-8.") from None
    return values
