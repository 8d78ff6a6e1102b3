"""The repository: everything that the API and the workers ask of the database."""

from __future__ import annotations

from storage.audit import Audit
from storage.changes import Changes
from storage.claims import Claims
from storage.control import Control
from storage.database import Database
from storage.deletions import Deletions
from storage.entries import Entries
from storage.events import Events
from storage.expansions import Expansions
from storage.exports import Exports
from storage.items import Items
from storage.jobs import Jobs
from storage.keys import Keys
from storage.lineage import Lineage
from storage.quotas import Limits, Quotas
from storage.repairs import Repairs
from storage.retention import Retention
from storage.rows import Rows
from storage.sweeps import Sweeps
from storage.uploads import Uploads
from storage.usage import UsageBook
from storage.webhooks import Webhooks

MAX_ATTEMPTS = 3


class Repository:
    """Gathers the nouns. Safe to share between threads.

    Attributes:
        database: The connection.
        jobs: Requests of clients.
        control: What clients change about them.
        deletions: How they go.
        retention: How they go by age.
        items: Their films.
        rows: Their films in short.
        entries: What their archives held.
        claims: Films in the hands of workers.
        expansions: Archives in the hands of expanders.
        lineage: Jobs that read the films of others again.
        changes: What they found otherwise.
        repairs: What the sweep does.
        sweeps: When it was last done.
        events: What happened.
        uploads: Archives that come in parts.
        exports: Results that are made in the background.
        quotas: What tenants may have, and have.
        usage: What tenants submitted, by month.
        keys: Who may ask at all.
        webhooks: Who is told of events.
        audit: Who did what.
    """

    def __init__(
        self, database: Database, *, max_attempts: int = MAX_ATTEMPTS, limits: Limits | None = None
    ) -> None:
        """Build all over one database.

        Args:
            database: The connection.
            max_attempts: Deaths alone after which a film is given up (`settings.max_attempts`).
            limits: What each tenant may have; None: as much as it likes.
        """
        self.database = database
        self.quotas = Quotas(database, limits or Limits())
        self.jobs = Jobs(database, self.quotas.limits)
        self.control = Control(database, self.jobs)
        self.deletions = Deletions(database, self.jobs)
        self.retention = Retention(database)
        self.items = Items(database)
        self.rows = Rows(database)
        self.entries = Entries(database)
        self.claims = Claims(database, max_attempts)
        self.expansions = Expansions(database, self.quotas.limits)
        self.lineage = Lineage(database)
        self.changes = Changes(database)
        self.repairs = Repairs(database, self.jobs, self.control, max_attempts)
        self.sweeps = Sweeps(database)
        self.events = Events(database)
        self.usage = UsageBook(database)
        self.exports = Exports(database, self.quotas.limits)
        self.uploads = Uploads(database, self.quotas.limits)
        self.keys = Keys(database)
        self.webhooks = Webhooks(database)
        self.audit = Audit(database)
