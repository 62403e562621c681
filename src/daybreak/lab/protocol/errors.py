"""The one exception of the lab's control plane: an error as AWS puts it on the wire."""

from __future__ import annotations


class AwsError(Exception):
    """The refusal of a call: the wire code, the sentence, and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message, status)
        self.code = code
        self.message = message
        self.status = status

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def invalid_value(message: str) -> AwsError:
    """The error for a parameter whose value AWS does not take."""
    return AwsError("InvalidParameterValue", message)


def invalid_combination(message: str) -> AwsError:
    """The error for parameters that AWS does not take together."""
    return AwsError("InvalidParameterCombination", message)
