"""What a check does not read, by depth and PostgreSQL version: left out by choice, or beyond anybody's reach.

The law: one table. A check that reads less than its title says has a row here, and the verdict names it. What is not in the
table should have been read: where it was not, it is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from daybreak.model import checks
from daybreak.model.checks import NOTHING, Asked, Check
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.thoroughness import Depth, Thoroughness

DEPTHS: tuple[Depth, ...] = ("quick", "standard", "full")


@dataclass(frozen=True)
class Kind:
    """One kind of thing that a check is about, and the least depth that reads it."""

    check: Check
    name: str
    """What is read, or is not, as a person says it."""
    depth: Depth | None
    """The least depth that reads it; ``None`` where none does."""
    why: str = ""
    """Why nobody can read it, or why it is left to that depth."""
    since: int = 0
    """The first major version of PostgreSQL for which the row holds."""
    before: int = 1_000
    """The first major version for which it holds no more."""
    is_by_choice: bool = False
    """Whether Daybreak chooses never to read what it could; else nobody can, where no depth reads it."""
    is_everywhere: bool = True
    """Whether every database has such things; else the line stands only where some were found."""

    def is_read_at(self, depth: Depth) -> bool:
        """Whether a validation of this depth reads it."""
        return self.depth is not None and DEPTHS.index(depth) >= DEPTHS.index(self.depth)


CONNECTION_STRINGS = "connection strings of subscriptions"
FOREIGN_ROWS = "rows of foreign tables"
HIDDEN_OPTIONS = "values of options that may hold a secret"
VIEW_CONTENTS = "the content of materialized views"
HIDDEN_SETTINGS = "values of settings that may hold a secret"
LARGE_CONTENTS = "the content of large objects"

_NO_SUPERUSER = "Aurora shows them to nobody"

KINDS: tuple[Kind, ...] = (
    Kind(checks.ROWS, "the number of rows", "standard"),
    Kind(checks.SOURCE_ROWS, "rows", "standard"),
    Kind(checks.CONTENT, "content", "full"),
    Kind(checks.ORPHANS, "rows", "standard"),
    Kind(checks.INDEX_CONTENTS, "indexes", "standard"),
    Kind(checks.INDEX_CONTENTS, "the rows that index entries lead to, and visibility maps", "full"),
    Kind(checks.CONSTRAINTS, "the rows that constraints speak of", "full"),
    Kind(checks.ROLES, "passwords of roles", None, _NO_SUPERUSER),
    Kind(
        checks.ROLES,
        HIDDEN_SETTINGS,
        None,
        "never read, because they may hold a secret; only which there are is compared",
        is_by_choice=True,
        is_everywhere=False,
    ),
    Kind(
        checks.CONTENT,
        VIEW_CONTENTS,
        None,
        "REFRESH MATERIALIZED VIEW makes it anew from the tables, which are compared",
        is_by_choice=True,
        is_everywhere=False,
    ),
    Kind(checks.SUBSCRIPTIONS, CONNECTION_STRINGS, None, _NO_SUPERUSER, is_everywhere=False),
    Kind(
        checks.ROWS,
        FOREIGN_ROWS,
        None,
        "they are on another server, which the quarantine does not let it reach",
        is_everywhere=False,
    ),
    Kind(
        checks.CATALOG,
        HIDDEN_OPTIONS,
        None,
        "never read, because they may hold a secret; of wrappers, foreign servers, their tables and user mappings only"
        " the names of such options are compared",
        is_by_choice=True,
        is_everywhere=False,
    ),
    Kind(
        checks.CATALOG,
        LARGE_CONTENTS,
        "full",
        is_everywhere=False,
    ),
)
"""Every kind that some depth does not read; the versions are PostgreSQL's majors."""


def kinds_of(check: str, major: int) -> Iterator[Kind]:
    """The rows of the table for a check on a server of this major version."""
    for kind in KINDS:
        if kind.check.name == check and kind.since <= major < kind.before:
            yield kind


def with_unread(
    finding: Finding, how: Thoroughness, major: int, present: Callable[[], Collection[str]] = tuple
) -> Finding:
    """The finding with a line for each kind that its check does not read at this depth.

    A finding without an answer needs none: it says itself that nothing was read. ``present`` names the
    kinds that were found; it is asked only where the check has such kinds, because finding them asks the clone.
    """
    if not finding.standing.is_answer:
        return finding
    unread = [kind for kind in kinds_of(finding.check, major) if not kind.is_read_at(how.depth)]
    found = () if all(kind.is_everywhere for kind in unread) else present()
    lines = tuple(_line(kind, how) for kind in unread if kind.is_everywhere or kind.name in found)
    return finding.model_copy(update={"details": (*finding.details, *lines)}) if lines else finding


def _line(kind: Kind, how: Thoroughness) -> Detail:
    if kind.depth is None:
        standing = Standing.LEFT_OUT if kind.is_by_choice else Standing.BEYOND
        return Detail(name=kind.name, standing=standing, found="not read", why=kind.why)
    return Detail(name=kind.name, standing=Standing.LEFT_OUT, found="not read", why=_why_left_out(kind, how))


def _why_left_out(kind: Kind, how: Thoroughness) -> str:
    return f"--depth {how.depth} does not read {kind.name}; --depth {kind.depth} does"


def leave_out(
    check: Check, expected: str, how: Thoroughness, asked: Asked = NOTHING, found: str = "not asked"
) -> Finding:
    """The finding of a check of which this depth reads nothing, with the depth that does."""
    kind = next(kind for kind in KINDS if kind.check == check and kind.is_everywhere and not kind.is_read_at(how.depth))
    return check.leave_out(expected, _why_left_out(kind, how), asked, found=found)
