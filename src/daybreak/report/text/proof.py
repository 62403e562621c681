"""A proof for a person: every defect, the check that must find it, and whether it did."""

from __future__ import annotations

from collections import Counter

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from daybreak.model.proof import Planting, Proof
from daybreak.report.sentences import printable_sentence
from daybreak.report.words import Fitting, plain

_WORDS = {"found": ("found", "green"), "missed": ("NOT found", "bold red"), "not plantable": ("not plantable", "dim")}


def proof_view(proof: Proof) -> RenderableType:
    """The whole result of a proof."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for name in ("defect", "check", ""):
        table.add_column(name, overflow="fold")
    table.add_column("ms", justify="right")
    table.add_column("seen", overflow="fold", ratio=1)
    for planting in proof.plantings:
        words, style = _WORDS[planting.outcome]
        table.add_row(
            plain(planting.defect),
            plain(planting.check),
            Text(words, style),
            f"{planting.took.total_seconds() * 1000:.0f}",
            plain(planting.seen, "dim"),
        )
    return Group(plain(proof.cluster, "bold"), Text(), Fitting(table), Text(), _ending(proof))


def planting_line(planting: Planting) -> str:
    """One defect in one line, as soon as it is judged."""
    return printable_sentence(f"{_WORDS[planting.outcome][0]}: {planting.defect} ({planting.check})")


def _ending(proof: Proof) -> Group:
    tally = Counter(planting.outcome for planting in proof.plantings)
    lines = [
        Text("defects  ", "dim")
        + Text(f"{tally['found']} found, {tally['missed']} not found, {tally['not plantable']} not plantable here")
    ]
    lines += [
        Text("alarm    ", "bold red") + plain(f"{alarm.check}: {alarm.standing.value}: {alarm.found} {alarm.why}")
        for alarm in proof.alarms
    ]
    if not proof.alarms:
        lines.append(Text("specimen ", "dim") + Text("no alarm before anything was planted"))
    lines += [Text("removed  ", "dim") + plain(f"{name}, left by a proof that was killed") for name in proof.removed]
    lines += [Text("left     ", "bold red") + plain(f"by a proof that was killed: {name}") for name in proof.leftovers]
    holds = Text("the checks can fail", "green") if proof.holds else Text("a check does not do its work", "bold red")
    return Group(*lines, Text("proof    ", "dim") + holds)
