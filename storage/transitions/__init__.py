"""The only place where the status of an item or a job, or a job's counters, change.

Each change is an UPDATE guarded by the status it starts from; zero rows mean that somebody else
was first. Counters change in the same transaction as the items they count. Locks are taken in one
order everywhere: items by id, then jobs by id, then tenants. So a transaction changes all its items
first, collects what that does to the counters in a `Tally`, and settles the tally last.
"""

from storage.transitions.bundles import (
    activate_bundle,
    begin_adding_bundle,
    begin_removing_bundle,
    finish_adding_bundle,
    finish_removing_bundle,
    forget_active_bundle,
    keep_bundle,
)
from storage.transitions.exports import (
    cancel_export,
    delete_exports,
    fail_export,
    finish_export,
    insert_export,
    requeue_export,
    start_export,
)
from storage.transitions.items import (
    Failure,
    bury_items,
    cancel_items,
    delete_items,
    fail_items,
    insert_items,
    lock_items,
    requeue_items,
    retry_items,
    reuse_predictions,
    start_items,
    succeed_items,
)
from storage.transitions.jobs import (
    DRAINED,
    end_if_drained,
    finish_expanding,
    insert_job,
    settle,
    take_films,
)
from storage.transitions.requests import (
    begin_cancelling,
    begin_deleting,
    begin_expiring,
    begin_retry,
    hold_retry,
    pause,
    rename,
    reprioritize,
    resume,
)
from storage.transitions.uploads import (
    begin_completing_upload,
    begin_deleting_upload,
    complete_upload,
    expire_uploads,
    insert_upload,
    reopen_upload,
    use_upload,
)

__all__ = [
    "DRAINED",
    "Failure",
    "activate_bundle",
    "begin_adding_bundle",
    "begin_cancelling",
    "begin_completing_upload",
    "begin_deleting",
    "begin_deleting_upload",
    "begin_expiring",
    "begin_removing_bundle",
    "begin_retry",
    "bury_items",
    "cancel_export",
    "cancel_items",
    "complete_upload",
    "delete_exports",
    "delete_items",
    "end_if_drained",
    "expire_uploads",
    "fail_export",
    "fail_items",
    "finish_adding_bundle",
    "finish_expanding",
    "finish_export",
    "finish_removing_bundle",
    "forget_active_bundle",
    "hold_retry",
    "insert_export",
    "insert_items",
    "insert_job",
    "insert_upload",
    "keep_bundle",
    "lock_items",
    "pause",
    "rename",
    "reopen_upload",
    "reprioritize",
    "requeue_export",
    "requeue_items",
    "resume",
    "retry_items",
    "reuse_predictions",
    "settle",
    "start_export",
    "start_items",
    "succeed_items",
    "take_films",
    "use_upload",
]
