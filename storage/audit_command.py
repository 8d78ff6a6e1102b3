"""`python -m storage audit`: say what store and database disagree on, line by line."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain

from lungline.errors import LunglineError
from lungline.settings import Settings
from storage.database import Database
from storage.known import KnownObjects
from storage.object_audit import Finding, ObjectAudit, Problem
from storage.objects import open_store
from storage.repository import Repository

CLEAN, WRONG, NOT_AUDITED = 0, 1, 2


def run_audit(
    settings: Settings, database: Database, *, grace_hours: float, delete: bool, as_json: bool
) -> int:
    """Audit, and print each finding as soon as it is made, then what was looked at.

    Args:
        settings: Which store.
        database: Which database.
        grace_hours: Objects that are younger are left alone.
        delete: Whether orphans are removed.
        as_json: Whether each line is a JSON object.

    Returns:
        The exit status: 0 when nothing is wrong, or not any more; 1 when something is; 2 when the
        audit could not be made.
    """
    store = open_store(settings, KnownObjects(database).some)
    audit = ObjectAudit(Repository(database), store, grace_hours * 3_600.0)
    counts: Counter[str] = Counter()
    try:
        for finding, deleted in _findings(audit, delete=delete):
            counts[finding.problem] += 1
            counts["deleted"] += deleted
            _tell(finding, deleted=deleted, as_json=as_json)
    except LunglineError as error:
        print(f"The audit was broken off: {error.message}", file=sys.stderr)
        return NOT_AUDITED
    _tell_all(audit, counts, as_json=as_json)
    left = sum(counts[problem] for problem in Problem) - counts["deleted"]
    return WRONG if left else CLEAN


def _findings(audit: ObjectAudit, *, delete: bool) -> Iterator[tuple[Finding, bool]]:
    for finding in chain(audit.orphans(), audit.unfinished(), audit.missing()):
        deleted = delete and finding.problem is not Problem.MISSING and audit.remove(finding)
        yield finding, deleted
    if delete:
        audit.purge()


def _tell(finding: Finding, *, deleted: bool, as_json: bool) -> None:
    if as_json:
        told = {name: getattr(finding, name) for name in ("problem", "kind", "key", "size", "row")}
        print(json.dumps(told | {"deleted": deleted}))
        return
    more = f"row {finding.row}" if finding.row is not None else "parts"
    if finding.size is not None:
        more = f"{finding.size:,} bytes"
    print(f"{finding.problem}  {finding.kind}  {finding.key}  {more}{'  deleted' * deleted}")


def _tell_all(audit: ObjectAudit, counts: Counter[str], *, as_json: bool) -> None:
    told = {
        "objects": audit.objects,
        "rows": audit.rows,
        "orphans": counts[Problem.ORPHAN],
        "unfinished": counts[Problem.UNFINISHED],
        "deleted": counts["deleted"],
        "missing": counts[Problem.MISSING],
        "foreign": audit.foreign,
    }
    if as_json:
        print(json.dumps(told))
        return
    print(
        f"Looked at {audit.objects:,} objects and {audit.rows:,} rows: "
        f"{told['orphans']:,} objects without an owner and {told['unfinished']:,} that were broken "
        f"off ({told['deleted']:,} deleted), {told['missing']:,} rows without their object"
        + (f", {audit.foreign:,} objects that are not the service's." if audit.foreign else ".")
    )
