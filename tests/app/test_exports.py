"""Where exports lie, when nobody wrote it down: where AWS's own list says that this cluster was exported to."""

from __future__ import annotations

from daybreak.app.exports import places_of_tasks
from daybreak.model.backups import ExportTask

CLUSTER = "arn:aws:rds:us-east-1:1:cluster:embi"
SNAPSHOT = "arn:aws:rds:us-east-1:1:cluster-snapshot:before-release"


def task(name: str, source: str, prefix: str = "p/", bucket: str = "exports") -> ExportTask:
    """An export, as AWS lists it."""
    return ExportTask(identifier=name, source=source, status="COMPLETE", bucket=bucket, prefix=prefix)


def test_only_this_clusters_exports_count() -> None:
    """Another cluster's, and one whose name only ends alike, are not looked at; each folder is looked at once."""
    tasks = [
        task("a", CLUSTER), task("a", CLUSTER, "p"), task("b", SNAPSHOT, ""), task("c", f"{CLUSTER}-two"),
        task("d", "arn:aws:rds:us-east-1:1:cluster:other-embi"), task("e", CLUSTER, bucket=""),
        task("f", f"{SNAPSHOT}-of-another"),
    ]  # fmt: skip
    found = places_of_tasks(tasks, "embi", {SNAPSHOT})
    assert [place.address for place in found] == ["s3://exports/p/a/", "s3://exports/b/"]
