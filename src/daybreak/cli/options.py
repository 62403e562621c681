"""The options that every verb shares, and the app they open.

Flags win over the environment, the environment over files, files over defaults; everything about AWS that is not given here
comes from boto3's own chain (``AWS_*``, profiles, roles).
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daybreak.cli.hinting import Line, Options, complete

if TYPE_CHECKING:
    from daybreak.app import App
    from daybreak.model.targets import Waiver
    from daybreak.report.text.report import Verbosity

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
"""What adds something to a verb's function."""

_SHARED = ("output", "config", "state", "poll", "profile", "region", "endpoint_url")


@dataclass(frozen=True)
class Given:
    """What the shared options said."""

    output: str
    config: Path | None
    state: str | None
    poll: str | None
    profile: str | None
    region: str | None
    endpoint_url: str | None
    depth: Verbosity = "brief"
    """How much of a report is shown, and of what happens meanwhile."""
    is_explained: bool = False
    """Whether a plan is shown with every reason, guard, undo and name."""

    @property
    def repeated(self) -> Options:
        """What the next command must be given again; what the environment says, it still says then."""
        said = (
            ("--config", self.config), ("--state", self.state), ("--profile", self.profile),
            ("--region", self.region), ("--endpoint-url", self.endpoint_url),
        )  # fmt: skip
        return tuple((name, str(value)) for name, value in said if value is not None)

    def complete(self, text: str) -> str:
        """A sentence for this person: each command in it carries what this one was given."""
        return complete(text, self.repeated)

    @property
    def is_json(self) -> bool:
        """Whether a machine reads stdout."""
        return self.output == "json"

    def app(self, stopping: threading.Event | None = None) -> App:
        """The use cases, with the settings in force."""
        from daybreak.config import load

        settings = load(
            environ=os.environ, folder=Path.cwd(), flags={"state": self.state, "poll": self.poll}, file=self.config
        )
        # After the settings are right: it takes boto3, and half a second.
        from daybreak.app import App
        from daybreak.aws.gateway import Access

        access = Access(region=self.region, profile=self.profile, endpoint_url=self.endpoint_url)
        return App(settings, access, os.environ, stopping or threading.Event())


class _Percent(click.ParamType[int]):
    """A whole number of percent, with its sign or without."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, from 1 to 100."""
        words = str(value).strip().removesuffix("%").strip()
        if not words.isdecimal() or not 1 <= int(words) <= 100:
            self.fail(f'"{value}" is not a share from 1% to 100%', param, ctx)
        return int(words)


percent = _Percent()
"""The type of an option that takes a share."""


class _Span(click.ParamType["timedelta"]):
    """A length of time, as the configuration writes it."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The length; it must be positive."""
        from daybreak.config.spans import parse_span

        if isinstance(value, timedelta):
            return value
        try:
            length = parse_span(str(value))
        except ValueError as error:
            self.fail(f'"{value}" is no length of time: {error}', param, ctx)
        return length


span = _Span()
"""The type of an option that takes a length of time."""

within_option = click.option(
    "--within",
    type=span,
    metavar="SPAN",
    help='How long the validation may take, such as "20m": what does not fit is named beforehand and left out.',
)


class _Waived(click.ParamType["Waiver"]):
    """A check that somebody at this keyboard does without, and why."""

    name = "waiver"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Waiver:
        """The waiver; its check must be one there is."""
        from daybreak.files import account_of_process
        from daybreak.model.checks import CHECKS, OWN
        from daybreak.model.targets import Waiver

        if isinstance(value, Waiver):
            return value
        check, _, why = (part.strip() for part in str(value).partition("="))
        if not check or not why:
            self.fail(
                f'"{value}" does not say why: write CHECK=WHY, such as application.health="no page yet"', param, ctx
            )
        if check not in CHECKS and not (check.startswith(OWN) and check != OWN):
            self.fail(f'there is no check "{check}": owner.NAME, {", ".join(CHECKS)}', param, ctx)
        return Waiver(check=check, is_for_all=True, by=account_of_process(), why=why)


waive_option = click.option(
    "--waive",
    "waivers",
    multiple=True,
    type=_Waived(),
    metavar="CHECK=WHY",
    help="Do without a check, and say why; every report shows it. May be given several times.",
)
"""The option by which a person does without a check."""


def gather(name: str, make: Callable[..., object], *options: Decorator) -> Decorator:
    """Add options to a verb; their values reach its function as one typed value, the keyword argument ``name``.

    ``make`` builds that value. Its parameters are the options' names: click's untyped values go no further than here.
    """
    taken = tuple(inspect.signature(make).parameters)

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(**said: Any) -> Any:
            made = make(**{each: said.pop(each) for each in taken})
            return function(**said, **{name: made})

        return with_options(call, *options)

    return add


def with_options(function: Callable[..., Any], *options: Decorator) -> Callable[..., Any]:
    """The function with options that its help lists in this order."""
    for option in reversed(options):
        function = option(function)
    return function


@dataclass(frozen=True)
class Destination:
    """Where a verb puts what it makes: a file, or the screen where ``file`` is ``None``."""

    file: Path | None
    is_forced: bool
    """Whether a file that is there is replaced."""


def shared(*outputs: str) -> Decorator:
    """Add the shared options to a verb; its function gets them as ``given``, its first argument."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(**options: Any) -> Any:
            depth = _depth(is_verbose=options.pop("is_verbose", False), is_quiet=options.pop("is_quiet", False))
            is_explained = options.pop("is_explained", False)
            given = Given(**{name: options.pop(name) for name in _SHARED}, depth=depth, is_explained=is_explained)
            if line := click.get_current_context().find_object(Line):
                line.options = given.repeated
            _refuse_what_is_no_text(click.get_current_context().params)
            return function(given, **options)

        return with_options(call, *_options(outputs))

    return add


def depth_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``-v`` and ``-q`` to a verb that reports; ``shared`` takes them up as ``Given.depth``."""
    return with_options(
        function,
        click.option("-v", "--verbose", "is_verbose", is_flag=True, help="Print every event, step and check."),
        click.option("-q", "--quiet", "is_quiet", is_flag=True, help="Print the verdict alone."),
    )


explain_option = click.option(
    "--explain", "is_explained", is_flag=True, help="Show the plan with each step's reason, guards, undo and names."
)
"""The option by which a person has a plan explained; ``shared`` takes it up as ``Given.is_explained``."""


def _depth(*, is_verbose: bool, is_quiet: bool) -> Verbosity:
    if is_verbose and is_quiet:
        raise click.UsageError("-v and -q do not go together")
    return "all" if is_verbose else "verdict" if is_quiet else "brief"


def _refuse_what_is_no_text(said: Mapping[str, object]) -> None:
    """Raise ``Refused`` for bytes that the terminal's encoding does not have; a file or a state may be named by any."""
    from daybreak.errors import Refused

    for name, value in said.items():
        if (
            name not in _SHARED
            and isinstance(value, str)
            and not value.isascii()
            and any("\ud800" <= sign <= "\udfff" for sign in value)
        ):
            encoding = sys.getfilesystemencoding()
            raise Refused(f'"{value}" is not text in {encoding}', "type it again in the encoding that LANG names")


def _options(outputs: tuple[str, ...]) -> tuple[Decorator, ...]:
    return (
        click.option(
            "-o",
            "--output",
            type=click.Choice(["text", "json", *outputs]),
            default="text",
            show_default=True,
            help="What to print.",
        ),
        click.option(
            "--config", type=click.Path(path_type=Path), metavar="FILE", help="The configuration file to read."
        ),
        click.option("--state", metavar="PLACE", help="Where runs are kept: a folder, or s3://bucket/prefix."),
        click.option("--poll", metavar="SPAN", help='Time between two looks at AWS, such as "15s".'),
        click.option("--profile", metavar="NAME", help="The AWS profile to use."),
        click.option("--region", metavar="NAME", help="The AWS region to use instead of the target's."),
        click.option("--endpoint-url", metavar="URL", help="Talk to this endpoint instead of AWS's own."),
    )
