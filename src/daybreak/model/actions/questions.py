"""A question to a person, on which the run waits."""

from __future__ import annotations

from typing import Literal

from daybreak.model.actions.placed import Placed
from daybreak.model.value import Span


class AwaitApproval(Placed):
    """Ask a person whether the plan, as it stands with its amendments, shall be carried out; wait for the answer.

    The answer is an event of the journal: by whom, of which digest, and until when it counts.
    """

    kind: Literal["await-approval@1"] = "await-approval@1"
    by_another: bool = True
    """Whether it must be another person than the one who planned or carries out the run."""
    within: Span
    """How long it is waited for before the run pauses."""
    valid: Span
    """For how long an approval counts."""
