"""What gunicorn serves: `gunicorn api.wsgi:app -c api/gunicorn.py`."""

from __future__ import annotations

from api.application import create_app
from lungline.settings import current_settings
from lungline.telemetry import configure_logging

configure_logging(current_settings(), "api")
app = create_app(current_settings())
