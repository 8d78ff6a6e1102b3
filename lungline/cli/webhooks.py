"""`lungline webhooks`: endpoints that are told of events, and what they were told."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from lungline.cli.app import Commands, app
from lungline.cli.console import printable, tell
from lungline.cli.printing import JsonOption, json_line, print_words
from lungline.cli.service import UrlOption, connect
from lungline.client import Delivery, Webhook

EXAMPLES = """Examples:

lungline webhooks add https://hooks.example/lungline > hook.secret

lungline webhooks list

lungline webhooks ping 019ab3c1f2ea7d44bf5061728394a5b6

lungline webhooks deliveries 019ab3c1f2ea7d44bf5061728394a5b6
"""

webhooks = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    help="Let endpoints be told of jobs, by signed messages; look at what they were told.",
    epilog=EXAMPLES,
)
app.add_typer(webhooks, name="webhooks")

WebhookArgument = Annotated[str, typer.Argument(help="The id of a webhook.", metavar="WEBHOOK")]
LimitOption = Annotated[int, typer.Option("--limit", "-n", min=1, help="Most to list.")]


@webhooks.command()
def add(
    address: Annotated[
        str, typer.Argument(help="Where messages are sent: https, in public.", metavar="ADDRESS")
    ],
    event: Annotated[
        list[str] | None,
        typer.Option(help="Of which it is told; may be repeated [how jobs end]."),
    ] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Let an endpoint be told from now on; print its secret, which cannot be shown again."""
    with connect(url) as client:
        made = client.webhooks.add(address, event or ())
    print_words(json_line(made.wire) if as_json else str(made.secret))
    tell(f"Webhook {made.id} is told of {', '.join(made.events)}")


@webhooks.command("list")
def list_webhooks(
    limit: LimitOption = 100, as_json: JsonOption = False, url: UrlOption = None
) -> None:
    """List endpoints, newest first."""
    with connect(url) as client:
        for each in islice(client.webhooks.all(), limit):
            print_words(json_line(each.wire) if as_json else _words(each))


@webhooks.command()
def ping(webhook: WebhookArgument, as_json: JsonOption = False, url: UrlOption = None) -> None:
    """Send an endpoint a message of type `ping`; `deliveries` tells what became of it."""
    with connect(url) as client:
        _print(client.webhooks.ping(webhook), as_json)


@webhooks.command()
def deliveries(
    webhook: WebhookArgument,
    limit: LimitOption = 100,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """List what an endpoint was told in the last 30 days, newest first."""
    with connect(url) as client:
        for each in islice(client.webhooks.deliveries(webhook), limit):
            _print(each, as_json)


@webhooks.command()
def redeliver(
    webhook: WebhookArgument,
    delivery: Annotated[str, typer.Argument(help="The id of a delivery.", metavar="DELIVERY")],
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Send a message once more, whether it arrived or not, under the same `webhook-id`."""
    with connect(url) as client:
        _print(client.webhooks.redeliver(webhook, delivery), as_json)


@webhooks.command()
def rotate(webhook: WebhookArgument, as_json: JsonOption = False, url: UrlOption = None) -> None:
    """Give an endpoint a new secret and print it; for a day messages are signed with both."""
    with connect(url) as client:
        made = client.webhooks.rotate(webhook)
    print_words(json_line(made.wire) if as_json else str(made.secret))


@webhooks.command()
def remove(webhook: WebhookArgument, as_json: JsonOption = False, url: UrlOption = None) -> None:
    """Forget an endpoint, and what it was told."""
    with connect(url) as client:
        client.webhooks.remove(webhook)
    if as_json:
        print_words(json_line({"removed": webhook}))
    else:
        tell(f"Webhook {webhook} is removed")


def _print(delivery: Delivery, as_json: bool) -> None:
    print_words(json_line(delivery.wire) if as_json else _delivery_words(delivery))


def _words(webhook: Webhook) -> str:
    return f"{webhook.id}  {printable(webhook.url)}  {', '.join(webhook.events)}"


def _delivery_words(delivery: Delivery) -> str:
    times = "time" if delivery.attempts == 1 else "times"
    words = f"{delivery.id}  {delivery.type}  {delivery.status}, tried {delivery.attempts} {times}"
    about = f"  job {delivery.job_id}" if delivery.job_id else ""
    why = f"  ({printable(' '.join(delivery.last_error.split()))})" if delivery.last_error else ""
    return words + about + why
