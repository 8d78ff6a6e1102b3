"""When the stack is ready: the API says so, with its broker, and every child has its bundle."""

from __future__ import annotations

from pathlib import Path

import httpx

TIMEOUT_SECONDS = 1.0


class Readiness:
    """Asks the parts whether they are ready; remembers who was not."""

    def __init__(self, url: str, run: Path, children: int) -> None:
        """Ask the API at `url`, and wait for `children` ready files in the folder `run`."""
        # Never through a proxy: the address is this machine's.
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False)
        self._run = run
        self._children = children

    def loaded(self) -> int:
        """Number of children that have loaded their bundle."""
        return min(self._children, sum(1 for _ in self._run.glob("*.ready")))

    def refusal(self) -> str | None:
        """Why a child cannot load the bundle of the settings; None while none has said so."""
        reasons = sorted(self._run.glob("*.unusable"))
        return reasons[0].read_text(encoding="utf-8").strip() if reasons else None

    def missing(self) -> list[str]:
        """Say what is not ready yet; an empty list means that films can be sent."""
        missing = []
        if (loaded := self.loaded()) < self._children:
            missing.append(f"models ({loaded} of {self._children} loaded)")
        if (parts := self._parts()) is None:
            missing.append("the API")
        elif parts["broker"] != "ok":  # it takes films without, but nobody would read them
            missing.append("the API's connection to the broker")
        return missing

    def close(self) -> None:
        """Close the connection to the API."""
        self._http.close()

    def _parts(self) -> dict[str, str] | None:
        """What the API says of its parts; None while it takes no films."""
        try:
            answer = self._http.get("/readyz")
            return dict(answer.json()["parts"]) if answer.is_success else None
        except (httpx.HTTPError, ValueError, KeyError):
            return None
