"""Requests to the service: retries, and problems turned into errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

import lungline
from lungline.client.errors import ServiceError, ServiceUnreachable, service_error
from lungline.client.forms import Body, FormFile
from lungline.client.retry import Retry
from lungline.errors import ConfigurationError

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

T = TypeVar("T")


class Transport:
    """One connection pool to one service."""

    def __init__(
        self,
        url: str,
        retry: Retry,
        transport: httpx.BaseTransport | None,
        key: str | None = None,
    ) -> None:
        """Connect when first used.

        Args:
            url: Where the service is.
            retry: How often to try.
            transport: Another way to carry requests, for tests.
            key: The API key, sent to the service alone; None: none.

        Raises:
            ConfigurationError: `url` is no http or https address.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError(
                f"LUNGLINE_URL must be an address such as http://127.0.0.1:8570, not {url!r}"
            )
        self._url = url.rstrip("/")
        self._retry = retry
        authorization = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(
            base_url=self._url,
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            headers={"User-Agent": f"lungline/{lungline.__version__}", **authorization},
            transport=transport,
            trust_env=parts.hostname not in LOOPBACK,  # no proxy stands before this machine
        )

        self._elsewhere: httpx.Client | None = None
        self._lock = Lock()

    @property
    def url(self) -> str:
        """Where the service is."""
        return self._url

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        if self._elsewhere is not None:
            self._elsewhere.close()

    def get(self, path: str, **parameters: str | int | None) -> Any:
        """GET a JSON document; tried again when the service is away."""
        return self._repeat(lambda: self._json("GET", path, params=_present(parameters)))

    def get_newer(
        self, path: str, tag: str | None, **parameters: str | int | None
    ) -> tuple[Any | None, str | None]:
        """GET a JSON document that is newer than a version of it.

        Args:
            path: Below the service's address.
            tag: Of the version that is known (`ETag`); None: none is.
            parameters: Of the query; those that are None are left out.

        Returns:
            The document and its tag; no document while the known one is the newest.
        """
        headers = {"If-None-Match": tag} if tag else {}

        def ask() -> tuple[Any | None, str | None]:
            response = self._http.get(path, params=_present(parameters), headers=headers)
            if response.status_code == httpx.codes.NOT_MODIFIED:
                return None, tag
            return self._document(response), response.headers.get("ETag")

        return self._repeat(ask)

    def get_page(self, path: str, **parameters: str | int | None) -> tuple[Any, str | None]:
        """GET a page of a list.

        Args:
            path: Below the service's address; or the link that came with the page before.
            parameters: Of the query; those that are None are left out.

        Returns:
            The page, and the link to the next one (RFC 8288); None on the last.
        """

        def ask() -> tuple[Any, str | None]:
            response = self._http.get(path, params=_present(parameters) or None)
            return self._document(response), _next_link(response)

        return self._repeat(ask)

    def pages(self, path: str, **parameters: str | int | None) -> Iterator[Mapping[str, Any]]:
        """Yield what is in a list, page by page."""
        answer, link = self.get_page(path, **parameters)
        yield from answer["items"]
        while link is not None:
            answer, link = self.get_page(link)
            yield from answer["items"]

    def post(
        self,
        path: str,
        *,
        body: Body | None = None,
        parameters: Mapping[str, str | int | None] | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool = True,
    ) -> Any:
        """POST a body that is made anew for each try.

        Args:
            path: Below the service's address.
            body: Makes the chunks of the body.
            parameters: Of the query; those that are None are left out.
            headers: Further headers.
            repeat: Whether the request may be repeated without doing its work twice.
        """

        def send() -> Any:
            content = body() if body else None
            query = _present(parameters or {})
            return self._json("POST", path, params=query, headers=headers, content=content)

        if repeat:
            return self._repeat(send)
        with self._connection_errors():
            return send()

    def post_json(
        self,
        path: str,
        document: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
        repeat: bool = True,
    ) -> Any:
        """POST a JSON document; tried again when the service is away, unless that does harm."""
        send = partial(self._json, "POST", path, json=dict(document), headers=headers)
        if repeat:
            return self._repeat(send)
        with self._connection_errors():
            return send()

    def post_form(
        self,
        path: str,
        fields: Mapping[str, str | int | None],
        files: Sequence[FormFile],
        headers: Mapping[str, str],
    ) -> Any:
        """POST a form; tried again when the service is away.

        Args:
            path: Below the service's address.
            fields: Those that are None are left out.
            files: Read anew for each try.
            headers: Further headers; with an idempotency key, for the form may be sent twice.
        """
        texts = {name: str(value) for name, value in _present(fields).items()}

        def send() -> Any:
            parts = [file.part() for file in files]
            return self._json("POST", path, data=texts, files=parts, headers=headers)

        return self._repeat(send)

    def put(self, url: str, body: Body, headers: Mapping[str, str]) -> None:
        """PUT a body to a link that the service gave, once.

        Args:
            url: Below the service's address; or anywhere, such as in its object store.
            body: Makes the chunks of the body.
            headers: Further headers.
        """
        http = self._http if url.startswith("/") else self._outside(url)
        with self._connection_errors():
            _check(http.put(url, content=body(), headers=headers))

    def _outside(self, url: str) -> httpx.Client:
        """The connections to where the links of the service lead."""
        with self._lock:
            if self._elsewhere is None:
                self._elsewhere = httpx.Client(
                    timeout=self._http.timeout,
                    headers={"User-Agent": self._http.headers["User-Agent"]},
                    trust_env=urlsplit(url).hostname not in LOOPBACK,
                )
            return self._elsewhere

    def patch(self, path: str, changes: Mapping[str, Any]) -> Any:
        """PATCH some fields; tried again when the service is away, for the second changes none."""
        return self._repeat(lambda: self._json("PATCH", path, json=dict(changes)))

    def delete(self, path: str) -> None:
        """DELETE what is there; tried again when the service is away."""
        self._repeat(lambda: _check(self._http.request("DELETE", path)))

    @contextmanager
    def stream(self, path: str, **parameters: str | int | None) -> Iterator[httpx.Response]:
        """GET something long; the start is tried again, a break in the middle is an error.

        Args:
            path: Below the service's address; or anywhere, such as in its object store.
            parameters: Of the query; those that are None are left out.
        """
        http = self._http if path.startswith("/") else self._outside(path)

        def begin() -> httpx.Response:
            # Without any parameters a signed link stays as it is.
            request = http.build_request("GET", path, params=_present(parameters) or None)
            response = http.send(request, stream=True)
            try:
                _check(response)
            except BaseException:
                response.close()
                raise
            return response

        response = self._repeat(begin)
        try:
            with self._connection_errors():
                yield response
        finally:
            response.close()

    def _json(self, method: str, path: str, **request: Any) -> Any:
        return self._document(self._http.request(method, path, **request))

    def _document(self, response: httpx.Response) -> Any:
        _check(response)
        try:
            return response.json()
        except ValueError:
            raise self._unreachable("what answers there is not Lungline") from None

    def _repeat(self, send: Callable[[], T]) -> T:
        failures = 0
        while True:
            try:
                with self._connection_errors():
                    return send()
            except (ServiceUnreachable, ServiceError) as error:
                failures += 1
                if failures >= self._retry.tries or not self._worth_repeating(error):
                    raise
                time.sleep(self._retry.wait(failures, error.retry_after))

    def _worth_repeating(self, error: ServiceUnreachable | ServiceError) -> bool:
        if isinstance(error, ServiceUnreachable):
            return True
        # A quota that is used up for longer than anybody waits here.
        used_up = error.status == 429 and (error.retry_after or 0) > self._retry.most_seconds
        return error.temporary and not used_up

    @contextmanager
    def _connection_errors(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException:
            raise self._unreachable("it did not answer in time") from None
        except httpx.HTTPError as error:
            raise self._unreachable(str(error) or type(error).__name__) from None

    def _unreachable(self, why: str) -> ServiceUnreachable:
        return ServiceUnreachable(
            f"no answer from the service at {self._url} ({why}): start it with `lungline up`, "
            "or set LUNGLINE_URL to its address"
        )


def _next_link(response: httpx.Response) -> str | None:
    """Where the next page is, as an address on this service, whatever host the link names."""
    link = response.links.get("next", {}).get("url")
    return None if link is None else httpx.URL(link).raw_path.decode("ascii")


def _present(parameters: Mapping[str, str | int | None]) -> dict[str, str | int]:
    return {name: value for name, value in parameters.items() if value is not None}


def _check(response: httpx.Response) -> None:
    if response.is_success:
        return
    response.read()
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    after = response.headers.get("Retry-After", "")
    retry_after = int(after) if after.isdigit() else None
    raise service_error(
        response.status_code, problem if isinstance(problem, dict) else {}, retry_after
    )
