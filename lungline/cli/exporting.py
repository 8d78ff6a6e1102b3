"""From a job to a file that the service made of its results in the background."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

from lungline.cli.console import tell
from lungline.client import InputUnusable, LunglineClient, ServiceUnreachable
from lungline.domain import ExportFormat, ExportStatus


def copy_export(client: LunglineClient, job_id: str, kind: ExportFormat, target: BinaryIO) -> None:
    """Let results be exported, wait until they are, and fetch them.

    Raises:
        InputUnusable: They could not be exported.
        ServiceUnreachable: What came is not what was made.
    """
    export, told = client.export(job_id, kind), -1
    for state in client.exported(export):
        export = state
        share = 10 * export.items // max(export.total, 1)
        if share > told:
            tell(f"{export.status}: {export.items:,} of {export.total:,} items", style="dim")
            told = share
    if export.status != ExportStatus.SUCCEEDED:
        raise InputUnusable(f"the export is {export.status}: {export.reason or 'nobody knows why'}")
    digest = hashlib.sha256()
    with client.export_content(export) as pieces:
        for piece in pieces:
            digest.update(piece)
            target.write(piece)
    target.flush()
    if digest.hexdigest() != export.sha256:
        raise ServiceUnreachable("what came of the export is not what was made; try again")
