r"""Plain scripts that want a shell: psql carries out none of their commands, whatever reads them how.

``LEAVES`` goes to psql itself, past our own reading, in the box and in its restricted mode: each wall holds alone.
"""

from __future__ import annotations

import bz2
import ctypes
import gzip
import lzma
import re
import socket
import sys
from datetime import timedelta

import pytest

from daybreak.errors import DaybreakError, Failed, Refused
from daybreak.lab.servers.binaries import wheel_folders
from daybreak.postgres.accounts import account
from daybreak.postgres.clients import ClientProgram, conninfo_of, find_client, open_pass_file
from daybreak.postgres.leash import Leash
from daybreak.postgres.loading import knows_restricting, require_restricting
from daybreak.postgres.sandbox import Box, Said, run_boxed
from daybreak.postgres.scratch_place import ScratchPlace
from tests.postgres.hostile.fix_hostile import Range, rows_as

HEAD = b"--\n-- PostgreSQL database dump\n--\n\n\\restrict w0rd\n\n-- Dumped from database version 18.6\n"
END = b"--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict w0rd\n\n"
TABLE = b"CREATE TABLE public.t (a integer, b text);\nCOPY public.t (a, b) FROM stdin;\n1\tone\n2\t\\\\.\n\\.\n\n"


def script(*parts: bytes, head: bytes = HEAD, end: bytes = END) -> bytes:
    """A dump with these statements in it."""
    return head + b"".join(parts) + end


def test_a_dump_is_loaded_in_one_transaction_and_what_is_not_ours_is_listed(firing_range: Range) -> None:
    """Owners, privileges and what the role may not make stay out, with their statements."""
    more = (
        b"ALTER TABLE public.t OWNER TO jo;\nGRANT SELECT ON TABLE public.t TO jo;\nCREATE EXTENSION IF NOT EXISTS dblink;\n"
        b"COMMENT ON EXTENSION plpgsql IS 'x';\nCREATE PUBLICATION p FOR ALL TABLES;\n"
        b"CREATE FUNCTION public.f() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT 'a;b'; SELECT $x$ ; \\! $x$; END;\n"
        b"BEGIN;\nSELECT pg_catalog.lo_create('4711');\nCOMMIT;\n"
    )
    with firing_range.scratch() as place:
        loaded = firing_range.load(place, script(TABLE, more))
        assert rows_as(place, "SELECT a, b FROM public.t ORDER BY 1") == [(1, "one"), (2, "\\.")]
        assert rows_as(place, "SELECT public.f()") == [(" ; \\! ",)]
    kinds = [each.text.split(maxsplit=1)[0] for each in loaded.left_out]
    assert kinds == ["ALTER", "GRANT", "CREATE", "COMMENT", "CREATE", "BEGIN;", "COMMIT;"]
    assert loaded.left_out_number == 7
    assert loaded.size == len(script(TABLE, more))


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_packed_dump_is_loaded(firing_range: Range, pack: object) -> None:
    """Known by its bytes; also of two members, as one that was appended to."""
    assert callable(pack)
    whole = script(TABLE)
    with firing_range.scratch() as place:
        firing_range.load(place, pack(whole[:100]) + pack(whole[100:]))
        assert rows_as(place, "SELECT count(*) FROM public.t") == [(2,)]


COMMANDS = {
    "a shell": b"\\! touch {bait}/came\n",
    "a shell after a statement": b"SELECT 1; \\! touch {bait}/came\n",
    "a shell within a statement": b"SELECT 1 \\g | touch {bait}/came\n",
    "a file read": b"\\i /etc/passwd\n",
    "a file copied": b"\\copy (SELECT 1) TO '{bait}/came'\n",
    "a file written": b"\\o {bait}/came\nSELECT 1;\n",
    "a program copied from": b"\\copy public.t FROM PROGRAM 'touch {bait}/came'\n",
    "the word in backticks": b"\\unrestrict `touch {bait}/came`\n",
    "a second word in backticks": b"\\restrict `touch {bait}/came`\n",
    "another word": b"\\unrestrict other\n\\! touch {bait}/came\n",
    "the word too early": b"\\unrestrict w0rd\n\\! touch {bait}/came\n",
    "statements after the end": b"\\unrestrict w0rd\nCREATE TABLE public.late ();\n",
    "a name with a line break": b"-- Name: x\n\\! touch {bait}/came\n; Type: TABLE\nSELECT 1;\n",
    "another database": b"\\connect postgres\n",
    "what a query says": b"SELECT 'DROP TABLE x' \\gexec\n",
    "a variable": b"\\set x `touch {bait}/came`\n",
    "after rows": TABLE + b"\\! touch {bait}/came\n",
}
"""What psql would carry out."""


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_of_psql_is_refused_before_psql_sees_it(firing_range: Range, name: str) -> None:
    """And the statements before it are taken back."""
    hostile = COMMANDS[name].replace(b"{bait}", str(firing_range.bait).encode())
    with firing_range.shared_scratch() as place, pytest.raises(Refused):
        firing_range.load(place, script(b"CREATE TABLE public.before ();\n", hostile))


LEAVES = {
    "what strings are": b"SET standard_conforming_strings = off;\nSELECT 'a\\'' \\! touch {bait}/came ; --'\n;\n",
    "a shell": b"\\! touch {bait}/came\n",
    "backticks": b"\\unrestrict `touch {bait}/came`\n",
    "a file": b"\\o {bait}/came\nSELECT 1;\n",
    "a query's file": b"SELECT 1 \\g {bait}/came\n",
    "a program": b"\\copy (SELECT 1) TO PROGRAM 'touch {bait}/came'\n",
}


def programs() -> list[object]:
    """Every psql of this machine's wheels, in its restricted mode and out of it; the newest and the oldest are the sample."""
    found = sorted(
        (find_client("psql", str(folder / "psql")) for folder in wheel_folders()),
        key=lambda each: (each.major, each.minor),
    )
    cases = [(each, is_restricted) for each in found for is_restricted in (True, False)]
    sample = [(found[-1], True), (found[0], False)]
    return [
        pytest.param(*each, id=f"{each[0].version}-{each[1]}", marks=() if each in sample else pytest.mark.sweep)
        for each in cases
    ]


@pytest.mark.parametrize("name", LEAVES)
@pytest.mark.parametrize(("program", "is_restricted"), programs())
def test_psql_in_its_box_carries_out_nothing(
    firing_range: Range, program: ClientProgram, name: str, *, is_restricted: bool
) -> None:
    """Were our reading wrong: a restricted psql says no, and one that is not finds no process to start and no file to write."""
    hostile = LEAVES[name].replace(b"{bait}", str(firing_range.bait).encode())
    word = [b"\\restrict ours\n"] if is_restricted and knows_restricting(program) else []
    with firing_range.shared_scratch() as place:
        run_psql(place, program, [*word, hostile])


def run_psql(place: ScratchPlace, program: ClientProgram, feed: list[bytes]) -> Said:
    """psql in its box, with nothing between it and its input."""
    with open_pass_file(place.login, "psql", account().owner) as secret:
        conninfo = conninfo_of(place.reach, program, secret, timedelta(seconds=10), session="test")
        command = [program.path, "-X", "-q", "--no-password", f"--dbname={conninfo}", "--file=-"]
        return run_boxed(command, Box(timedelta(seconds=20)), Leash(), feed=feed, keeps=(secret,))


def test_what_reads_strings_otherwise_meets_the_restricted_mode(firing_range: Range) -> None:
    """A script that is cut otherwise than psql reads it goes through our reading, and fails at psql."""
    hostile = LEAVES["what strings are"].replace(b"{bait}", str(firing_range.bait).encode())
    with firing_range.shared_scratch() as place, pytest.raises(Failed, match=r"restricted"):
        firing_range.load(place, script(hostile))


def test_a_bomb_is_ended(firing_range: Range) -> None:
    """A hundred kilobytes that unpack to a hundred megabytes; nothing of it stays."""
    bomb = gzip.compress(script(b"CREATE TABLE public.before ();\n", b"-- " + b"x" * (100 << 20) + b"\n"))
    assert len(bomb) < 200_000
    with firing_range.shared_scratch() as place, pytest.raises(Failed, match=r"holds more than 10,485,760 bytes"):
        firing_range.load(place, bomb, most=10 << 20)


@pytest.mark.parametrize(
    ("torn", "why"),
    [
        (script(TABLE, end=b""), "does not end as a dump does"),
        (script(TABLE)[:150], "rows have no end|a statement has no end"),
        (script(b"SELECT 'x"), "no end"),
        (script(b"SELECT $a$ x"), "no end"),
        (script(b"/* x"), "no end"),
        (gzip.compress(script(TABLE), mtime=0)[:-20], "torn"),
        (gzip.compress(script(TABLE), mtime=0)[:40] + b"\0" * 40, "cannot be unpacked|torn"),
        (script(TABLE, head=b"-- mine\n"), "does not begin as a dump"),
        (script(TABLE, head=b"--\n-- PostgreSQL database cluster dump\n--\n\n"), "pg_dumpall"),
        (b"", "does not begin|does not end"),
    ],
)
def test_a_torn_or_foreign_script_leaves_nothing(firing_range: Range, torn: bytes, why: str) -> None:
    """psql would commit at the end of its input: it must see none."""
    with firing_range.shared_scratch() as place, pytest.raises(DaybreakError, match=why):
        firing_range.load(place, torn)


def test_a_script_that_never_ends_is_ended(firing_range: Range) -> None:
    """Within its limit."""
    from daybreak.postgres.restoring import RestoreBounds

    with firing_range.shared_scratch() as place, pytest.raises(Failed, match="was ended after 1 second, its limit"):
        firing_range.load(
            place, script(b"SELECT pg_catalog.pg_sleep(100);\n"), bounds=RestoreBounds(timedelta(seconds=1))
        )


@pytest.mark.parametrize(
    ("version", "is_mended", "knows"),
    [
        ("13.22", False, True), ("14.23", False, True), ("14.24", True, True), ("15.13", False, False), ("15.18", False, True),
        ("15.19", True, True), ("16.9", False, False), ("16.15", True, True), ("17.5", False, False), ("17.10", False, True),
        ("17.11", True, True), ("18.0", False, True), ("18.6", True, True), ("19.0", True, True), ("9.6", False, False),
    ],
)  # fmt: skip
def test_an_old_psql_is_refused_unless_that_is_allowed(version: str, is_mended: bool, knows: bool) -> None:  # noqa: FBT001
    """The gate of versions: the first mending could be passed, so the second counts."""
    major, minor = map(int, version.split("."))
    program = ClientProgram("/psql", version, major, minor, "psql")
    assert (program.is_mended, knows_restricting(program), not program.warning) == (is_mended, knows, is_mended)
    require_restricting(program, is_old_client_allowed=True)
    if is_mended:
        require_restricting(program, is_old_client_allowed=False)
    else:
        with pytest.raises(Refused, match=rf"psql {version}"):
            require_restricting(program, is_old_client_allowed=False)


SPY = """
import os, socket, sys
say = sys.stderr.write
for name, value in os.environ.items():
    say(f"{name}={value}\\n")
say(f"at {os.getcwd()} as {os.geteuid()} with {len(os.listdir('/dev/fd'))} files\\n")
for name, act in {
    "fork": os.fork,
    "write": lambda: open("mine", "w").write("x"),
    "empty": lambda: open(sys.argv[1], "w"),
    "remove": lambda: os.unlink(sys.argv[1]),
    "connect": lambda: socket.create_connection(("127.0.0.1", int(sys.argv[2])), 2),
    "other": lambda: socket.create_connection(("127.0.0.1", int(sys.argv[3])), 2),
}.items():
    try:
        act()
        say(f"{name}: done\\n")
    except OSError as error:
        say(f"{name}: {error.strerror}\\n")
"""


def test_the_child_has_nothing_of_ours(firing_range: Range, monkeypatch: pytest.MonkeyPatch) -> None:
    """No credential, no variable of libpq's, no home, no process, no file, and no port but the server's."""
    for name in ("AWS_SECRET_ACCESS_KEY", "PGOPTIONS", "PGSERVICE", "LD_PRELOAD", "PSQLRC", "PGPASSWORD"):
        monkeypatch.setenv(name, "planted")
    with socket.create_server(("127.0.0.1", 0)) as allowed, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [each.getsockname()[1] for each in (allowed, other)]
        command = ["/usr/bin/env", "python3", "-c", SPY, str(firing_range.bait / "prey"), *map(str, ports)]
        said = run_boxed(command, Box(timedelta(seconds=20), port=ports[0]), Leash())
    text = "\n".join(said.lines)
    assert "planted" not in text
    assert "HOME=/nonexistent" in text
    assert f"as {account().uid} with" in text
    assert account().uid != 0
    denied = {line.partition(": ")[0] for line in said.lines if re.fullmatch(r"\w+: (?!done).*", line)}
    if sys.platform == "linux":
        assert denied >= {"fork", "write"}
        walls = ctypes.CDLL(None).syscall(444, None, 0, 1)  # Landlock's version, where this kernel has it
        assert denied >= ({"empty", "remove", "other"} if walls >= 4 else {"empty", "remove"} if walls >= 1 else set())
    assert "connect" not in denied
    assert (firing_range.bait / "prey").read_text() == "as it was"
