"""`restore-aurora`: the runbook's own script, kept working as a thin door onto the same use cases."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import click

from daybreak.cli.main import run
from daybreak.cli.options import Given, shared


@click.command("restore-aurora", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--type", "kind", type=click.Choice(["pitr", "snapshot"]), required=True, help="What to restore from.")
@click.option("--time", "to", metavar="TIME", help="Restore time (ISO 8601, with its zone).")
@click.option("--snapshot", metavar="ID", help="Snapshot identifier.")
@click.option("--target", metavar="NAME", help="The configured target; may be left out when there is only one.")
@shared()
def restore_aurora(given: Given, kind: str, to: str | None, snapshot: str | None, target: str | None) -> int:
    """Restore the target's database into a quarantined clone and validate it, without asking.

    This is the script of the runbook's appendix. It shows the plan first and touches nothing of the source.
    """
    from daybreak.app import App, Wish
    from daybreak.cli.restore import carry_out
    from daybreak.errors import Refused

    if kind == "snapshot":
        raise Refused(
            f'restoring from the snapshot "{snapshot or ""}" is not part of this release', "use --type pitr --time TIME"
        )
    if to is None:
        raise Refused("--type pitr needs a time", '--time "2024-01-15T14:30:00Z"')
    moment = to

    def decide(app: App) -> Any:
        return app.plan_pitr(Wish(target=target or _only_target(app), to=moment, why="restore-aurora"))

    return carry_out(given, decide, is_yes=True)


def _only_target(app: Any) -> str:
    from daybreak.errors import Refused

    names = sorted(app.settings.targets)
    if len(names) != 1:
        raise Refused(
            f"which target is meant? {len(names)} are configured: {', '.join(names) or 'none'}", "add --target NAME"
        )
    return str(names[0])


def main() -> NoReturn:
    """Run the script and exit."""
    sys.exit(run(restore_aurora))


if __name__ == "__main__":
    main()
