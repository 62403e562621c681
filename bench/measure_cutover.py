"""Cutover: how long nobody can write, by each kind of place, and the fence's own share of that beside two scripts.

A hundred clients write from a process of their own. For each kind of place a clone is made, Daybreak cuts over under them, and goes back:
the gap is from the last write that the old side acknowledged to the first that the new side did, and each client's own wait is from its
last write there to its first one here. The fence is measured alone, again and again in one cluster (`bench.fences`).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median

from bench.cutover_ground import CLIENTS, Kind, Yard, yard_of
from bench.fences import Fences, measure_fences
from bench.rounds import Figures, Heart, Rounds, Row, milliseconds
from bench.stage import stage
from daybreak.app.moving import CutoverWish, plan_cutover, plan_rollback
from daybreak.app.planning import PitrWish, plan_pitr
from daybreak.app.running import Watchers, carry_out, start
from daybreak.model.thoroughness import Thoroughness

IS_QUICK = os.environ.get("DAYBREAK_BENCH") == "quick"
ROUNDS = 1 if IS_QUICK else 3
CYCLES = 5 if IS_QUICK else 50
"""Two fences of a run in each: a p99 needs a hundred of them."""
KINDS: tuple[Kind, ...] = ("parameter", "secret", "record", "pool", "proxy", "name")
"""In this order: for the name the source leaves its proxy."""
WORDS: dict[Kind, str] = {
    "parameter": "by a parameter",
    "secret": "by a secret",
    "record": "by a record of DNS",
    "pool": "behind PgBouncer",
    "proxy": "behind RDS Proxy",
    "name": "by taking the source's name",
}
SPEED = 6000.0
MOST_FOR_P99 = 100
"""Fewer samples have no 99th of a hundred: their worst is printed, and called so."""


@dataclass
class Taken:
    """What the rounds of one kind of place took, in seconds."""

    gaps: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    """How long each client could not write, in every round."""
    errors: int = 0


def cut_over(yard: Yard, kind: Kind, clone: str, taken: Taken) -> None:
    """Move the traffic under the clients, and note the gap and their waits; then go back."""
    app = yard.on.app()
    with yard.clients(kind, clone) as clients:
        before = time.monotonic()
        run = start(app, plan_cutover(app, CutoverWish(clone)))
        state = carry_out(app, run, Watchers())
        if state.status != "finished":
            raise RuntimeError(f"the cutover is {state.status}: {state.note}")
        time.sleep(1.0)
        clients.stdin.write("enough\n")  # type: ignore[union-attr]
        clients.stdin.flush()  # type: ignore[union-attr]
        told = json.loads(clients.stdout.readline())  # type: ignore[union-attr]
    written = [(at, side, number) for at, side, number in told["acknowledged"] if at > before]
    old = written[0][1]
    last, first = dict[int, float](), dict[int, float]()
    for at, side, number in written:
        if side == old:
            last[number] = at
        else:
            first.setdefault(number, at)
    taken.gaps.append(min(first.values()) - max(last.values()))
    taken.waits += [first[each] - last[each] for each in first if each in last]
    taken.errors += told["errors"]
    carry_out(app, start(app, plan_rollback(app, run)), Watchers())


def make_clone(yard: Yard) -> str:
    """The run of a new clone."""
    app = yard.on.app()
    wish = PitrWish("embi", "latest", why="benchmark", thoroughness=Thoroughness(depth="quick"))
    run = start(app, plan_pitr(app, wish))
    carry_out(app, run, Watchers())
    return run


@contextmanager
def a_clone(yard: Yard, kind: Kind) -> Iterator[str]:
    """A new clone for the length of the block, of a source whose applications read the address from that kind of place."""
    yard.configure(kind)
    clone = make_clone(yard)
    yield clone
    yard.remove(clone)


def measure_kind(yard: Yard, kind: Kind, heart: Heart, rounds: Rounds) -> Taken:
    """The rounds of one kind of place: a new clone, over, and back."""
    taken, wanted = Taken(), ROUNDS

    def one_round() -> None:
        with a_clone(yard, kind) as clone:
            heart.beat(f"{WORDS[kind]}: a clone is there")
            cut_over(yard, kind, clone, taken)
        heart.beat(f"{WORDS[kind]}: gap {milliseconds(taken.gaps[-1])} ({len(taken.gaps)} of {wanted})")

    rounds.of(one_round, wanted)
    return taken


def figures() -> Figures:
    """The gap of each kind of place, and the fence beside the scripts."""
    rounds, rows = Rounds(), list[Row]()
    with ExitStack() as stack, Heart("cutover") as heart:
        heart.beat("the lab starts")
        yard = stack.enter_context(yard_of(stack.enter_context(stage(SPEED)), stack))
        with a_clone(yard, "parameter") as clone:
            heart.beat("the fence alone, among scripts")
            rows += heart.show(rows_of_fences(measure_fences(yard, clone, CYCLES, heart.beat)))
        for kind in KINDS:
            if kind == "pool" and yard.bouncer is None:
                heart.beat("this machine has no PgBouncer")
                continue
            if kind == "name":
                yard.leave_proxy()
            rows += heart.show(rows_of_kind(kind, measure_kind(yard, kind, heart, rounds)))
    notes = (
        (
            f"{CLIENTS} clients in a process of their own; each writes every 100 ms and comes back 100 ms after it was sent out. "
            f"The lab at speed {SPEED:g}."
        ),
        f"A p99 is of {MOST_FOR_P99} samples or more; of fewer the worst is given. A client's wait is no sample by itself: those of a round share its gap.",
        (
            "The gap holds what the places take to change, and until a client has read the new address: each looks every 10 ms. What an "
            "application remembers of it comes besides, such as a record's time to live."
        ),
        "By the name: AWS's minutes for a renaming pass at the lab's speed.",
        rounds.note(),
    )
    return Figures(f"A cutover under {CLIENTS} clients", tuple(rows), notes)


def rows_of_kind(kind: Kind, taken: Taken) -> list[Row]:
    """The gap by a kind of place, and what its clients waited."""
    late, is_pool = _late(taken.waits), kind == "pool"
    goal, is_reached = ("within 250 ms", late <= 0.25) if is_pool else ("", None)
    rows = [
        Row(f"the gap {WORDS[kind]}", milliseconds(median(taken.gaps)), "", len(taken.gaps)),
        Row(
            _words_of_late(f"a client's wait {WORDS[kind]}", taken.waits),
            milliseconds(late),
            "",
            len(taken.waits),
            goal,
            is_reached,
        ),
    ]
    if is_pool:
        rows.append(Row("errors of its clients", str(taken.errors), "", len(taken.gaps), "none", taken.errors == 0))
    return rows


def rows_of_fences(taken: Fences) -> list[Row]:
    """The fence of a run beside those of the scripts, and its parts."""
    middle, late = median(taken.run), _late(taken.run)
    of_bare, of_careful = middle / median(taken.bare), middle / median(taken.careful)
    return [
        _row("a bare script's fence", taken.bare),
        Row(_words_of_late("a bare script's fence", taken.bare), milliseconds(_late(taken.bare)), "", len(taken.bare)),
        _row("a careful script's fence", taken.careful),
        Row(
            "Daybreak's fence",
            milliseconds(middle),
            f"{of_bare:.2f} × the bare one's, {of_careful:.2f} × the careful one's",
            len(taken.run),
            "1.2 × the bare one's",
            of_bare <= 1.2,
        ),
        Row(
            _words_of_late("Daybreak's fence", taken.run),
            milliseconds(late),
            "",
            len(taken.run),
            "within 500 ms",
            late <= 0.5,
        ),
        *(_row(f"of it: {what}", seconds) for what, seconds in taken.parts.items()),
    ]


def _row(what: str, seconds: list[float]) -> Row:
    return Row(what, milliseconds(median(seconds)), "", len(seconds))


def _words_of_late(what: str, seconds: list[float]) -> str:
    return f"{what}, {'p99' if len(seconds) >= MOST_FOR_P99 else 'the worst'}"


def _late(seconds: list[float]) -> float:
    """The 99th of a hundred; the worst of fewer."""
    return sorted(seconds)[min(int(0.99 * len(seconds)), len(seconds) - 1)]
