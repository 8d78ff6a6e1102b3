"""Structured logs: one JSON object a line, with the request and job ids bound to the context.

Never log names, paths or tags that come from a client: they may hold a patient's identity.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.stdlib import BoundLogger

from lungline.redaction import Redactor
from lungline.settings import Settings, secrets_of

QUOTING = ("httpx", "httpcore", "botocore", "boto3", "s3transfer", "urllib3")
"""Below WARNING these quote whole addresses, headers and signatures: of webhooks, and of S3."""


def configure_logging(settings: Settings, part: str) -> None:
    """Send the logs of this process to standard error in one shape.

    Args:
        settings: Gives level and format.
        part: The process's role (`api`, `worker`, ...), on every line.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        Redactor(secrets_of(settings)),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            # The text of a library's line is put together after the chain above.
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                Redactor(secrets_of(settings)),
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for name in QUOTING:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.contextvars.bind_contextvars(part=part)


def get_logger(name: str) -> BoundLogger:
    """Return a logger whose keyword arguments become fields of the line."""
    return structlog.stdlib.get_logger(name)


@contextmanager
def log_context(**ids: str) -> Iterator[None]:
    """Bind ids (`request_id`, `job_id`, `lease_id`) to every line logged inside."""
    with structlog.contextvars.bound_contextvars(**ids):
        yield
