"""What people do: one use case, one function, one transaction.

Each records its event in the same transaction, so that neither exists without the other.
"""

from tracking.services.entries import (
    change_entries,
    create_entry,
    delete_entries,
    duplicate_entry,
    restore,
    split_entry,
    update_entry,
)
from tracking.services.locks import lock, locked_until
from tracking.services.projects import (
    ProjectFields,
    create_client,
    create_project,
    create_tag,
    create_task,
    fingerprint,
    update_client,
    update_project,
    update_tag,
    update_task,
)
from tracking.services.rates import delete_rate, preview_delete, preview_set, set_rate
from tracking.services.rules import ChangedElsewhereError, TimerBusyError, tags_named
from tracking.services.timer import (
    continue_entry,
    discard_timer,
    idle_since,
    keep_timer,
    note_activity,
    start_timer,
    stop_timer,
    update_timer,
)

__all__ = [
    "ChangedElsewhereError",
    "ProjectFields",
    "TimerBusyError",
    "change_entries",
    "continue_entry",
    "create_client",
    "create_entry",
    "create_project",
    "create_tag",
    "create_task",
    "delete_entries",
    "delete_rate",
    "discard_timer",
    "duplicate_entry",
    "fingerprint",
    "idle_since",
    "keep_timer",
    "lock",
    "locked_until",
    "note_activity",
    "preview_delete",
    "preview_set",
    "restore",
    "set_rate",
    "split_entry",
    "start_timer",
    "stop_timer",
    "tags_named",
    "update_client",
    "update_entry",
    "update_project",
    "update_tag",
    "update_task",
    "update_timer",
]
