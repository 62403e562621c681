"""`daybreak demo`: the whole story on the lab, on this machine, played with the real commands.

The law: nothing here is staged. Every line after a `$` is a command that a person could type, run as its own process against a
real PostgreSQL. The rows are counted before and after. Whatever was started is stopped again, however the story ends.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daybreak.cli.screen import print_line, print_title
from daybreak.errors import Failed

if TYPE_CHECKING:
    from daybreak.lab.company.company import Company
    from daybreak.lab.remote import RemoteLab


@click.command()
@click.option(
    "--speed", type=click.FloatRange(min=1), default=600.0, show_default=True, help="Simulated seconds in one."
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the HTML report there.  [default: a new file in the temporary folder]",
)
@click.option("--keep", "is_kept", is_flag=True, help="Leave the lab running at the end.")
def demo(*, speed: float, report: Path | None, is_kept: bool) -> int:
    """Play the whole story on the lab, on this machine.

    A table is emptied by accident; the plan is shown, carried out and reported; the rows are back in the clone and still
    missing in the source. At the end nothing is left running, and the report stays, as one page of HTML.
    """
    from daybreak.lab import extra
    from daybreak.lab.servers.binaries import make_lab_folder

    extra.require()
    began = time.monotonic()
    story = _Story(make_lab_folder("daybreak-demo-"), speed, report)
    try:
        story.play()
    finally:
        if is_kept:
            print_line(f"\nthe lab is still running: daybreak lab status --dir {story.lab_folder}")
        else:
            story.end()
    print_line(f"\nThe whole story took {time.monotonic() - began:.0f} seconds; nothing is left running.")
    print_line(f"The report of the restore is {story.report}")
    return 0


@dataclass
class _Story:
    folder: Path
    speed: float
    report: Path | None
    lab: RemoteLab | None = None

    @property
    def lab_folder(self) -> Path:
        return self.folder / "lab"

    def play(self) -> None:
        self._start_lab()
        company = self._company()
        company.work()
        before = company.rows()
        self._remember()
        moment = self._last_good_second()
        self._accident()
        emptied = company.rows()
        _say("4. The table is empty", _table({"before": before, "now": emptied}))
        self._wait_for_backup(moment)
        _say("5. What was promised, and what is true right now")
        self._daybreak("status")
        run = self._restore(moment)
        clone, source = company.rows(run), company.rows()
        _say(
            "7. Back in the clone, still missing in the source",
            _table({"before": before, "clone": clone, "source": source}),
        )
        if clone != before or source != emptied:
            raise Failed("the rows are not what they should be")
        self._write_report(run)
        _say("9. Clean up: only what the run created")
        self._daybreak("clean", run, "--yes")

    def end(self) -> None:
        """Stop the lab and remove everything; safe to call twice."""
        if self.lab is not None:
            self.lab.down()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_lab(self) -> None:
        from daybreak.lab import remote

        _say(
            "1. An AWS on this machine, with a real PostgreSQL behind it",
            f"$ daybreak lab up --detach --speed {self.speed:g}",
        )
        self.lab = remote.start(self.lab_folder, "--speed", str(self.speed))
        print_line(f"{self.lab.url} answers; forty minutes of AWS pass in {2400 / self.speed:.0f} seconds")

    def _remember(self) -> None:
        """Keep what the verdict will compare with, before anything happens."""
        from daybreak.lab.company.configuration import configuration
        from daybreak.lab.remote import authority

        (self.folder / "daybreak.toml").write_text(configuration(self._require_lab().url, authority(self.lab_folder)))
        _say("2. What a clone will be measured by: the rows as they are today")
        self._daybreak("baseline", "embi", "--fingerprint")

    def _restore(self, moment: datetime) -> str:
        """Restore the database. Return the name of the run, which is that of its clone."""
        _say("6. Bring it back: the plan first, then carried out, validated and reported")
        to, why = moment.isoformat().replace("+00:00", "Z"), "DELETE without WHERE on employees"
        self._daybreak("restore", "pitr", "embi", "--to", to, "--why", why, "--yes")
        runs = json.loads(self._daybreak("runs", "-o", "json", is_quiet=True))["runs"]
        return str(runs[0]["run"])

    def _write_report(self, run: str) -> None:
        """Write the eighteen boxes of the runbook and all other checks, as one page that outlives this story."""
        if self.report is None:
            # A folder of its own: another person could have put a link of that name into the common one.
            self.report = Path(tempfile.mkdtemp(prefix="daybreak-report-")) / f"{run}.html"
        _say("8. The evidence, as one page of HTML")
        self._daybreak("report", run, "-o", "html", "--file", str(self.report.absolute()), "--force")
        print_line("planted defects show that the checks can fail: daybreak validate --prove")

    def _require_lab(self) -> RemoteLab:
        if self.lab is None:
            message = "the lab is not running"
            raise Failed(message)
        return self.lab

    def _company(self) -> Company:
        from daybreak.lab.company.company import Company

        return Company(self._require_lab())

    def _environment(self) -> dict[str, str]:
        from daybreak.lab.programs import with_absolute_paths

        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DAYBREAK_", "PG"))}
        return with_absolute_paths(kept) | {
            "AWS_ENDPOINT_URL": self._require_lab().url,
            "AWS_ACCESS_KEY_ID": self._require_lab().access_key,
            "AWS_SECRET_ACCESS_KEY": self._require_lab().secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "DAYBREAK_ONLY_LOOPBACK": "1",
            "DAYBREAK_STATE": str(self.folder / "state"),
            "HOME": str(self.folder),
        }

    def _daybreak(self, *arguments: str, is_quiet: bool = False) -> str:
        """Run a real command in a process of its own, shown as a person would type it."""
        from daybreak.lab.programs import python_module

        if not is_quiet:
            print_line(f"$ daybreak {' '.join(_quote(word) for word in arguments)}")
        done = subprocess.run(
            [*python_module("daybreak.cli.main"), *arguments],
            env=self._environment(),
            cwd=self.folder,
            stdout=subprocess.PIPE if is_quiet else None,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Failed(f"daybreak {arguments[0]} ended with exit code {done.returncode}")
        return done.stdout or ""

    def _last_good_second(self) -> datetime:
        """A whole second that lies after the data and before the accident."""
        now = datetime.now(UTC)
        moment = now.replace(microsecond=0) + timedelta(seconds=1)
        time.sleep((moment + timedelta(seconds=0.3) - now).total_seconds())
        return moment

    def _accident(self) -> None:
        from daybreak.lab.company.company import ACCIDENT

        _say("3. The accident: a DELETE without a WHERE", f"embi=> {ACCIDENT};")
        print_line(f"DELETE {self._company().lose_everybody()}")

    def _wait_for_backup(self, moment: datetime) -> None:
        """Wait until the backup reaches the moment; on AWS typically five minutes, in the lab a second or two."""
        deadline = time.monotonic() + 30
        while not self._company().backup_reaches(moment):
            if time.monotonic() > deadline:
                message = "the lab's backup does not move on"
                raise Failed(message)
            time.sleep(0.1)


def _say(heading: str, text: str = "") -> None:
    print_title(heading)
    if text:
        print_line(text)


def _table(columns: dict[str, dict[str, int]]) -> str:
    lines = [f"{'rows':<12}" + "".join(f"{name:>10}" for name in columns)]
    tables = next(iter(columns.values()))
    lines += [f"{table:<12}" + "".join(f"{counts[table]:>10,}" for counts in columns.values()) for table in tables]
    return "\n".join(lines)


def _quote(word: str) -> str:
    import shlex

    return shlex.quote(word)
