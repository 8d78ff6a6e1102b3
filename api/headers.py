"""Headers that tell a browser what a page of this service may do: almost nothing."""

from __future__ import annotations

from flask import Flask, Response, request


def content_policy(connect: str = "") -> str:
    """What a page may load: its own files, and nothing inline.

    Args:
        connect: A further origin that it may send requests to.
    """
    further = f" connect-src 'self' {connect};" if connect else ""
    return (
        f"default-src 'self';{further} img-src 'self' blob: data:; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


SECURITY_HEADERS = {
    "Content-Security-Policy": content_policy(),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_TLS_ONLY = ("Strict-Transport-Security", "max-age=31536000")


def register_headers(app: Flask) -> None:
    """Put the headers on every answer."""

    def add(response: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        if request.is_secure:
            response.headers.setdefault(*_TLS_ONLY)
        return response

    app.after_request(add)
