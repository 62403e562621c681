"""Reporting: a run, or a validation by itself, written in any of the report's formats, to be shown or kept."""

from __future__ import annotations

import os
import secrets
from importlib.metadata import version
from pathlib import Path
from typing import Literal, assert_never

from daybreak.app.app import App
from daybreak.app.ending import is_cleaned, next_of, state_of_run, words_on_source
from daybreak.app.unclosed import look_at_unclosed
from daybreak.assess.ending import next_after
from daybreak.errors import Refused, Unreachable
from daybreak.journal.disk import sync_folder, write_new
from daybreak.model.report import Occasion, Report
from daybreak.model.validation import Validation
from daybreak.plan.servers import way_in
from daybreak.report.document import as_json, report_of_run, report_of_validation, without_home
from daybreak.report.html import html
from daybreak.report.junit import junit
from daybreak.report.markdown.report import markdown

Format = Literal["html", "json", "junit", "markdown"]
"""The formats of a report, besides a terminal's text."""


def report_of(app: App, run: str) -> Report:
    """The report of a run, whatever its state; raises ``Refused`` for an unknown one."""
    plan, state = state_of_run(app, run)
    inside = "" if is_cleaned(app, plan, state) else way_in(plan, state)
    left = look_at_unclosed(app, plan, state)
    occasion = _occasion(app, next_of(app, plan, state, left.then if left else ""), inside)
    words = filter(None, (words_on_source(app, plan, state), *(left.words if left else ())))
    return report_of_run(plan, state, occasion.model_copy(update={"sides": tuple(words)}))


def report_on(app: App, validation: Validation) -> Report:
    """The report of a validation by itself."""
    target = app.targets.get(validation.target or "")
    occasion = _occasion(app, next_after(validation), validation.way_in)
    return report_of_validation(validation, occasion, target.objectives if target else None)


def hand_on(app: App, report: Report) -> Report:
    """The report in the form for other people: it names no home folder."""
    return without_home(report, app.environ.get("HOME", ""))


def write_as(report: Report, form: Format) -> str:
    """The report in one of its formats."""
    match form:
        case "html":
            return html(report)
        case "json":
            return as_json(report)
        case "junit":
            return junit(report)
        case "markdown":
            return markdown(report)
        case _:
            assert_never(form)


def keep(text: str, path: Path, *, is_forced: bool) -> None:
    """Keep a report in a private file that is whole or not there at all.

    A file that exists is evidence of something. It is replaced only with ``is_forced``. Raises ``Refused``, and
    ``Unreachable`` where the disk refuses.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        write_new(draft, text.encode())
        try:
            _give_name(draft, path, is_forced=is_forced)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise Refused(
            f'"{path}" exists already', "add --force to replace it", "name another file with --file"
        ) from error
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise Unreachable(f'"{path}" cannot be written: {why}', "name another file with --file") from error


def _give_name(draft: Path, path: Path, *, is_forced: bool) -> None:
    """Give the whole file its name. A link refuses in one step where a rename would replace."""
    if is_forced:
        draft.replace(path)
        return
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links: look at the name right before.
        if path.exists():
            raise FileExistsError(path) from None
        draft.rename(path)


def _occasion(app: App, then: str, inside: str) -> Occasion:
    return Occasion(
        made=app.timing.now().replace(microsecond=0),
        version=version("daybreak"),
        next=then,
        way_in=inside,
    )
