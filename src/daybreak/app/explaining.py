"""AWS's refusals, in words of what a person asked for."""

from __future__ import annotations

from daybreak.aws.faults import AwsFault


class explained:  # noqa: N801 - reads as a word at the call site
    """Turns an AWS fault into an error for a person who was ``doing`` something."""

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        if isinstance(error, AwsFault):
            raise error.as_failure(self._doing) from error
