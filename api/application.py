"""The application factory."""

from __future__ import annotations

from typing import Any

from apiflask import APIFlask
from werkzeug.middleware.proxy_fix import ProxyFix

import lungline
from api.access import check_declared, register_access
from api.audit import register_audit
from api.bodies import register_bodies
from api.compression import register_compression
from api.context import EXTENSION
from api.cors import register_cors
from api.deadlines import IdleLimit
from api.guard import register_guard
from api.headers import register_headers
from api.metrics import register_metrics
from api.openapi import configure_openapi
from api.parts import Parts
from api.problems import register_problems
from api.trace import register_trace
from api.views.audit import audit
from api.views.changes import changes
from api.views.control import control
from api.views.docs import docs
from api.views.events import events
from api.views.exports import exports
from api.views.health import health
from api.views.items import items
from api.views.jobs import jobs
from api.views.keys import keys
from api.views.limits import limits
from api.views.metrics import metrics
from api.views.models import models
from api.views.page import page
from api.views.pictures import pictures
from api.views.results import results
from api.views.rows import rows
from api.views.sign_in import sign_in
from api.views.submissions import submissions
from api.views.system import system
from api.views.uploads import uploads
from api.views.usage import usage
from api.views.webhooks import webhooks
from lungline.settings import Settings

_BLUEPRINTS = (
    submissions,
    uploads,
    limits,
    usage,
    models,
    jobs,
    control,
    events,
    webhooks,
    results,
    exports,
    items,
    changes,
    rows,
    pictures,
    keys,
    audit,
    health,
    system,
    metrics,
    page,
    sign_in,
    docs,
)
_STATIC_SECONDS = 3600


def create_app(settings: Settings, parts: Parts | None = None) -> APIFlask:
    """Make the application; it opens nothing before its first request.

    Args:
        settings: All of them.
        parts: Parts to use in place of its own, which `parts.close()` closes.
    """
    app: Any = APIFlask(
        __name__,
        title="Lungline",
        version=lungline.__version__,
        docs_path=None,
        json_errors=False,
    )
    app.config.update(SEND_FILE_MAX_AGE_DEFAULT=_STATIC_SECONDS, JSON_SORT_KEYS=False)
    app.json.ensure_ascii = False
    app.extensions[EXTENSION] = parts or Parts(settings)
    register_trace(app)  # first, so that every other answer carries the request's id
    register_metrics(app)
    register_headers(app)
    register_compression(app)
    register_problems(app)
    register_guard(app, settings)
    register_cors(app, settings)
    register_access(app, settings)
    register_bodies(app)
    register_audit(app)
    for blueprint in _BLUEPRINTS:
        app.register_blueprint(blueprint)
    check_declared(app)
    configure_openapi(app)
    if hops := settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)
    app.wsgi_app = IdleLimit(app.wsgi_app, settings.client_idle_seconds)
    return app  # type: ignore[no-any-return]
