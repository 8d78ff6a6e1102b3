"""What may be said about a job."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.intake.names import MOST_CHARACTERS, clean_name
from api.intake.parameters import (
    Parameters,
    check_interactive,
    read_idempotency_key,
)
from api.intake.parameters import read_parameters as read_with
from lungline.domain import Priority
from lungline.errors import BundleNotFound, ConfigurationError, InvalidParameter
from lungline.settings import Settings
from storage.bundles import Bundles
from storage.database import Database
from storage.models import Base
from tests.factories.services import BUNDLE, settings, write_bundle


def read_parameters(given: dict[str, str], made: Settings) -> Parameters:
    database = Database(made.sqlalchemy_url)
    with database.write() as connection:
        Base.metadata.create_all(connection)
    try:
        return read_with(given, made, Bundles(database, made))
    finally:
        database.dispose()


def test_defaults(tmp_path: Path) -> None:
    read = read_parameters({}, settings(tmp_path))
    assert (read.name, read.metadata, read.bundle) == ("", {}, BUNDLE)
    assert read.priority is Priority.NORMAL


def test_all_given(tmp_path: Path) -> None:
    given = {
        "name": "ward 3",
        "metadata": '{"study": {"arm": [1, null, "é"]}}',
        "model": "paediatric-pneumonia@0.1.0",
        "priority": "bulk",
    }
    read = read_parameters(given, settings(tmp_path))
    assert read.metadata == {"study": {"arm": [1, None, "é"]}}
    assert (read.bundle, read.priority) == (BUNDLE, Priority.BULK)


@pytest.mark.parametrize(
    "given",
    [
        {"metdata": "{}"},
        {"metadata": "[]"},
        {"metadata": "{"},
        {"metadata": '{"a": NaN}'},
        {"metadata": '{"a": 1e999}'},
        {"metadata": '{"a": "\\u0000"}'},
        {"metadata": '{"\\ud800": 1}'},
        {"metadata": '{"a": ["\\udfff"]}'},
        {"metadata": '{"a":' * 6000},
        {"metadata": "[" * 16_000},
        {"metadata": '{"a": "' + "x" * 16_384 + '"}'},
        {"metadata": '{"a": ' + "9" * 5000 + "}"},
        {"name": "x" * 201},
        {"priority": "urgent"},
        {"bundle": "a", "model": "b"},
    ],
)
def test_bad_values(given: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter) as caught:
        read_parameters(given, settings(tmp_path))
    assert caught.value.message


def test_an_unknown_bundle_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFound, match=BUNDLE):
        read_parameters({"bundle": "adult"}, settings(tmp_path))


def test_a_missing_default_bundle_is_not_the_clients_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="LUNGLINE_BUNDLE"):
        read_parameters({}, settings(tmp_path, bundle="absent"))


def test_the_hash_is_of_what_was_asked_not_of_what_it_meant(tmp_path: Path) -> None:
    made = settings(tmp_path)
    before = read_parameters({"name": "x"}, made)
    write_bundle(tmp_path / "bundles", "0.2.0")
    after = read_parameters({"name": "x"}, made)
    assert after.bundle != before.bundle
    films = [("a.jpg", "0" * 64)]
    assert after.request_hash(films) == before.request_hash(films)
    others = [
        before.request_hash([("b.jpg", "0" * 64)]),
        before.request_hash([("a.jpg", "1" * 64)]),
        read_parameters({"name": "y"}, made).request_hash(films),
    ]
    assert len({before.request_hash(films), *others}) == 4


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256, "a\n"])
def test_bad_idempotency_keys(key: str) -> None:
    with pytest.raises(InvalidParameter):
        read_idempotency_key(key)


def test_good_idempotency_keys() -> None:
    assert read_idempotency_key(None) is None
    assert read_idempotency_key("x" * 255) == "x" * 255


def test_interactive_jobs_are_small() -> None:
    check_interactive(Priority.INTERACTIVE, 3, most=3)
    check_interactive(Priority.BULK, None, most=3)
    for films in (4, None):
        with pytest.raises(InvalidParameter, match="interactive"):
            check_interactive(Priority.INTERACTIVE, films, most=3)


def test_names_are_made_fit_to_be_shown() -> None:
    assert clean_name("폐렴/a b.jpg") == "폐렴/a b.jpg"
    assert clean_name("a\0b\n\udc80") == "a\ufffdb\ufffd\ufffd"
    assert clean_name("x" * 2000 + "end.jpg").endswith("end.jpg")
    assert len(clean_name("x" * 2000)) == MOST_CHARACTERS
