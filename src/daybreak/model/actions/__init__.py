"""The closed union of everything Daybreak ever does to the world, or waits for: a module for each hand that carries it out.

The law: an action is an order in complete data. Its ``kind`` carries a version. The meaning of a kind never changes, so
a journal written by an older release can be resumed. Teach a new action in every place the type checker lists
(``match … assert_never``): its call, its sentence, its standing, its undo.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from daybreak.model.actions.archives import (
    ArchiveOrder,
    ArchiveWork,
    BucketOrder,
    ClearDump,
    DumpDatabase,
    EndUpload,
    RemoveArchive,
    StoreArchive,
    StoreManifest,
)
from daybreak.model.actions.aws import (
    AnchorJournal,
    AttachProxy,
    AwsChange,
    AwsOrder,
    CancelExport,
    ChangeRecord,
    CopyParameterGroup,
    CopySnapshot,
    CreateEndpoint,
    CreateInstance,
    CreateParameterGroup,
    DeleteCluster,
    DeleteEndpoint,
    DeleteInstance,
    DeleteParameterGroup,
    DeleteSnapshot,
    DetachProxy,
    ExportSnapshot,
    KeyedOrder,
    ManagePassword,
    MoveSecretStage,
    MoveWriter,
    PointParameter,
    PointSecret,
    RebootInstance,
    RenameCluster,
    Restore,
    RestoreFromSnapshot,
    RestoreToMoment,
    SetClusterOptions,
    SetDataApi,
    SetExpiry,
    SetParameterGroup,
    SetParameters,
    SetRole,
    SetSubscription,
    TakeSnapshot,
)
from daybreak.model.actions.commands import RunCommand
from daybreak.model.actions.exports import (
    CarryTables,
    ClearScratch,
    ExportOrder,
    ExportWork,
    FetchExport,
    FilesOfTable,
    JudgeScratch,
    LoadScratch,
    NameDatabase,
    RowFiles,
    ScratchOrder,
    WantedTable,
)
from daybreak.model.actions.loads import LoadRows
from daybreak.model.actions.pools import PausePool, PoolOrder, ResumePool
from daybreak.model.actions.questions import AwaitApproval
from daybreak.model.actions.sql import (
    AdvanceSequences,
    AwaitClients,
    BeginProbe,
    BesideAnother,
    ChangeSql,
    CountWrites,
    EndSessions,
    ReadProbe,
    SqlChange,
    SqlLook,
    SqlOrder,
    SqlStatement,
    SqlWork,
    WarmCache,
)
from daybreak.model.actions.validation import Validate
from daybreak.model.actions.waits import (
    PARAMETER_GROUP_REST,
    AwaitCluster,
    AwaitClusterGone,
    AwaitExport,
    AwaitInstance,
    AwaitName,
    AwaitParameterGroup,
    AwaitProxy,
    AwaitRecord,
    AwaitSnapshot,
    AwaitSql,
    AwaitWriter,
    LookedAtAlone,
    ReadExport,
    Wait,
    WaitOrder,
)

__all__ = [
    "PARAMETER_GROUP_REST",
    "Action",
    "AdvanceSequences",
    "AnchorJournal",
    "ArchiveOrder",
    "ArchiveWork",
    "AttachProxy",
    "AwaitApproval",
    "AwaitClients",
    "AwaitCluster",
    "AwaitClusterGone",
    "AwaitExport",
    "AwaitInstance",
    "AwaitName",
    "AwaitParameterGroup",
    "AwaitProxy",
    "AwaitRecord",
    "AwaitSnapshot",
    "AwaitSql",
    "AwaitWriter",
    "AwsChange",
    "AwsOrder",
    "BeginProbe",
    "BesideAnother",
    "BucketOrder",
    "CancelExport",
    "CarryTables",
    "ChangeRecord",
    "ChangeSql",
    "ClearDump",
    "ClearScratch",
    "CopyParameterGroup",
    "CopySnapshot",
    "CountWrites",
    "CreateEndpoint",
    "CreateInstance",
    "CreateParameterGroup",
    "DeleteCluster",
    "DeleteEndpoint",
    "DeleteInstance",
    "DeleteParameterGroup",
    "DeleteSnapshot",
    "DetachProxy",
    "DumpDatabase",
    "EndSessions",
    "EndUpload",
    "ExportOrder",
    "ExportSnapshot",
    "ExportWork",
    "FetchExport",
    "FilesOfTable",
    "JudgeScratch",
    "KeyedOrder",
    "LoadRows",
    "LoadScratch",
    "LookedAtAlone",
    "ManagePassword",
    "MoveSecretStage",
    "MoveWriter",
    "NameDatabase",
    "PausePool",
    "PointParameter",
    "PointSecret",
    "PoolOrder",
    "ReadExport",
    "ReadProbe",
    "RebootInstance",
    "RemoveArchive",
    "RenameCluster",
    "Restore",
    "RestoreFromSnapshot",
    "RestoreToMoment",
    "ResumePool",
    "RowFiles",
    "RunCommand",
    "ScratchOrder",
    "SetClusterOptions",
    "SetDataApi",
    "SetExpiry",
    "SetParameterGroup",
    "SetParameters",
    "SetRole",
    "SetSubscription",
    "SqlChange",
    "SqlLook",
    "SqlOrder",
    "SqlStatement",
    "SqlWork",
    "StoreArchive",
    "StoreManifest",
    "TakeSnapshot",
    "Validate",
    "Wait",
    "WaitOrder",
    "WantedTable",
    "WarmCache",
]

Action = Annotated[
    AwsChange
    | SqlChange
    | LoadRows
    | CarryTables
    | NameDatabase
    | ExportWork
    | ArchiveWork
    | PausePool
    | ResumePool
    | RunCommand
    | Wait
    | Validate
    | AwaitApproval,
    Field(discriminator="kind"),
]
"""Any one thing a step can order."""
