"""`lungline keys`: API keys, for who has one of an administrator."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import typer

from lungline.cli.app import Commands, app
from lungline.cli.console import printable, tell
from lungline.cli.printing import JsonOption, json_line, print_words
from lungline.cli.service import UrlOption, connect
from lungline.domain import Scope

SECONDS_OF_DAY = 86_400
CREATE_EXAMPLES = """Examples:

lungline keys create --name "ward 3" > ward3.key

lungline keys create --tenant ward --scope submit --days 90
"""
LIST_EXAMPLES = """Examples:

lungline keys list

lungline keys list --tenant ward --json
"""
REVOKE_EXAMPLES = """Example:

lungline keys revoke 019ab3c1f2e47d0f8b1c2d3e4f506172
"""

keys = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    help="Make, list and revoke API keys. Needs a key with the scope `admin` in LUNGLINE_KEY_FILE.",
    epilog="Example:\n\nlungline keys create --name NAME",
)
app.add_typer(keys, name="keys")


@keys.command(epilog=CREATE_EXAMPLES)
def create(
    name: Annotated[str, typer.Option(help="For people.")] = "",
    tenant: Annotated[
        str | None, typer.Option(help="Whose data it opens [that of your own key].")
    ] = None,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do; may be repeated [read, submit].")
    ] = None,
    days: Annotated[
        float | None, typer.Option(min=0.001, help="Days until it expires [never].")
    ] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Make a key and print it; it cannot be shown again."""
    with connect(url) as client:
        made = client.create_key(
            name=name,
            tenant=tenant,
            scopes=scope,
            expires_in=None if days is None else max(1, round(days * SECONDS_OF_DAY)),
        )
    print_words(json_line(made) if as_json else str(made["key"]))
    tell(f"Key {made['id']} of {made['tenant']} may {', '.join(made['scopes'])}")


@keys.command("list", epilog=LIST_EXAMPLES)
def list_keys(
    tenant: Annotated[str | None, typer.Option(help="Only keys of this one.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Most keys to list.")] = 100,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """List keys, newest first: id, tenant, scopes, whether it still opens something."""
    with connect(url) as client:
        for key in islice(client.keys(tenant=tenant), limit):
            print_words(json_line(key) if as_json else _words(key))


@keys.command(epilog=REVOKE_EXAMPLES)
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id of a key, not the key itself.")],
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Revoke a key: it opens nothing from now on."""
    with connect(url) as client:
        client.revoke_key(key_id)
    if as_json:
        print_words(json_line({"revoked": key_id}))
    else:
        tell(f"Key {key_id} is revoked")


def _words(key: Any) -> str:
    state = f"revoked {key['revoked_at']}" if key["revoked_at"] else "never expires"
    if key["expires_at"] and not key["revoked_at"]:
        state = f"expires {key['expires_at']}"
    used = f"used {key['last_used_at']}" if key["last_used_at"] else "never used"
    name = f"  ({printable(key['name'])})" if key["name"] else ""
    return f"{key['id']}  {key['tenant']}  {','.join(key['scopes'])}  {state}  {used}{name}"
