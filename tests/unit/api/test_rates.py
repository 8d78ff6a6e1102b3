"""No caller asks more than it may; others do not notice."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.rates import Rates
from tests.factories.keyed import bearer
from tests.factories.services import service


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_caller_may_ask_as_often_as_that_and_again_after_a_while() -> None:
    clock = Clock()
    rates = Rates(6, clock=clock)
    assert [rates.take("a") for _ in range(7)] == [0, 0, 0, 0, 0, 0, 10]
    assert rates.take("b") == 0
    clock.now = 9.0
    assert rates.take("a") == 1
    clock.now = 10.0
    assert [rates.take("a"), rates.take("a")] == [0, 10]
    clock.now = 3600.0
    assert [rates.take("a") for _ in range(7)] == [0, 0, 0, 0, 0, 0, 10], "no more than that"


def test_looking_counts_nothing() -> None:
    rates = Rates(1, clock=Clock())
    assert [rates.look("a"), rates.look("a"), rates.take("a"), rates.look("a")] == [0, 0, 0, 60]


def test_it_remembers_no_more_callers_than_that() -> None:
    rates = Rates(1, most_callers=2, clock=Clock())
    assert [rates.take(each) for each in "abc"] == [0, 0, 0]
    assert rates.take("c") > 0
    assert rates.take("a") == 0, "the one that was silent longest begins anew"


def test_a_key_that_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    with service(tmp_path, auth="keys", max_requests_per_minute=3) as api:
        wild, calm = bearer(api), bearer(api)
        answers = [api.client.get("/v1/jobs", headers=wild) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[3].get_json()["code"] == "too_many_requests"
        assert 1 <= int(answers[3].headers["Retry-After"]) <= 20
        assert api.client.get("/v1/jobs", headers=calm).status_code == 200
        assert api.client.get("/healthz", headers=wild).status_code == 200


@pytest.mark.parametrize("trusted", [0, 1])
def test_keys_cannot_be_tried_out(trusted: int, tmp_path: Path) -> None:
    limits = {"max_refusals_per_minute": 2, "trusted_proxies": trusted}
    with service(tmp_path, auth="keys", **limits) as api:
        right = bearer(api)
        near, far = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "203.0.113.8"}

        def ask(headers: dict[str, str]) -> int:
            return api.client.get("/v1/jobs", headers=headers).status_code

        wrong = {"Authorization": right["Authorization"] + "x"}
        assert [ask(wrong | near) for _ in range(3)] == [401, 401, 429]
        assert ask(right | near) == 429, "the right one is not told from wrong ones"
        # Without a trusted proxy an address that a client makes up is not believed.
        assert ask(right | far) == (200 if trusted else 429)


def test_without_keys_nobody_is_counted(tmp_path: Path) -> None:
    with service(tmp_path, max_requests_per_minute=1) as api:
        assert [api.client.get("/v1/jobs").status_code for _ in range(3)] == [200] * 3
