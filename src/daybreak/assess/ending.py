"""How a run ended, as the exit code and the sentence a person reads first; pure."""

from __future__ import annotations

from daybreak.errors import ExitCode
from daybreak.model.findings import Measured, Standing
from daybreak.model.moment import spoken
from daybreak.model.run import RunState
from daybreak.model.targets import Objectives


def exit_code_of(state: RunState, objectives: Objectives) -> ExitCode:
    """The exit code of a run as it stands: an unknown verdict is as good as unfit, a missed objective is late."""
    match state.status:
        case "finished" if state.verdict is None:
            return ExitCode.DONE
        case "finished" if state.verdict and state.verdict.standing not in (Standing.FIT, Standing.WAIVED):
            return ExitCode.UNFIT
        case "finished":
            return ExitCode.LATE if missed(state.measured, objectives) else ExitCode.DONE
        case "failed" | "aborted":
            return ExitCode.FAILED
        case "paused" if state.exit_code is not None:
            return ExitCode(state.exit_code)
        case _:
            return ExitCode.UNREACHABLE


def missed(measured: Measured, objectives: Objectives) -> tuple[str, ...]:
    """The objectives that were not met, each with what was promised and what was measured."""
    promises = (("RPO", objectives.rpo, measured.rpo), ("RTO", objectives.rto, measured.rto))
    return tuple(
        f"{name}: promised {spoken(promised)}, measured {spoken(reached)}"
        for name, promised, reached in promises
        if reached is not None and reached > promised
    )


def next_command(state: RunState, run: str) -> str:
    """What the person would type next."""
    match state.status:
        case "paused" | "running":
            return f"daybreak resume {run}"
        case "finished" if state.verdict is None:
            return "daybreak runs"
        case _:
            return f"daybreak clean {run}"
