"""`daybreak validate`: the checklist by itself, against a run's clone or any cluster; and the proof that it can fail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from daybreak.cli.options import Destination, Given, depth_options, gather, percent, shared, waive_option, within_option
from daybreak.cli.report import FORMATS, file_options, in_format, print_or_keep
from daybreak.cli.screen import ProgressScreen, print_line

if TYPE_CHECKING:
    from daybreak.app import App
    from daybreak.app.validating import Case, Inquiry
    from daybreak.model.findings import Finding
    from daybreak.model.targets import Waiver
    from daybreak.model.thoroughness import Depth


def _inquiry(
    *,
    name: str,
    target: str | None,
    to: str | None,
    depth: Depth | None,
    sample: int | None,
    within: timedelta | None,
    accident: str | None,
    waivers: tuple[Waiver, ...],
    databases: tuple[str, ...],
) -> Inquiry:
    from daybreak.app.validating import Inquiry

    return Inquiry(
        name=name,
        target=target,
        to=to,
        depth=depth,
        sample=sample,
        within=within,
        accident=accident,
        waivers=waivers,
        databases=databases,
    )


_inquiry_options = gather(
    "inquiry",
    _inquiry,
    click.argument("name", metavar="RUN|CLUSTER"),
    click.option("--target", metavar="NAME", help="The target whose expectations a cluster is held to."),
    click.option("--to", metavar="MOMENT", help="The moment that a cluster stands for."),
    click.option("--accident", metavar="TIME", help="When the accident was: up to then the loss counts."),
    click.option(
        "--depth",
        type=click.Choice(["quick", "standard", "full"]),
        help="How much is read: the catalog, every row, every row's content and every index.",
    ),
    click.option(
        "--sample",
        type=percent,
        metavar="PERCENT",
        help='The part of the tables that is read through, such as "10%".',
    ),
    within_option,
    click.option(
        "--database",
        "databases",
        multiple=True,
        metavar="NAME",
        help="Look into this database only; the verdict says so. May be given several times.",
    ),
    waive_option,
)


@click.command()
@_inquiry_options
@click.option(
    "--prove", "is_proof", is_flag=True, help="Plant defects in a scratch database, and show that each is found."
)
@click.option("--yes", "is_yes", is_flag=True, help="With --prove: plant the defects without asking.")
@file_options
@depth_options
@shared(*FORMATS)
def validate(given: Given, inquiry: Inquiry, destination: Destination, *, is_proof: bool, is_yes: bool) -> int:
    """Run the checklist against a clone or any cluster.

    It is asked as it is now, and nothing is changed. For a RUN its plan says what is expected, also when the run has ended long ago. For a CLUSTER, which Daybreak need not
    have restored, the target says it: the one named with --target, else the one whose cluster it is or was restored from.
    A name that both a run and a cluster have means the run. Exit code 0 is fit, 3 is unfit or unknown.

    With --prove nothing of the clone's own is judged: a scratch database is made on its server, defects are planted there,
    and each must be found by its check. Exit code 0 when all were found, 1 when one was not.
    """
    from daybreak.app.validating import case_of

    app = given.app()
    case = case_of(app, inquiry)
    for note in case.notes:
        print_line(given.complete(f"note: {note}"), is_aside=True)
    if is_proof:
        from daybreak.cli.proving import prove

        return prove(app, given, case, destination, is_yes=is_yes)
    return _validate(app, given, case, destination)


def _validate(app: App, given: Given, case: Case, destination: Destination) -> int:
    from daybreak.app.reporting import report_on
    from daybreak.app.validating import Listeners, validate_case
    from daybreak.cli.rendering import report_as
    from daybreak.errors import ExitCode
    from daybreak.model.findings import Standing
    from daybreak.report.text.validation import finding_line

    with ProgressScreen() as screen:

        def follow(finding: Finding) -> None:
            # Fit findings are counted at the end; others are reported as they are found.
            if given.depth == "all" or finding.standing in (Standing.UNFIT, Standing.UNKNOWN):
                screen.line(given.complete(finding_line(finding, datetime.now(UTC))))

        def note(words: str) -> None:
            screen.line(given.complete(f"note: {words}"))

        validation = validate_case(app, case, Listeners(on_finding=follow, progress=screen.show, on_note=note))
    report = report_on(app, validation)
    is_kept = destination.file is not None
    made = in_format(app, report, given, lambda: report_as(report, given, "-v names every check"), is_kept=is_kept)
    print_or_keep(made, destination)
    is_fit = validation.verdict.standing in (Standing.FIT, Standing.WAIVED)
    return int(ExitCode.DONE if is_fit else ExitCode.UNFIT)
