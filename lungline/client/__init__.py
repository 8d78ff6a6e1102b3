"""The HTTP client: submit films, follow jobs, take findings."""

from lungline.client.client import JobOptions, LunglineClient, ResultsFormat
from lungline.client.errors import InputUnusable, ServiceError, ServiceUnreachable
from lungline.client.films import FilmFile, Inputs, gather
from lungline.client.jobs import Counts, Job
from lungline.client.keys import read_key
from lungline.client.retry import Retry

__all__ = [
    "Counts",
    "FilmFile",
    "InputUnusable",
    "Inputs",
    "Job",
    "JobOptions",
    "LunglineClient",
    "ResultsFormat",
    "Retry",
    "ServiceError",
    "ServiceUnreachable",
    "gather",
    "read_key",
]
