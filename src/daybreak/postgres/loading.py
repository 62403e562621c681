r"""Plain SQL put into a scratch database by ``psql``, which runs in a box as the throw-away role.

The law: psql carries out no command of the script's. It is too old for that, it is refused; else it gets ``\restrict`` with a word of
ours first, and what it gets after that was cut into statements before, with each of psql's own commands found and refused. What is
loaded is one transaction, and psql sees the end of its input only where the script came to its own.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from daybreak.archive.beyond import Abilities, why_not_run
from daybreak.archive.script import TAIL, is_end_of_script, script_head
from daybreak.archive.statements import ScriptPart, cut
from daybreak.errors import Failed, Refused
from daybreak.model.names import printable
from daybreak.postgres.accounts import account
from daybreak.postgres.clients import FIXED, ClientProgram, conninfo_of, open_pass_file
from daybreak.postgres.leash import Leash
from daybreak.postgres.restoring import CONNECT, SESSION, RestoreBounds, run_and_end
from daybreak.postgres.sandbox import Box, run_boxed
from daybreak.postgres.scratch_place import ScratchPlace
from daybreak.postgres.unpacking import read_unpacked

PROGRAM = "psql"
_RESTRICTS: Mapping[int, int] = {13: 22, 14: 19, 15: 14, 16: 10, 17: 6}
r"""The first minor version of each major whose psql knows ``\restrict``; later majors know it."""
_WORD = re.compile(rb"\\(restrict|unrestrict)[ \t]+([A-Za-z0-9]{1,128})[ \t]*\r?\n?\Z")
_MOST_LISTED = 1000
"""How many statements that were left out are kept with their text."""
_LONGEST_LISTED = 4000
_ERROR = re.compile(r"(?:ERROR|FATAL|error): +(.*)")


@dataclass(frozen=True)
class LeftOutStatement:
    """A statement of the script that was not run."""

    text: str
    """Its beginning, printable."""
    why: str


@dataclass
class ScriptLoaded:
    """What became of a script."""

    statements: int = 0
    size: int = 0
    """Bytes, unpacked."""
    left_out: list[LeftOutStatement] = field(default_factory=list)
    """The first of those left out."""
    left_out_number: int = 0


def require_restricting(program: ClientProgram, *, is_old_client_allowed: bool) -> None:
    """Raise ``Refused`` for a psql that a hostile script could make run commands on this machine, unless that is allowed."""
    if not (program.is_mended or is_old_client_allowed):
        need = f"{program.major}.{FIXED[program.major]}" if program.major in FIXED else "18.6"
        raise Refused(
            f"plain SQL is not given to {program.name} {program.version}: {program.warning}",
            f"a psql of {need} or later", "--allow-old-client, where you know who made the dump",
        )  # fmt: skip


def load_script(
    place: ScratchPlace,
    program: ClientProgram,
    script: Path,
    abilities: Abilities,
    bounds: RestoreBounds,
    *,
    most: int,
    is_old_client_allowed: bool = False,
    leash: Leash,
    hand_over: Callable[[str], None],
) -> ScriptLoaded:
    """Load a plain script of pg_dump's, packed or not, of at most ``most`` bytes once it is unpacked, in one transaction.

    Owners and privileges, and what the role may not make, are left out and listed. Raises ``Refused`` where the program or the
    script is none that may be loaded, ``Failed`` with the line that says why, ``Unreachable`` where it was called off.
    """
    require_restricting(program, is_old_client_allowed=is_old_client_allowed)
    hand_over(f"{program.name} {program.version} loads {printable(script.name)}")
    loaded = ScriptLoaded()
    owner = account().owner
    with open_pass_file(place.login, program.name, owner) as secret:
        command = [
            program.path, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", "--no-password",
            f"--dbname={conninfo_of(place.reach, program, secret, CONNECT, session=SESSION)}", "--file=-",
        ]  # fmt: skip
        box = Box(
            bounds.limit, bounds.memory, port=place.port, secrets=frozenset({place.login.password}), keeps=_is_its_own
        )
        feed = _feed(script, abilities, loaded, most, is_restricted=knows_restricting(program))
        said = run_and_end(place, lambda: run_boxed(command, box, leash, feed=feed, keeps=(secret,)))
    if said.code:
        why = next((found[1] for each in reversed(said.lines) if (found := _ERROR.search(each))), "")
        last = said.lines[-1] if said.lines else "without a word"
        raise Failed(f"{program.name} failed: {printable(why or f'{last} (exit code {said.code})', 600)}")
    return loaded


def knows_restricting(program: ClientProgram) -> bool:
    r"""Whether a psql knows ``\restrict``."""
    if program.major in _RESTRICTS:
        return program.minor is not None and program.minor >= _RESTRICTS[program.major]
    return program.major > max(_RESTRICTS)


def _feed(
    script: Path, abilities: Abilities, loaded: ScriptLoaded, most: int, *, is_restricted: bool
) -> Iterator[bytes]:
    """What psql gets. It raises before the end of what may not be loaded, and then psql sees no end."""
    if is_restricted:
        yield rb"\restrict " + secrets.token_hex(32).encode() + b"\n"
    name = script.name
    word, is_ended, tail = b"", False, b""
    is_dump: bool | None = None
    for piece in cut(read_unpacked(script, most), name):
        if is_dump is None:
            is_dump = _is_dump(piece, name)
        tail = (tail + piece.text)[-TAIL:]
        loaded.size += len(piece.text)
        match piece.kind:
            case "command":
                word, is_ended = _allow(piece, name, word, is_first=not loaded.statements, is_ended=is_ended)
            case "statement":
                if is_ended:
                    raise Refused(rf'"{printable(name)}" goes on at byte {piece.place:,} after its \unrestrict')
                loaded.statements += 1
                if why := why_not_run(piece.code, abilities):
                    loaded.left_out_number += 1
                    if len(loaded.left_out) < _MOST_LISTED:
                        text = printable(piece.code.decode(errors="replace"), _LONGEST_LISTED)
                        loaded.left_out.append(LeftOutStatement(text, why))
                    continue
                yield piece.text
            case _:
                yield piece.text
    if not is_end_of_script(tail):
        raise Failed(f'"{printable(name)}" is torn: it does not end as a dump does')


def _is_dump(piece: ScriptPart, name: str) -> bool:
    """Raise ``Refused`` where the beginning is no dump of one database."""
    head = script_head(piece.text[:65_536])
    if head is None:
        raise Refused(f'"{printable(name)}" does not begin as a dump of pg_dump does')
    if head.is_of_cluster:
        raise Refused(
            f'"{printable(name)}" was made by pg_dumpall, of all databases: its roles and databases are not for scratch',
            "a dump of the one database",
        )
    return True


def _allow(piece: ScriptPart, name: str, word: bytes, *, is_first: bool, is_ended: bool) -> tuple[bytes, bool]:
    r"""Take out the dump's own ``\restrict`` at its beginning and ``\unrestrict`` at its end; raise ``Refused`` for any other command."""
    found = _WORD.match(piece.text)
    if found and found[1] == b"restrict" and is_first and not word:
        return found[2], is_ended
    if found and found[1] == b"unrestrict" and found[2] == word and not is_ended:
        return word, True
    raise Refused(
        f'"{printable(name)}" has a command for psql at byte {piece.place:,}, and none of a dump\'s is carried out: '
        f"{printable(piece.text.decode(errors='replace').strip(), 80)}",
        "a dump in the custom format, or one that neither makes nor drops its database",
    )


def _is_its_own(line: str) -> bool:
    """Whether a line is psql's word of what failed; the lines after it show the statement, with all that stands in it."""
    return line.startswith("psql:")
