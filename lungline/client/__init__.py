"""The HTTP client: submit films, follow jobs, take findings."""

from lungline.client.asynchronous import AsyncLunglineClient
from lungline.client.client import JobOptions, LunglineClient
from lungline.client.errors import (
    Conflict,
    Failed,
    InputUnusable,
    NotAllowed,
    NotFound,
    Refused,
    ServiceError,
    ServiceUnreachable,
    StillRunning,
    TooMany,
)
from lungline.client.exports import Export
from lungline.client.films import FilmFile, Inputs, gather
from lungline.client.items import Finding, Item, Prediction
from lungline.client.jobs import Counts, Job
from lungline.client.keys import read_key
from lungline.client.results import Results, ResultsFormat
from lungline.client.retry import Retry
from lungline.client.webhooks import Delivery, Webhook

__all__ = [
    "AsyncLunglineClient",
    "Conflict",
    "Counts",
    "Delivery",
    "Export",
    "Failed",
    "FilmFile",
    "Finding",
    "InputUnusable",
    "Inputs",
    "Item",
    "Job",
    "JobOptions",
    "LunglineClient",
    "NotAllowed",
    "NotFound",
    "Prediction",
    "Refused",
    "Results",
    "ResultsFormat",
    "Retry",
    "ServiceError",
    "ServiceUnreachable",
    "StillRunning",
    "TooMany",
    "Webhook",
    "gather",
    "read_key",
]
