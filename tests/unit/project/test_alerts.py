"""Alert rules name only what /metrics tells, and each of them says what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from lungline.errors import DatabaseUnavailable, LunglineError, StoreUnavailable
from tests.factories import films
from tests.factories.services import service
from tests.fixtures.parts import REPOSITORY

TEXT = (REPOSITORY / "deploy" / "alerts.yml").read_text(encoding="utf-8")
MANUAL = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
METRIC = re.compile(r"\b(lungline_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r'(\w+)(=|!=|=~|!~)"([^"]*)"')


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(TEXT)["groups"]
    return list(group["rules"])


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    """The labels of all samples of /metrics, by metric."""
    with service(tmp_path_factory.mktemp("metrics")) as api:
        api.job(("a.jpg", films.jpeg(1)), ("b.jpg", b"text"))
        for error in (StoreUnavailable, DatabaseUnavailable, LunglineError):
            api.parts.failures.count(error("on purpose"))
        api.parts.repository.sweeps.note()
        api.parts.permits.ready = lambda queue: 0  # type: ignore[method-assign]  # no broker here
        text = api.client.get("/metrics").text
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(dict(sample.labels))
    return found


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_metric_of_a_rule_is_told_with_its_labels(
    rule: dict[str, Any], told: dict[str, list[dict[str, str]]]
) -> None:
    named = METRIC.findall(rule["expr"])
    assert named
    for metric, selector in named:
        assert metric in told, f"{metric} is not at /metrics"
        for label, operator, value in LABEL.findall(selector):
            values = [labels[label] for labels in told[metric]]
            assert operator != "=" or value in values, (metric, label, values)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_labels_that_a_rule_shows_or_groups_by_are_there(
    rule: dict[str, Any], told: dict[str, list[dict[str, str]]]
) -> None:
    shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    for group in re.findall(r"by \(([\w, ]+)\)", rule["expr"]):
        shown |= set(group.split(", "))
    metrics = {metric for metric, _ in METRIC.findall(rule["expr"])}
    for label in shown:
        assert any(label in labels for metric in metrics for labels in told[metric]), label


def test_each_rule_has_a_severity_a_comment_and_a_line_in_the_manual() -> None:
    for rule in rules():
        name = rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
        before = TEXT.partition(f"- alert: {name}\n")[0].rstrip().splitlines()[-1]
        assert before.lstrip().startswith("#"), f"{name} does not say what to do"
        assert f"`{name}`" in MANUAL


def test_the_rules_are_a_file_of_their_own(tmp_path: Path) -> None:
    assert set(yaml.safe_load(TEXT)) == {"groups"}
    assert len({rule["alert"] for rule in rules()}) == len(rules()) > 8
