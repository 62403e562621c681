"""The exports of the simulated account: started, written, ended. AWS gives them no tags: what stands for these is in the prefix."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from daybreak.model.exports import ExportFound, ExportPlace, ExportShown
from daybreak.model.tags import NONCE_TAG
from tests.chaos.simulated_archives import SimulatedArchives
from tests.chaos.simulated_parts import Clock, Resource, refusal

WRITING, ENDING = 1800.0, 60.0
"""Virtual seconds until an export is written, and until one that was cancelled is over."""


@dataclass
class SimulatedExports:
    """The shelf of exports."""

    exports: dict[str, Resource] = field(default_factory=dict, kw_only=True)
    archives: SimulatedArchives = field(default_factory=SimulatedArchives, kw_only=True)
    """The bucket of archives, and the disk of the machine that makes one."""

    @property
    def _now(self) -> float:
        clock: Clock = vars(self)["clock"]
        return clock.elapsed

    def status_of_export(self, thing: Resource) -> str:
        """AWS's word for how it stands."""
        if thing.failed:
            return thing.failed
        if thing.gone_at is not None:
            return "CANCELED" if self._now >= thing.gone_at else "CANCELING"
        return "COMPLETE" if self._now >= thing.ready_at else "IN_PROGRESS"

    def _export(self, name: str) -> Resource:
        thing = self.exports.get(name)
        if thing is None or thing.listed_at > self._now:
            raise refusal("ExportTaskNotFound", f"{name} not found")
        return thing

    def _DescribeExportTasks(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        names = [params["ExportTaskIdentifier"]] if params else sorted(self.exports)
        found = [self._export(name) for name in names]
        return {"ExportTasks": [self._as_shown(each) for each in found]}

    def _as_shown(self, thing: Resource) -> dict[str, Any]:
        prefix = f"{thing.body['_below']}/{thing.tags[NONCE_TAG]}"
        shown = {name: value for name, value in thing.body.items() if not name.startswith("_")}
        return shown | {"Status": self.status_of_export(thing), "S3Prefix": prefix, "PercentProgress": 50}

    def _StartExportTask(self, params: dict[str, Any]) -> None:  # noqa: N802
        name, source = params["ExportTaskIdentifier"], params["SourceArn"]
        if name in self.exports:
            raise refusal("ExportTaskAlreadyExists", f"{name} exists")
        if any(each.body["SourceArn"] == source and self._is_running(each) for each in self.exports.values()):
            raise refusal("InvalidExportSourceState", f"{source} is being exported")
        below, _, nonce = params["S3Prefix"].rpartition("/")
        body = {"ExportTaskIdentifier": name, "SourceArn": source, "S3Bucket": params["S3BucketName"], "_below": below}
        lag: float = vars(self)["listing_lags"]
        self.exports[name] = Resource(body, {NONCE_TAG: nonce}, self._now + lag, self._now + WRITING)

    def _CancelExportTask(self, params: dict[str, Any]) -> None:  # noqa: N802
        thing = self._export(params["ExportTaskIdentifier"])
        if self.status_of_export(thing) != "IN_PROGRESS":
            raise refusal("InvalidExportTaskStateFault", f"it is {self.status_of_export(thing)}")
        thing.gone_at = self._now + ENDING

    def _is_running(self, thing: Resource) -> bool:
        return self.status_of_export(thing) in ("IN_PROGRESS", "CANCELING")

    def read_export(self, place: ExportPlace) -> ExportShown:
        """What a complete export left in its bucket."""
        *_, nonce, name, _ = place.prefix.split("/")
        thing = self.exports[name]
        assert (thing.tags[NONCE_TAG], self.status_of_export(thing)) == (nonce, "COMPLETE")
        clock: Clock = vars(self)["clock"]
        found = ExportFound(
            address=place.address,
            kind="snapshot-export",
            bytes=7,
            objects=3,
            stored=clock.now(),
            tables=2,
            rows=5,
            whole="ends-well",
        )
        return ExportShown(export=found)
