"""Nothing that is read can bring code along: no pickles, JSON in the broker, Keras in safe mode."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from lungline.queueing import make_celery
from lungline.settings import Settings
from tests.fixtures.parts import REPOSITORY
from workers.app import app as worker_app

ROOMS = ("lungline", "storage", "api", "workers", "ml", "deploy", "benchmarks", "docs")
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
UNSAFE_CALLS = {"eval", "exec", "compile", "enable_unsafe_deserialization", "read_pickle"}
_OWN_COMPILE = {"compile"}  # of patterns and models, as a method: only the builtin makes code


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for room in ROOMS:
        for path in (REPOSITORY / room).rglob("*.py"):
            yield path.relative_to(REPOSITORY), ast.parse(path.read_text(encoding="utf-8"))


def name_of(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def said(call: ast.Call, keyword: str) -> object:
    for given in call.keywords:
        if given.arg == keyword and isinstance(given.value, ast.Constant):
            return given.value.value
    return None


def test_nothing_is_pickled_or_unpickled() -> None:
    found = []
    for path, module in modules():
        for node in ast.walk(module):
            if isinstance(node, ast.Import):
                names = {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").partition(".")[0]}
            else:
                continue
            found += [(str(path), name) for name in names & UNSAFE_MODULES]
    assert found == []


def test_no_text_becomes_code() -> None:
    found = []
    for path, module in modules():
        for node in ast.walk(module):
            if not isinstance(node, ast.Call) or name_of(node) not in UNSAFE_CALLS:
                continue
            if name_of(node) not in _OWN_COMPILE or isinstance(node.func, ast.Name):
                found.append((str(path), node.lineno, name_of(node)))
    assert found == []


def test_arrays_and_models_are_loaded_without_code_of_theirs() -> None:
    loads: list[tuple[str, object]] = []
    for path, module in modules():
        for node in ast.walk(module):
            if not isinstance(node, ast.Call):
                continue
            if name_of(node) == "load_model":
                loads.append((f"{path}:{node.lineno}", said(node, "safe_mode") is True))
            elif ast.unparse(node.func) in ("np.load", "numpy.load"):
                loads.append((f"{path}:{node.lineno}", said(node, "allow_pickle") is False))
            elif ast.unparse(node.func) in ("yaml.load", "torch.load"):
                loads.append((f"{path}:{node.lineno}", False))
    assert len(loads) > 5
    assert [where for where, good in loads if not good] == []


@pytest.mark.parametrize("celery", [make_celery(Settings()), worker_app], ids=["API", "workers"])
def test_the_broker_carries_json_and_takes_nothing_else(celery: object) -> None:
    settings = celery.conf  # type: ignore[attr-defined]
    assert list(settings.accept_content) == ["json"]
    assert settings.task_serializer == settings.result_serializer == "json"
    assert settings.event_serializer == "json"
    assert settings.task_ignore_result is True
    assert settings.result_accept_content in (None, ["json"])
