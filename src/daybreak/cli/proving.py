"""`daybreak validate --prove`: show what a negative control would make, ask, carry it out, and report what was found."""

from __future__ import annotations

import signal
from types import FrameType
from typing import TYPE_CHECKING

from daybreak.cli.options import Destination, Given
from daybreak.cli.report import print_or_keep

if TYPE_CHECKING:
    from daybreak.app import App
    from daybreak.app.validating import Case
    from daybreak.model.proof import Planting


def prove(app: App, given: Given, case: Case, destination: Destination, *, is_yes: bool) -> int:
    """Plant defects in scratch databases of the cluster's server; 0 when each was found, 1 when one was not."""
    from daybreak.app.proving import control_of, prove_checks
    from daybreak.cli.screen import as_document, as_text, ask_to_confirm, print_line
    from daybreak.errors import ExitCode, Refused
    from daybreak.report.text.proof import planting_line, proof_view

    if given.output not in ("text", "json"):
        raise Refused(f"a proof is reported as text or JSON, not as {given.output}", "-o json")
    control = control_of(app, case)
    print_line(
        f"a negative control on the server of {case.scene.clone.identifier}; it makes, and takes away again:",
        is_aside=True,
    )
    for name in control.makes:
        print_line(f"  {name}", is_aside=True)
    for name in control.leftovers:
        print_line(f"a control that was killed left {name}: it is removed first", is_aside=True)
    for name in control.neighbors:
        print_line(f"another control is going on and has {name}: it is left alone", is_aside=True)
    ask_to_confirm("Plant defects there?", is_yes=is_yes)

    def on_planting(planting: Planting) -> None:
        print_line(planting_line(planting), is_aside=True)

    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        proof = prove_checks(app, control, on_planting)
    finally:
        signal.signal(signal.SIGTERM, before)
    made = as_document(proof.model_dump(mode="json")) if given.is_json else as_text(proof_view(proof))
    print_or_keep(made, destination)
    return int(ExitCode.DONE if proof.holds else ExitCode.FAILED)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """A request to end is a Ctrl-C: everything that was made is taken away first."""
    raise KeyboardInterrupt
