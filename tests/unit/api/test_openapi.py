"""The OpenAPI document is valid, whole, and true to what the views answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource

from tests.factories import films
from tests.factories.services import Service, service

UNDOCUMENTED = {
    "/",
    "/docs",
    "/jobs",
    "/jobs/{job_id}",
    "/films/{item_id}",
    "/models",
    "/sign-in",
    "/sign-out",
    "/system",
    "/language/{language}",
    "/assets/{version}/texts/{language}.js",
    "/assets/{version}/{name}",
    "/openapi.json",
    "/static/{filename}",
}

_BINARY = {
    "application/octet-stream",
    "image/png",
    "application/vnd.apache.parquet",
    "application/zip",
}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


@pytest.fixture
def spec(api: Service) -> dict[str, Any]:
    return dict(api.client.get("/openapi.json").get_json())


def test_it_is_valid_openapi_3_1(spec: dict[str, Any]) -> None:
    assert spec["openapi"] == "3.1.0"
    validate(spec)


def test_every_route_is_documented(api: Service, spec: dict[str, Any]) -> None:
    routes = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) for rule in api.app.url_map.iter_rules()
    }
    assert routes - UNDOCUMENTED == set(spec["paths"])


def test_every_operation_is_named_and_described(spec: dict[str, Any]) -> None:
    operations = [operation for methods in spec["paths"].values() for operation in methods.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert operation["summary"]
        assert {"500", "421"} <= operation["responses"].keys()
        for status, answer in operation["responses"].items():
            assert answer["description"]
            if status >= "400":
                assert list(answer["content"]) == ["application/problem+json"]


def test_every_text_and_error_has_an_example_that_is_true(spec: dict[str, Any]) -> None:
    registry = Registry().with_resource("urn:spec", Resource.opaque(spec))
    for methods in spec["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                for mimetype, content in answer.get("content", {}).items():
                    if mimetype in _BINARY:
                        continue
                    given = content.get("examples", {"one": {"value": content.get("example")}})
                    for name, example in given.items():
                        value = example["value"]
                        assert value, (operation["operationId"], status, mimetype)
                        if "$ref" in content["schema"]:
                            schema = {"$ref": "urn:spec" + content["schema"]["$ref"]}
                            Draft202012Validator(schema, registry=registry).validate(value)
                        if status >= "400":
                            assert (value["code"], str(value["status"])) == (name, status)


def test_the_submission_lists_what_it_takes(spec: dict[str, Any]) -> None:
    operation = spec["paths"]["/v1/jobs"]["post"]
    assert {"application/zip", "multipart/form-data"} <= operation["requestBody"]["content"].keys()
    names = {parameter["name"] for parameter in operation["parameters"]}
    assert {"Idempotency-Key", "name", "metadata", "bundle", "priority", "filename"} <= names
    assert {"400", "403", "409", "413", "415", "422", "503"} <= operation["responses"].keys()


def conforms(spec: dict[str, Any], name: str, value: Any) -> None:
    """Assert that a value has the shape of a schema, with no member too many."""
    resource = Resource.opaque(spec)
    registry = Registry().with_resource("urn:spec", resource)
    schema = {"$ref": f"urn:spec#/components/schemas/{name}"}
    Draft202012Validator(schema, registry=registry).validate(value)
    assert value.keys() == spec["components"]["schemas"][name]["properties"].keys()


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/items"])
def test_parameters_of_metadata_are_members_of_an_object(path: str, spec: dict[str, Any]) -> None:
    (parameter,) = [
        one for one in spec["paths"][path]["get"]["parameters"] if one["name"] == "metadata"
    ]

    assert parameter["schema"]["type"] == "object"
    assert "metadata.KEY=VALUE" in parameter["description"]
    assert "style" not in parameter  # a form, exploded: each member is a parameter of its own


def test_answers_have_the_documented_shape(api: Service, spec: dict[str, Any]) -> None:
    job = api.job(("a.jpg", films.jpeg(1)), ("b.jpg", films.text_named_jpg()))
    conforms(spec, "Job", job)
    api.read_all()
    conforms(spec, "Job", api.client.get(job["links"]["self"]).get_json())
    page = api.client.get(job["links"]["items"]).get_json()
    conforms(spec, "ItemPage", page)
    for item in page["items"]:
        conforms(spec, "Item", item)
    conforms(spec, "JobPage", api.client.get("/v1/jobs").get_json())
    problem = api.client.get("/v1/nothing").get_json()
    conforms(spec, "Problem", problem | {"parts": {}})


def test_parameters_that_a_call_does_not_know_are_refused(
    api: Service, spec: dict[str, Any]
) -> None:
    asked = 0
    for path, operations in spec["paths"].items():
        operation = operations.get("get", {})
        given = [each for each in operation.get("parameters", ()) if each["in"] == "query"]
        known = {each["name"] for each in given}
        if not known or "signature" in known:  # a signature tells itself what it is for
            continue
        asked += 1
        address = re.sub(r"\{\w+\}", "0" * 32, path)
        answer = api.client.get(address, query_string={"misspelt": "x", "private\n": "y"})
        assert answer.status_code == 422, path
        problem = answer.get_json()
        assert problem["code"] == "invalid_parameter"
        assert problem["detail"].startswith("Unknown parameter 'misspelt', 'private\ufffd'. Known")
        told = set(re.findall(r"[\w.]+", problem["detail"].partition("Known are ")[2].rstrip(".")))
        assert {name.removesuffix(".KEY") for name in told} == known
        assert "422" in operation["responses"]
    assert asked > 20
