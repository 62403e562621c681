"""The steps of an archive in words: as sentences, in brief, as the commands that a person types instead, and what came of them."""

from __future__ import annotations

from typing import assert_never

import humanize

from daybreak.model.actions import (
    ArchiveWork,
    ClearDump,
    DumpDatabase,
    EndUpload,
    RemoveArchive,
    StoreArchive,
    StoreManifest,
)
from daybreak.model.archives import ManifestStored
from daybreak.model.manifests import SUFFIX
from daybreak.model.moment import span_in_words
from daybreak.model.names import printable
from daybreak.model.plan import Plan
from daybreak.model.run import RunState
from daybreak.model.value import stamp
from daybreak.report.aws_cli import quote
from daybreak.report.words import many

_FILE = "archive.dump"
"""How a person who types the commands calls the file."""


def sentence_on_archive(action: ArchiveWork) -> str:
    """What a step does for an archive."""
    match action:
        case DumpDatabase(database=database, cluster=cluster, most=most, limit=limit):
            bounds = f"{humanize.naturalsize(most)} and {span_in_words(limit)} at most"
            return f"Dump {printable(database)} of the clone {cluster} into the run's folder on this machine, {bounds}, and count its rows"
        case StoreArchive(kms_key=key):
            under = f", under the key {key}" if key else ""
            return f"Store it as {action.place.address}, in parts{under}; nothing is overwritten"
        case StoreManifest(keep_until=until):
            kept = f"kept until {stamp(until)}" if until else "kept as long as somebody keeps it"
            return f"Store beside it what is in it: its tables with their rows, its digest, {kept}"
        case ClearDump(run=run):
            return f"Remove the folder of {run} on this machine" if run else "Remove the run's folder on this machine"
        case EndUpload():
            return f"Give up whatever was begun of {action.place.address} and not completed; what is whole stays"
        case RemoveArchive(until=until):
            return f"Remove {action.place.address} and its manifest: it was to be kept until {stamp(until)}"
        case _:
            assert_never(action)


def work_on_archive(action: ArchiveWork) -> tuple[str, str, str]:
    """A verb in the imperative, the same verb in its -ing form, and its object."""
    match action:
        case DumpDatabase(database=database):
            return "dump", "dumping", printable(database)
        case StoreArchive():
            return "store", "storing", "the archive in parts"
        case StoreManifest():
            return "store", "storing", "the manifest beside it"
        case ClearDump():
            return "remove", "removing", "what was dumped from this machine"
        case EndUpload():
            return "give up", "giving up", "what was begun of the archive"
        case RemoveArchive(key=key):
            return "remove", "removing", f"{printable(key.rpartition('/')[2])}, which is past its time"
        case _:
            assert_never(action)


def commands_of_archive(action: ArchiveWork) -> str:
    """The commands that do about the same by hand."""
    match action:
        case DumpDatabase(database=database):
            return f'pg_dump --format=custom --file={_FILE} --host "$HOST" {quote(database)}  # into a file, so that its offsets are kept'
        case StoreArchive(kms_key=key):
            under = f" --sse aws:kms --sse-kms-key-id {quote(key)}" if key else ""
            return f"aws s3 cp {_FILE} {quote(action.place.address)}{under}"
        case StoreManifest():
            return f"sha256sum {_FILE} | aws s3 cp - {quote(action.place.address + SUFFIX)}  # by hand nobody counted the rows"
        case ClearDump():
            return f"rm {_FILE}"
        case EndUpload(bucket=bucket, key=key):
            place = f"--bucket {quote(bucket)} --prefix {quote(key)}"
            return f"aws s3api list-multipart-uploads {place}  # then abort-multipart-upload each"
        case RemoveArchive():
            both = (action.place.address, action.place.address + SUFFIX)
            return "\n".join(f"aws s3 rm {quote(each)}" for each in both)
        case _:
            assert_never(action)


def manifest_in(plan: Plan, state: RunState) -> ManifestStored | None:
    """The archive that a run made, by its manifest; ``None`` where it made none so far."""
    for step in plan.steps:
        known = state.step(step.id)
        if isinstance(step.action, StoreManifest) and known.status == "done":
            return ManifestStored.model_validate(known.result)
    return None


def words_on_archive(plan: Plan, state: RunState) -> str:
    """What a run stored, and what it removed or left of what is past its time; empty where it stored nothing."""
    stored = manifest_in(plan, state)
    if stored is None:
        return ""
    made = stored.manifest
    words = [
        f"{humanize.naturalsize(made.bytes)}, SHA-256 {made.sha256}",
        f"{many(len(made.tables), 'table')} with {many(made.rows, 'row')}, counted in its own snapshot of {stamp(made.taken)}",
        f"stands for {stamp(made.stands_for)}" if made.stands_for else "no moment is vouched for",
        f"kept until {stamp(made.keep_until)}" if made.keep_until else "nobody said how long it is kept",
    ]
    removals = [state.step(step.id).status for step in plan.steps if isinstance(step.action, RemoveArchive)]
    if gone := removals.count("done"):
        words.append(f"{many(gone, 'archive')} past {'their' if gone > 1 else 'its'} time removed")
    if left := len(removals) - gone:
        words.append(
            f"{many(left, 'archive')} left though past {'their' if left > 1 else 'its'} time, as the steps say why"
        )
    return f"{stored.address} is stored: {'; '.join(words)}"
