"""The names that a clone gets. They are decided before anything is created, so that they can be printed, approved and looked for.

The law: everything that this module returns keeps AWS's rule for identifiers: 1 to 63 letters, digits and single hyphens,
a letter first, no hyphen last.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from difflib import get_close_matches

from daybreak.errors import Refused

IDENTIFIER = re.compile(r"[a-z](?:-?[a-z0-9])*")
"""What AWS accepts as a cluster or instance identifier, in its lower-case form."""

LONGEST = 63
"""The length of the longest identifier that AWS accepts for clusters and instances."""

_LONGEST_STEM = LONGEST - len("-snapshot-202401151430-7k2x") - len("-quarantine")
"""The length that remains for a name before our longest ending, the quarantine group of a snapshot's clone."""


def is_identifier(text: str) -> bool:
    """Whether AWS accepts ``text`` as the identifier of a cluster or instance.

    >>> is_identifier("embi-aurora-cluster"), is_identifier("a--b"), is_identifier("9a")
    (True, False, False)
    """
    return len(text) <= LONGEST and IDENTIFIER.fullmatch(text.lower()) is not None


def check_identifier(text: str, what: str) -> str:
    """Return ``text`` if AWS accepts it as an identifier; raises ``Refused`` naming ``what`` otherwise."""
    if not is_identifier(text):
        raise Refused(
            f'the {what} "{printable(text)}" is not an identifier that AWS accepts',
            "use 1 to 63 letters, digits and single hyphens, starting with a letter, not ending with a hyphen",
        )
    return text.lower()


def is_same_name(one: str | None, other: str | None) -> bool:
    """Whether two identifiers of RDS name one thing: AWS takes them in any case, and answers them in its own.

    >>> is_same_name("Before-Release", "before-release"), is_same_name(None, "x")
    (True, False)
    """
    return one is not None and other is not None and one.lower() == other.lower()


def printable(text: str, most: int = 100) -> str:
    r"""``text`` with every character escaped that a terminal could act on, cut at ``most`` characters.

    >>> printable("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    shown = text
    if not text.isprintable():
        shown = "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def visible(text: str) -> str:
    r"""Text from outside with every character escaped that acts instead of showing; only line breaks are kept.

    >>> visible("a\x1b[31m\u202eb\nc")
    'a\\x1b[31m\\u202eb\nc'
    """
    if text.isprintable():
        return text
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join("".join(c if c.isprintable() else repr(c)[1:-1] for c in line) for line in lines)


_URL = re.compile(r"(?s)((?:[A-Za-z][A-Za-z0-9+.-]*:)?//)?(?:[^/?#]*@)?([^?#]*)([?#].*)?")

QUERY = "?…"
"""The mark that replaces the query of a URL wherever the URL is shown or kept."""


def show_url(url: str) -> str:
    """A URL without the parts that may hold a secret: its login and its query. The fragment is dropped too; it is never sent.

    >>> show_url("https://me:secret@app.example.com/health?token=secret")
    'https://app.example.com/health?…'
    >>> show_url(show_url("/login?next=secret#top")), show_url("http://{host}:{port}/")
    ('/login?…', 'http://{host}:{port}/')
    """
    match = _URL.fullmatch(url)
    scheme, rest, query = match.groups() if match else ("", "", "")
    return f"{scheme or ''}{rest}{QUERY if query else ''}"


def clone_name(cluster: str, kind: str, moment: datetime, suffix: str) -> str:
    """The clone's identifier: the source's stem, the kind, the moment's UTC minute, and a short suffix.

    >>> clone_name("embi-aurora-cluster", "pitr", datetime(2024, 1, 15, 14, 30, tzinfo=UTC), "7k2")
    'embi-aurora-pitr-202401151430-7k2'
    """
    return f"{clone_stem(cluster)}-{kind}-{moment.astimezone(UTC):%Y%m%d%H%M}-{suffix}"


def clone_stem(cluster: str) -> str:
    """The beginning that the names of all clones of a cluster share."""
    return cluster.lower().removesuffix("-cluster")[:_LONGEST_STEM].rstrip("-")


def target_names(clusters: Iterable[str]) -> dict[str, str]:
    """A short name for each cluster, as people call the database; where two would be called alike, each keeps its own.

    >>> target_names(["embi-aurora-cluster", "orders-cluster", "orders-aurora"])
    {'embi-aurora-cluster': 'embi', 'orders-cluster': 'orders-cluster', 'orders-aurora': 'orders-aurora'}
    """
    short = {each: each.removesuffix("-cluster").removesuffix("-aurora") or each for each in clusters}
    counted = Counter(short.values())
    return {each: name if counted[name] == 1 else each for each, name in short.items()}


CLONE_WORDS: dict[str, str] = {"pitr": "pitr", "snapshot": "snapshot", "region": "dr"}
"""The word in a clone's name for each kind of request that a clone is made for."""

_CLONE_ENDING = re.compile(rf"-({'|'.join(CLONE_WORDS.values())})-([0-9]{{12}})-[a-z0-9]{{3,4}}")


def is_clone_name(name: str, cluster: str) -> bool:
    """Whether ``name`` is one that ``clone_name`` makes for a clone of ``cluster``.

    >>> is_clone_name("embi-aurora-pitr-202401151430-7k2x", "embi-aurora-cluster")
    True
    >>> is_clone_name("embi-aurora-cluster", "embi-aurora-cluster"), is_clone_name("orders", "embi-aurora-cluster")
    (False, False)
    """
    return kind_and_minute(name, cluster) is not None


def kind_and_minute(name: str, cluster: str) -> tuple[str, datetime] | None:
    """The kind of the request that a clone of ``cluster`` was made for, and the minute in its name; ``None`` for no such name.

    >>> kind_and_minute("embi-aurora-dr-202401151430-7k2x", "embi-aurora-cluster")
    ('region', datetime.datetime(2024, 1, 15, 14, 30, tzinfo=datetime.timezone.utc))
    """
    stem = clone_stem(cluster)
    found = _CLONE_ENDING.fullmatch(name.removeprefix(stem)) if name.startswith(stem) else None
    if found is None:
        return None
    try:
        minute = datetime.strptime(found[2], "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None
    return next(kind for kind, word in CLONE_WORDS.items() if word == found[1]), minute


def away_name(cluster: str, moment: datetime, suffix: str) -> str:
    """The name of a source while a clone has its own, at most 63 characters long; no clone is ever named so.

    >>> away_name("embi", datetime(2026, 3, 1, 14, 5), "7k2")
    'embi-away-202603011405-7k2'
    """
    return f"{clone_stem(cluster)}-away-{moment:%Y%m%d%H%M}-{suffix}"


def instance_name(clone: str, number: int) -> str:
    """The identifier of the clone's ``number``-th instance, from 1; number 1 becomes the writer."""
    return f"{clone}-{number}"


def endpoint_name(clone: str, number: int) -> str:
    """The identifier of the clone's ``number``-th custom endpoint, from 1; it is unique in a region."""
    return f"{clone}-e{number}"


_CLEAN = re.compile(r"(.+)-clean-[a-z0-9]{2,8}")


def clean_name(run: str, suffix: str) -> str:
    """The name of a run that removes what another run created."""
    return f"{run}-clean-{suffix}"


def run_cleaned_by(run: str) -> str | None:
    """The run that a clean-up of this name follows; ``None`` when the name is not a clean-up's.

    >>> run_cleaned_by("embi-aurora-pitr-202401151430-7k2-clean-9x4"), run_cleaned_by("embi-aurora-pitr-202401151430-7k2")
    ('embi-aurora-pitr-202401151430-7k2', None)
    """
    found = _CLEAN.fullmatch(run)
    return found[1] if found else None


def quarantine_group_name(clone: str) -> str:
    """The name of the cluster parameter group that keeps the clone in quarantine."""
    return f"{clone}-quarantine"


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """What to ask whoever wrote ``name``, for the end of a sentence; empty where none of the names is like it.

    >>> did_you_mean("public.employes", ["public.employees", "public.payments"]), did_you_mean("x", ["payroll"])
    (' (did you mean "public.employees"?)', '')
    """
    likely = get_close_matches(name, sorted(set(names) - {name}), n=2, cutoff=0.75)
    words = " or ".join(f'"{printable(each)}"' for each in likely)
    return f" (did you mean {words}?)" if words else ""


def comma_list(items: list[str] | tuple[str, ...], most: int = 10) -> str:
    """The items, separated by commas; of many only the first, and how many more there are.

    >>> comma_list(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    shown = ", ".join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"


def sql_identifier(text: str) -> str:
    """An SQL identifier, always quoted: a table may be called order.

    >>> sql_identifier('the "old" app')
    '"the ""old"" app"'
    """
    return '"' + text.replace('"', '""') + '"'


def sql_text(text: str) -> str:
    """A text in SQL; what has a backslash means the same whatever the server's settings are.

    >>> sql_text("it's")
    "'it''s'"
    """
    quoted = text.replace("'", "''")
    return f" E'{quoted.replace(chr(92), chr(92) * 2)}'" if chr(92) in text else f"'{quoted}'"
