"""The seam between the service and the model, and the ONNX Runtime behind it."""

from typing import Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .model_folder import ModelFolder

onnxruntime.disable_telemetry_events()


class Predictor(Protocol):
    """Answers with one number per row."""

    @property
    def version(self) -> str:
        """The version of the model that answers."""

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The outputs, float32[n], of n rows of features, float32[n, k].

        Raises InvalidInput, with features as fields, when rows must not be answered.
        """


class OnnxPredictor:
    """A model in ONNX form: one input float32[n, k]; its last output is [n], [n, 1] or [n, 2].

    Of two columns, the second is the answer: the probability of the positive class.
    """

    def __init__(self, session: onnxruntime.InferenceSession, version: str) -> None:
        self.version = version
        self._session = session
        self._input: str = session.get_inputs()[0].name
        output = session.get_outputs()[-1]
        self._outputs: list[str] = [output.name]
        self._is_vector = len(output.shape) == 1

    @classmethod
    def load(cls, folder: ModelFolder, threads: int) -> "OnnxPredictor":
        """The folder's model; raises ValueError when it is broken or does not fit its signature."""
        signature = folder.read_signature()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        try:
            session = onnxruntime.InferenceSession(
                folder.model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # what it raises has no base of its own
            raise ValueError(f"{folder.model} cannot be loaded: {error}") from error
        width = session.get_inputs()[0].shape[-1]
        if width != len(signature.features):
            raise ValueError(
                f"{folder.model} takes {width} features, but {folder.signature} names"
                f" {len(signature.features)}: train again"
            )
        return cls(session, signature.version)

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The outputs, float32[n], of n rows of features, float32[n, k]."""
        answer: NDArray[np.float32] = self._session.run(self._outputs, {self._input: features})[0]
        return answer if self._is_vector else answer[:, -1]
