"""The table of verbs, and the command that finds one in it.

The law: a verb's module is imported only when that verb is called, so that `--help` costs almost nothing.
"""

from __future__ import annotations

from importlib import import_module

import click

VERBS: dict[str, tuple[str, str]] = {
    "init": ("daybreak.cli.settings:init", "Look at the account and write daybreak.toml."),
    "config": ("daybreak.cli.settings:config", "Show every setting and where it came from."),
    "status": ("daybreak.cli.status:status", "Show RPO, RTO and retention: promised, and true right now."),
    "snapshots": (
        "daybreak.cli.snapshots:snapshots",
        "List TARGET's snapshots: automated, manual, shared.",
    ),
    "backups": (
        "daybreak.cli.backups:backups",
        "List every backup of TARGET in every region, the best first.",
    ),
    "exports": (
        "daybreak.cli.exports:exports",
        "List, look into or make the exports in TARGET's bucket.",
    ),
    "plan": ("daybreak.cli.plan:plan", "Show what a restore would do, without doing it."),
    "restore": ("daybreak.cli.restore:restore", "Restore a database into a quarantined clone and validate it."),
    "runs": ("daybreak.cli.runs:runs", "List the runs and how they ended."),
    "show": ("daybreak.cli.runs:show", "Report a run: verdict, what is not fit, what was measured."),
    "report": ("daybreak.cli.report:report", "Write the evidence of a run: a page, a document, or data."),
    "validate": ("daybreak.cli.validate:validate", "Run the checklist against a clone or any cluster."),
    "delta": ("daybreak.cli.delta:delta", "Show which rows the source lost or wrote, against a clone."),
    "capture": ("daybreak.cli.capture:capture", "Keep what the backups of TARGET do not hold, to rebuild it from."),
    "baseline": ("daybreak.cli.baseline:baseline", "Record what TARGET holds now: rows, newest times, objects."),
    "sample": (
        "daybreak.cli.sample:sample",
        "Record TARGET's transactions and counters, in milliseconds.",
    ),
    "copy": ("daybreak.cli.copy:copy", "Keep copies of TARGET's snapshots in another region."),
    "cutover": ("daybreak.cli.moving:cutover", "Move the traffic to the clone of RUN, once it is fit."),
    "rollback": ("daybreak.cli.moving:rollback", "Move the traffic back that the cutover RUN has moved."),
    "watch": ("daybreak.cli.runs:watch", "Follow a run that another terminal carries out."),
    "resume": (
        "daybreak.cli.runs:resume",
        "Go on with a run that was interrupted, or amend it.",
    ),
    "approve": ("daybreak.cli.approve:approve", "Approve the plan of a run that waits for a second person."),
    "abort": ("daybreak.cli.runs:abort", "End a run; what it created stays until it is cleaned."),
    "clean": ("daybreak.cli.runs:clean", "Remove what a run created, and nothing else."),
    "clones": ("daybreak.cli.clones:clones", "List the clones that exist, with age, expiry and use."),
    "adopt": ("daybreak.cli.clones:adopt", "Make a run again of a clone whose state is lost."),
    "demo": ("daybreak.cli.demo:demo", "Play the whole story on the lab, on this machine."),
    "lab": ("daybreak.cli.lab:lab", "An AWS with a real PostgreSQL inside, for rehearsals."),
}
"""Each verb, its module, and its one line in the help; a test compares the line with the verb's own help."""


class Verbs(click.Group):
    """A group that knows its verbs by table and imports one only when it is called."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Raise ``UsageError`` for an empty argument: where a shell's variable is not set, nobody means what it says then."""
        for before, each in zip(["", *args], args, strict=False):
            name, equals, value = each.partition("=")
            if each.strip() and not (name.startswith("--") and equals and not value.strip()):
                continue
            which = name if name.strip() else before if before.startswith("-") else "an argument"
            raise click.UsageError(
                f"{which} is empty: leave it out, or say what it is (is a variable of the shell not set?)"
            )
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of a restore's story."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command; its module is imported here."""
        del ctx
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that the arguments begin with; raises ``Refused`` for a misspelled one, with similar verbs."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=VERBS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of verbs, without importing any of them."""
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, line) for verb, (_, line) in VERBS.items()])


@click.command(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 1 failed, 2 refused, 3 unfit, 4 uncertain, 5 late, 70 bug, 75 paused or unreachable, 130 interrupted.",
)
@click.version_option(package_name="daybreak", prog_name="daybreak")
def daybreak() -> None:
    """Bring an Aurora PostgreSQL database back, prove that what came back is right, and only then move the traffic."""
