"""POST /v1/jobs: films or an archive in, a job out."""

from __future__ import annotations

import io
from typing import BinaryIO, cast

from apiflask import APIBlueprint
from flask import Response, request

from api import schemas
from api.access import needs
from api.audit import audit_target, audited
from api.bodies import streams_body
from api.conditional import Answer
from api.context import parts, tenant
from api.documented import problems
from api.intake.accept import Acceptance
from api.intake.body import Body, open_body
from api.intake.document import JSON_TYPE, read_document
from api.intake.kinds import Kind, kind_of
from api.intake.parameters import read_idempotency_key
from api.preferences import answer_in_time
from api.trace import bind_job
from api.wire import job_wire
from lungline.domain import Scope
from lungline.errors import (
    ArchiveNotAlone,
    BadManifest,
    BodyCutOff,
    BundleNotFound,
    CrossSite,
    EmptyBody,
    FilmRejected,
    IdempotencyConflict,
    InvalidParameter,
    JobNotFound,
    LunglineError,
    MalformedBody,
    NotAnArchive,
    PrefixNotAllowed,
    SourceExpanding,
    StorageFull,
    StorageQuotaReached,
    StoreUnavailable,
    TooLarge,
    TooManyFilms,
    TooManyOpenJobs,
    TooManyQueuedFilms,
    UnsupportedContent,
    UploadIncomplete,
    UploadNotFound,
    UploadUsed,
)
from storage.audit import Action
from storage.jobs import Created

submissions = APIBlueprint("submissions", __name__, url_prefix="/v1", tag="Jobs")

_ERRORS = problems(
    EmptyBody,
    MalformedBody,
    BodyCutOff,
    CrossSite,
    IdempotencyConflict,
    TooLarge,
    TooManyFilms,
    UnsupportedContent,
    InvalidParameter,
    BundleNotFound,
    NotAnArchive,
    PrefixNotAllowed,
    ArchiveNotAlone,
    BadManifest,
    FilmRejected,
    StoreUnavailable,
    UploadNotFound,
    UploadIncomplete,
    UploadUsed,
    JobNotFound,
    SourceExpanding,
    StorageFull,
    TooManyOpenJobs,
    TooManyQueuedFilms,
    StorageQuotaReached,
)


@submissions.post("/jobs")
@needs(Scope.SUBMIT)
@streams_body
@audited(Action.JOB_SUBMITTED)
@submissions.output(
    schemas.Job,
    status_code=202,
    description="The job was taken, or was before.",
    headers=schemas.SubmissionHeaders,
)
@submissions.doc(operation_id="submitJob", responses=_ERRORS)
def submit_job() -> Answer | Response:
    """Submit films or an archive.

    The body is one film, one archive (zip, tar, tar.gz, tar.zst), or a form with one or many films
    or a single archive; or JSON that names a complete upload, a folder that the operator lets
    be read (`prefix`), or another job whose stored films are to be read again (`from_job`).
    A film that cannot be taken does not stop the others of a form: its item fails with a code.
    With an `Idempotency-Key` the same request gives the same job, however often it is sent.
    With `Prefer: wait=N` a request of one film is answered 200 with its item, findings and all,
    when that is ready within N seconds.
    """
    body, stream = open_body(request, parts().settings.max_body_bytes)
    with stream:
        try:
            created = _accept(body, stream)
        except LunglineError:
            body.discard()
            raise
    bind_job(created.job.id)
    audit_target(created.job.id)
    headers = {
        "Location": f"/v1/jobs/{created.job.id}",
        "Cache-Control": "no-store",
        "Vary": "Prefer",
    }
    if created.replayed:
        headers["Idempotency-Replayed"] = "true"
    answer = answer_in_time(created.job)
    if answer is not None:
        answer.headers.update(headers)
        return answer
    return job_wire(created.job), 202, headers


def _accept(body: Body, stream: io.BufferedReader) -> Created:
    key = read_idempotency_key(request.headers.get("Idempotency-Key"))
    kind = None if request.mimetype == JSON_TYPE else kind_of(request.mimetype)
    # Down is better told before two gigabytes were sent than after.
    parts().database.check()
    acceptance = Acceptance(parts(), tenant(), key)
    acceptance.check_room(request.content_length or 0, spooled=kind is Kind.MULTIPART)
    if kind is None:
        return acceptance.elsewhere(read_document(stream, parts().settings.max_metadata_bytes))
    if kind is not Kind.MULTIPART:
        return acceptance.raw(kind, stream, request.args.to_dict())
    if request.args:
        raise InvalidParameter("Parameters of a form are fields of the form, not of the query.")
    return acceptance.multipart(cast(BinaryIO, stream), request.headers["Content-Type"])
