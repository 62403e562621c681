"""Where an export stands: ordered, written, ended, and what of it is in the bucket. Pure."""

from __future__ import annotations

from daybreak.assess.position import OrderStanding, Position
from daybreak.model.actions import AwaitExport, CancelExport, ExportSnapshot, ReadExport
from daybreak.model.backups import ExportTask
from daybreak.model.exports import ExportShown

WRITTEN = "COMPLETE"
_ENDED = frozenset({"CANCELED", "CANCELING"})


def standing_of_exporting(action: ExportSnapshot | CancelExport, task: ExportTask | None) -> OrderStanding:
    """Where the order to export, or to end an export, stands; ``task`` is the export of that name, which the run started."""
    if isinstance(action, ExportSnapshot):
        is_there = task is not None
        return OrderStanding(place=Position.SO, seen="started by this run") if is_there else _nothing(Position.ABSENT)
    if task is None:
        return _nothing(Position.UNLISTED)
    is_running = task.is_under_way and task.status not in _ENDED
    return OrderStanding(place=Position.ABSENT if is_running else Position.SO, seen=task.status)


def _nothing(place: Position) -> OrderStanding:
    return OrderStanding(place=place, seen="AWS does not list the export")


def export_reached(action: AwaitExport, task: ExportTask | None) -> OrderStanding:
    """Whether AWS has written an export; of a cancelled one, whether AWS is at it no more."""
    if task is None:
        return _nothing(Position.UNLISTED if action.is_cancelled else Position.ABSENT)
    if action.is_cancelled:
        return OrderStanding(place=Position.UNDER_WAY if task.is_under_way else Position.SO, seen=_words(task))
    if task.status == WRITTEN:
        where = {"bucket": task.bucket, "prefix": task.prefix}
        warned = {"warning": f"RDS warns of the export: {task.warning}"} if task.warning else {}
        return OrderStanding(place=Position.SO, seen=_words(task), result=where | warned)
    if task.status == "FAILED":
        why = f"RDS could not export it: {task.failure or 'it gives no reason'}"
        warned_too = f"; it warns: {task.warning}" if task.warning else ""
        return OrderStanding(place=Position.HOPELESS, seen=why + warned_too)
    if task.status in _ENDED:
        return OrderStanding(place=Position.HOPELESS, seen=f"somebody ended the export: it is {task.status}")
    return OrderStanding(place=Position.UNDER_WAY, seen=_words(task))


def _words(task: ExportTask) -> str:
    return task.status + (f", {task.percent} %" if task.percent is not None and task.is_under_way else "")


def export_found(action: ReadExport, shown: ExportShown | None) -> OrderStanding:
    """What an export left in its bucket, as far as its ends and its lists show."""
    if shown is None:
        return OrderStanding(place=Position.ABSENT, seen=f"nothing lies in s3://{action.bucket}")
    found = shown.export
    if found.kind == "not-seen" or found.trouble:
        hints = ("the caller needs s3:ListBucket and s3:GetObject there, and kms:Decrypt of the key",)
        return OrderStanding(place=Position.HOPELESS, seen=found.trouble, hints=hints, is_for_person=True)
    if found.whole == "torn":
        hint = f"daybreak exports show {found.address}  # what is there can be read all the same"
        return OrderStanding(place=Position.HOPELESS, seen=f"the export is not whole: {found.why}", hints=(hint,))
    counts = {"tables": found.tables, "rows": found.rows, "bytes": found.bytes}
    doubts = [f"whether the export is whole is not known: {found.why}"] if found.whole == "unknown" else []
    doubts += [shown.tables_trouble] if shown.tables_trouble else []
    words = _words_on(counts, found.address)
    result = {"address": found.address, "found": words, **counts}
    return OrderStanding(
        place=Position.SO, seen=words, result=result | ({"warning": "; ".join(doubts)} if doubts else {})
    )


def _words_on(counts: dict[str, int | None], address: str) -> str:
    said = [f"{number:,} {name}" for name, number in counts.items() if number is not None]
    return f"{', '.join(said)} at {address}"
