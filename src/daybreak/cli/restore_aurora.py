"""`restore-aurora`: the runbook's own script, kept working as a thin door onto the same use cases."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import click

from daybreak.cli.main import run
from daybreak.cli.options import Given, depth_options, shared

if TYPE_CHECKING:
    from daybreak.app import App
    from daybreak.model.plan import Plan


@click.command("restore-aurora", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--type", "kind", type=click.Choice(["pitr", "snapshot"]), required=True, help="What to restore from.")
@click.option("--time", "to", metavar="TIME", help="Restore time (ISO 8601, with its zone).")
@click.option("--snapshot", metavar="ID", help="Snapshot identifier.")
@click.option("--target", metavar="NAME", help="The configured target; may be left out when there is only one.")
@depth_options
@shared()
def restore_aurora(given: Given, kind: str, to: str | None, snapshot: str | None, target: str | None) -> int:
    """Restore the target's database into a quarantined clone and validate it, without asking.

    This is the script of the runbook's appendix. It shows the plan first and touches nothing of the source.
    """
    from daybreak.cli.restore import carry_out
    from daybreak.errors import Refused

    if kind == "snapshot":
        if snapshot is None:
            raise Refused("--type snapshot needs a snapshot", "--snapshot ID, or --snapshot latest")
        if to is not None:
            raise Refused("--time does not go with --type snapshot: a snapshot has a time of its own", "leave it out")
        return carry_out(given, lambda app: _from_snapshot(app, target, snapshot), is_yes=True)
    if to is None:
        raise Refused("--type pitr needs a time", '--time "2024-01-15T14:30:00Z"')
    if snapshot is not None:
        raise Refused("--snapshot does not go with --type pitr", "--type snapshot --snapshot ID")
    return carry_out(given, lambda app: _to_moment(app, target, to), is_yes=True)


def _from_snapshot(app: App, target: str | None, snapshot: str) -> Plan:
    from daybreak.app.snapshots import SnapshotWish, plan_snapshot

    return plan_snapshot(app, SnapshotWish(target or _only_target(app), snapshot, why="restore-aurora"))


def _to_moment(app: App, target: str | None, to: str) -> Plan:
    from daybreak.app.planning import PitrWish, plan_pitr

    return plan_pitr(app, PitrWish(target=target or _only_target(app), to=to, why="restore-aurora"))


def _only_target(app: App) -> str:
    from daybreak.errors import Refused

    names = sorted(app.targets)
    if len(names) != 1:
        raise Refused(
            f"which target is meant? {len(names)} are configured: {', '.join(names) or 'none'}", "add --target NAME"
        )
    return names[0]


def main() -> NoReturn:
    """Run the script and exit."""
    sys.exit(run(restore_aurora))


if __name__ == "__main__":
    main()
