"""A source that nobody can fence: what was measured of it, what no fence promises then, and how the clone's sequences keep away. Pure.

The law: a region that says nothing, a cluster that AWS does not know, and a server that answers no SQL are three things, and a
sentence says which of them was seen. A source whose server answers is fenced, whatever AWS says of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from daybreak.model.actions import ChangeSql, SqlStatement
from daybreak.model.cutover import CutoverSeen, SequenceSeen
from daybreak.model.fences import AccessSeen
from daybreak.model.names import comma_list, printable, sql_identifier, sql_text
from daybreak.model.observation import Observation
from daybreak.model.requests import CutoverRequest, MoveRequest
from daybreak.model.statuses import AVAILABLE
from daybreak.model.targets import Target
from daybreak.model.world import Cluster
from daybreak.plan import estimates
from daybreak.plan.adding import add_next, server_order
from daybreak.plan.advancing import name_of_sequence
from daybreak.plan.sequence import Sequence


def words_on_source(request: MoveRequest, target: Target, seen: Observation) -> str:
    """What was measured of a source of which nobody can say who writes there; empty where its server says it."""
    both, name, home = seen.cutover, target.cluster, request.home or seen.identity.region
    if both is None or both.access is not None:
        return ""
    server = f"; {both.source_silence}" if both.source_silence else ""
    if both.home_silence:
        return f'{home} does not say whether "{name}" is there: {both.home_silence}{server}'
    if seen.cluster is None:
        return f'{home} answers, and knows no cluster "{name}"{server}'
    if seen.cluster.status != AVAILABLE:
        return f'AWS calls "{name}" {seen.cluster.status}{server}'
    return both.source_silence or f'nobody could ask "{name}" who can write there'


def words_on_open(access: AccessSeen) -> str:
    """Who can write at a server that nobody closed, or not to the end."""
    roles = comma_list([printable(each.name) for each in access.entrants])
    return f"{roles or 'nobody'} can log in there, and inside are {comma_list(list(access.inside)) or 'none'}"


def objections_to_source(request: CutoverRequest, target: Target, seen: Observation) -> Iterator[str]:
    """The source is fenced; where nobody can, a person accepts that by its name."""
    name, both = target.cluster, seen.cutover
    is_heard = both is not None and both.access is not None
    measured = words_on_source(request, target, seen)
    if request.unfenced and request.unfenced != name:
        yield f'--unfenced names "{printable(request.unfenced)}", and the source is "{name}"'
    if is_heard and request.unfenced:
        yield f'"{name}" answers, so it can be fenced: leave --unfenced out'
    elif both is not None and both.is_source_awake:
        yield f"{measured}; a server that answers may serve others, so it is fenced or nothing moves: let our login in there"
    elif measured and not request.unfenced:
        yield f"{measured}; nothing could be fenced: to move the traffic without a fence, accept it by name: --unfenced {name}"
    if is_heard and seen.cluster is not None and seen.cluster.status != AVAILABLE:
        yield f'AWS calls "{name}" {seen.cluster.status}, and its server answers: wait until it is {AVAILABLE}'
    if not is_heard and seen.cluster is None and request.source_before is None:
        yield f'nobody knows the address that "{name}" had, so no place can be found that names it'
    yield from _objections_to_skipping(request, both, is_heard=is_heard)


def _objections_to_skipping(request: CutoverRequest, both: CutoverSeen | None, *, is_heard: bool) -> Iterator[str]:
    if not request.skips or both is None:
        return
    if is_heard:
        yield "the source says how far its sequences have come, so nothing is skipped: leave --skip-sequences out"
        return
    own = sql_identifier(both.clone_access.own) if both.clone_access else "it"
    for each in both.sequences:
        if not each.may_set:
            where = f"the sequence {printable(each.name)} in {printable(each.database)} of the clone"
            grant = f"GRANT USAGE, SELECT, UPDATE ON SEQUENCE {name_of_sequence(each)} TO {own}"
            yield f"our login may not set {where}: {grant}, or leave --skip-sequences out"


def notes_on_no_fence(request: CutoverRequest, target: Target, seen: Observation, run: str) -> Iterator[str]:
    """What is not promised of a source that nobody fences; ``run`` is the cutover itself."""
    name, both = target.cluster, seen.cutover
    yield f"{name} is not fenced: {words_on_source(request, target, seen)}"
    yield f"who still reaches {name}, or reaches it again, writes there, and none of that is in the clone"
    yield from _notes_on_sequences(request, name, both.sequences if both else ())
    yield "how many clients it had is not known, and nothing is taken back by itself"
    if both is not None and both.home_silence:
        yield f"{request.home} may come back with {name} in it, which takes writes at once then"
    yield (
        f"nobody closes {name} by itself when it comes back: daybreak status and daybreak show {run} look, and say so; "
        f"then close it, and change what was left: daybreak cutover {run}"
    )


def _notes_on_sequences(request: CutoverRequest, name: str, found: Iterable[SequenceSeen]) -> Iterator[str]:
    unknown = f"how far the sequences of {name} have come since the moment is not known"
    if not request.skips:
        yield f"{unknown}, so the clone may give numbers out again: --skip-sequences N leaves N of each out"
        return
    yield f"{unknown}: each of the clone's leaves {request.skips:,} numbers out, and may give out again only what came later than those"
    if short := [each for each in found if not has_room(each, request.skips)]:
        names = comma_list([f"{printable(each.name)} in {printable(each.database)}" for each in short])
        yield f"no room is left for that in {names}: they go on where they are, and may give numbers out again"


def has_room(seen: SequenceSeen, skips: int) -> bool:
    """Whether a sequence can leave so many numbers out and still give one out after them."""
    if seen.last is None or seen.most is None:
        return False
    reached = seen.last + (skips + 1) * seen.step
    return reached <= seen.most if seen.step > 0 else reached >= seen.most


def skip(sequence: Sequence, target: Target, clone: Cluster, found: Iterable[SequenceSeen], skips: int) -> None:
    """Let each sequence of the clone leave so many numbers out, in each database in one transaction."""
    by_database: dict[str, list[SequenceSeen]] = {}
    for each in found:
        if skips and has_room(each, skips):
            by_database.setdefault(each.database, []).append(each)
    for number, (database, those) in enumerate(by_database.items(), start=1):
        order = ChangeSql.model_validate(
            server_order(target, clone, database=database)
            | {"change": statement_to_skip(those, skips), "because": "a number that is left out comes to no harm"}
        )
        why = "nobody can ask how many numbers the source gave out since the moment"
        add_next(sequence, f"skip-sequences-{number}", order, why, estimates.CALL)


def statement_to_skip(found: Iterable[SequenceSeen], skips: int) -> SqlStatement:
    """What sets each sequence so many numbers ahead of where it was seen. Run twice, it leaves one effect."""
    wanted = [(each, (each.last or 0) + skips * each.step) for each in found]
    sets = " ".join(
        f"PERFORM pg_catalog.setval({sql_text(name_of_sequence(each))}::pg_catalog.regclass, {to}, true);"
        for each, to in wanted
    )
    tag = "$skip$"
    while tag in sets:
        tag = f"{tag[:-1]}_$"
    rows = ", ".join(
        f"({sql_text(each.place[0])}, {sql_text(each.place[1])}, {to}::bigint, {each.step > 0})" for each, to in wanted
    )
    behind = "s.last_value IS NULL OR CASE WHEN w.is_up THEN s.last_value < w.reached ELSE s.last_value > w.reached END"
    return SqlStatement(
        what=f"let each of {len(wanted):,} sequences leave {skips:,} numbers out",
        text=f"DO {tag} BEGIN {sets} END {tag}",
        look=(
            f"SELECT NOT EXISTS (SELECT FROM (VALUES {rows}) AS w(schema, name, reached, is_up) "  # noqa: S608 - quoted above
            "JOIN pg_catalog.pg_sequences AS s ON s.schemaname = w.schema AND s.sequencename = w.name "
            f"WHERE {behind})"
        ),
    )
