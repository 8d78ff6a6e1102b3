"""The shapes of requests and answers, which also make the OpenAPI document."""

from __future__ import annotations

from datetime import UTC

from apiflask import Schema
from apiflask.fields import AwareDateTime, Boolean, Dict, Float, Integer, List, Nested, Raw, String
from apiflask.validators import Length, OneOf, Range, Regexp

from api.queries import Query
from lungline.domain import EntryOutcome, ItemStatus, JobStatus, Priority

RESEARCH_USE = "Always true: findings are for research, and none is a diagnosis."
_TIME = {"format": "date-time"}
_JOB_STATUSES = [str(status) for status in JobStatus]
_ITEM_STATUSES = [str(status) for status in ItemStatus]
_OUTCOMES = [str(outcome) for outcome in EntryOutcome]


class Counts(Schema):
    """Films of a job by where they stand."""

    total = Integer(required=True, metadata={"description": "Films known so far."})
    queued = Integer(required=True)
    running = Integer(required=True)
    succeeded = Integer(required=True)
    failed = Integer(required=True)
    cancelled = Integer(required=True)
    reused = Integer(
        required=True,
        metadata={"description": "Of the succeeded, those answered from an earlier prediction."},
    )


class Expansion(Schema):
    """How far an archive has been taken apart."""

    entries_seen = Integer(
        required=True, metadata={"description": "Those whose outcome is known; see the next four."}
    )
    entries_total = Integer(
        required=True, allow_none=True, metadata={"description": "Null: not known yet."}
    )
    accepted = Integer(required=True, metadata={"description": "Films."})
    duplicate = Integer(
        required=True, metadata={"description": "Films that an earlier entry holds too."}
    )
    ignored = Integer(
        required=True, metadata={"description": "Folders, and files that nobody means as films."}
    )
    rejected = Integer(
        required=True, metadata={"description": "Unreadable; their items fail, and say why."}
    )


class Reason(Schema):
    """Why something failed."""

    code = String(required=True, metadata={"description": "Stable; see docs/errors.md."})
    reason = String(required=True, allow_none=True)


class JobLinks(Schema):
    """Where a job's resources are."""

    self = String(required=True)
    items = String(required=True)
    entries = String(required=True)
    results = String(required=True)


class Job(Schema):
    """One request of a client."""

    id = String(required=True)
    name = String(required=True)
    status = String(required=True, validate=OneOf(_JOB_STATUSES))
    bundle = String(required=True, metadata={"example": "paediatric-pneumonia@0.1.0"})
    priority = String(required=True, validate=OneOf([p.name.lower() for p in Priority]))
    paused = Boolean(required=True, metadata={"description": "Nothing new of it is read."})
    source = String(required=True, validate=OneOf(["films", "archive", "prefix", "job"]))
    from_job = String(
        required=True,
        allow_none=True,
        metadata={"description": "The job whose stored films it reads again."},
    )
    metadata = Dict(keys=String(), values=Raw(), required=True)
    counts = Nested(Counts, required=True)
    expansion = Nested(Expansion, required=True, allow_none=True)
    queue_position = Integer(
        required=True,
        allow_none=True,
        metadata={
            "description": "Open jobs that are served before this one; 0: it is served. Null: it "
            "is paused, or waits for nothing."
        },
    )
    rate_films_per_second = Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "Over the last minute; of an ended job over all of its reading. Null: "
            "nothing was read."
        },
    )
    eta_seconds = Float(
        required=True, allow_none=True, metadata={"description": "Null: not known."}
    )
    eta = String(
        required=True,
        metadata={"description": "When the job ends or ended, as a time; or the word `unknown`."},
    )
    error = Nested(Reason, required=True, allow_none=True)
    created_at = String(required=True, metadata=_TIME)
    started_at = String(required=True, allow_none=True, metadata=_TIME)
    finished_at = String(required=True, allow_none=True, metadata=_TIME)
    expires_at = String(
        required=True,
        allow_none=True,
        metadata=_TIME | {"description": "When films that still wait are given up; null: never."},
    )
    links = Nested(JobLinks, required=True)


class Film(Schema):
    """A stored film."""

    sha256 = String(required=True, metadata={"description": "Of the stored bytes."})
    format = String(required=True, validate=OneOf(["jpeg", "png", "dicom"]))
    width = Integer(required=True, metadata={"description": "Pixels."})
    height = Integer(required=True, metadata={"description": "Pixels."})
    dropped_at = String(
        required=True,
        allow_none=True,
        metadata=_TIME
        | {"description": "When its pixels were dropped by age; null: it is stored."},
    )


class Finding(Schema):
    """A label of the bundle's label set."""

    label = String(required=True)
    probability = Float(
        required=True, metadata={"description": "Calibrated; they add up to 1 over the labels."}
    )
    score = Float(required=True, metadata={"description": "Not calibrated."})
    threshold = Float(required=True, metadata={"description": "The operating threshold."})
    positive = Boolean(required=True, metadata={"description": "Whether it passes it."})


class Lungs(Schema):
    """What the segmenter found."""

    count = Integer(required=True)
    area_share = Float(required=True, metadata={"description": "Of the film's area, 0 to 1."})


class Prediction(Schema):
    """The findings of one film by one bundle."""

    bundle = String(required=True)
    runtime = String(required=True)
    top_label = String(required=True)
    findings = List(Nested(Finding), required=True)
    in_distribution = Boolean(
        required=True,
        allow_none=True,
        metadata={"description": "Null: the bundle carries no gate."},
    )
    flags = List(String(), required=True)
    lungs = Nested(Lungs, required=True)


class ItemLinks(Schema):
    """Where an item's pictures are; null where there is none."""

    self = String(required=True)
    film = String(required=True, allow_none=True)
    mask = String(required=True, allow_none=True)
    heatmap = String(required=True, allow_none=True)
    clahe = String(required=True, allow_none=True)
    overlay = String(required=True, allow_none=True)


class Item(Schema):
    """One film of a job."""

    id = String(required=True)
    job_id = String(required=True)
    seq = Integer(required=True, metadata={"description": "Its place in the job, from 0."})
    name = String(required=True)
    external_id = String(
        required=True, allow_none=True, metadata={"description": "The client's own id of it."}
    )
    metadata = Dict(
        keys=String(),
        values=Raw(),
        required=True,
        allow_none=True,
        metadata={"description": "What the client said of it, as it came."},
    )
    status = String(required=True, validate=OneOf(_ITEM_STATUSES))
    attempt = Integer(required=True)
    reused = Boolean(required=True)
    duplicate_of = String(
        required=True,
        allow_none=True,
        metadata={"description": "The first item of the job that has the same film."},
    )
    study_hash = String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Keyed hash of the film's study: films of one study have the same. "
            "Null: its file named none."
        },
    )
    patient_hash = String(
        required=True,
        allow_none=True,
        metadata={"description": "The same of its patient."},
    )
    error = Nested(Reason, required=True, allow_none=True)
    film = Nested(Film, required=True, allow_none=True)
    prediction = Nested(Prediction, required=True, allow_none=True)
    research_use_only = Boolean(required=True, metadata={"description": RESEARCH_USE})
    created_at = String(required=True, metadata=_TIME)
    started_at = String(required=True, allow_none=True, metadata=_TIME)
    finished_at = String(required=True, allow_none=True, metadata=_TIME)
    links = Nested(ItemLinks, required=True)


class Entry(Schema):
    """One entry of an archive, and what became of it."""

    seq = Integer(required=True, metadata={"description": "Its place in the archive, from 0."})
    name = String(required=True)
    outcome = String(required=True, validate=OneOf(_OUTCOMES))
    item_id = String(
        required=True, allow_none=True, metadata={"description": "Null: it was ignored."}
    )
    duplicate_of = String(
        required=True,
        allow_none=True,
        metadata={"description": "Of a duplicate: the first item of the job with the same film."},
    )
    size = Integer(
        required=True, allow_none=True, metadata={"description": "Bytes unpacked; null: unknown."}
    )
    sha256 = String(
        required=True,
        allow_none=True,
        metadata={"description": "Of the bytes as they came; null: they were not read."},
    )
    error = Nested(
        Reason, required=True, allow_none=True, metadata={"description": "Why it was rejected."}
    )


class JobPage(Schema):
    """Some jobs, newest first."""

    items = List(Nested(Job), required=True)
    next = String(required=True, allow_none=True, metadata={"description": "The next cursor."})


class ItemPage(Schema):
    """Some items of a job, in its order."""

    items = List(Nested(Item), required=True)
    next = String(required=True, allow_none=True, metadata={"description": "The next cursor."})


class EntryPage(Schema):
    """Some entries of a job's archive, in its order."""

    items = List(Nested(Entry), required=True)
    next = String(required=True, allow_none=True, metadata={"description": "The next cursor."})


class PageQuery(Query):
    """Which page."""

    limit = Integer(load_default=100, validate=Range(1, 1000))
    cursor = String(
        load_default=None,
        validate=Length(max=200),
        metadata={"description": "`next` of the page before."},
    )


def _metadata_filter() -> Dict:
    """Parameters whose names only the client knows: in OpenAPI an object, each member a parameter.

    The object itself is none; `api.paging.metadata_conditions` reads the members.
    """
    return Dict(
        keys=String(),
        values=String(),
        load_default=dict,
        error_messages={"invalid": "Write `metadata.KEY=VALUE`."},
        metadata={
            "description": "Each member is a parameter `metadata.KEY=VALUE`: only what has this "
            "value in its metadata; all must hold. Texts as they are, numbers in their shortest "
            "form, `true` or `false`.",
            "example": {"metadata.ward": "A-17"},
        },
    )


class JobPageQuery(PageQuery):
    """Which jobs."""

    status = String(load_default=None, validate=OneOf(_JOB_STATUSES))
    name = String(
        load_default=None,
        validate=Length(max=200),
        metadata={"description": "What the job is called, exactly."},
    )
    from_job = String(
        load_default=None,
        validate=Length(max=200),
        metadata={"description": "Only jobs that read the films of this one again."},
    )
    created_after = AwareDateTime(
        load_default=None,
        default_timezone=UTC,
        metadata={"description": "ISO 8601; UTC where it names no offset."},
    )
    metadata = _metadata_filter()


class FindQuery(PageQuery):
    """Which items of all jobs; at least one of the three."""

    external_id = String(
        load_default=None,
        validate=Length(1, 200),
        metadata={"description": "The id that the film was submitted with."},
    )
    study = String(
        load_default=None,
        validate=Regexp("[0-9a-f]{32}$", error="Must be a `study_hash`: 32 hexadecimal digits."),
        metadata={"description": "A `study_hash`."},
    )
    metadata = _metadata_filter()


class JobQuery(Query):
    """How long to wait for news."""

    wait = Integer(
        load_default=0,
        validate=Range(0, 86_400),
        metadata={"description": "Seconds to wait for a change; more than the limit is the limit."},
    )


class ItemPageQuery(PageQuery):
    """Which items."""

    status = String(load_default=None, validate=OneOf(_ITEM_STATUSES))


class EntryPageQuery(PageQuery):
    """Which entries."""

    outcome = String(load_default=None, validate=OneOf(_OUTCOMES))


class ResultsQuery(Query):
    """How results are written."""

    format = String(
        load_default=None,
        validate=OneOf(["csv", "ndjson", "parquet"]),
        metadata={"description": "Without it `Accept` decides; CSV if that does not."},
    )
    ignored = Boolean(
        load_default=False,
        metadata={"description": "Whether entries of the archive that are no films have rows too."},
    )


class PicturesQuery(Query):
    """Which pictures of a job, and how large they are drawn."""

    kind = String(required=True, validate=OneOf(["mask", "overlay", "heatmap"]))
    size = Integer(load_default=1024, validate=Range(16, 4096))
    cursor = Integer(
        load_default=0,
        # `storage.pages.seq_after` knows no more digits, and the answer has begun by then.
        validate=Range(0, 999_999_999),
        metadata={"description": "`seq` of the first item; that of the next zip is in `Link`."},
    )
    limit = Integer(
        load_default=1_000,
        validate=Range(1, 10_000),
        metadata={"description": "Items of one zip."},
    )


class PictureQuery(Query):
    """How large a picture is drawn."""

    size = Integer(
        load_default=1024,
        validate=Range(16, 4096),
        metadata={"description": "Longest side, in pixels; a smaller film is not enlarged."},
    )


class HeatmapQuery(PictureQuery):
    """How a heatmap is drawn."""

    label = String(
        load_default=None,
        validate=Length(max=128),
        metadata={"description": "Whose; without it that of the top label."},
    )
    fade = Boolean(
        load_default=False,
        metadata={"description": "Let the film through, the more the less a place counts."},
    )


class SubmissionHeaders(Schema):
    """What the answer to a submission says besides its body."""

    location = String(data_key="Location", metadata={"description": "The job."})
    replayed = String(
        data_key="Idempotency-Replayed",
        metadata={"description": "`true` when an earlier request with this key made the job."},
    )
