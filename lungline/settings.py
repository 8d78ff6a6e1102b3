"""Every setting of every part, in one frozen object: the only reader of the environment.

Each field is read from ``LUNGLINE_<NAME>``; `docs/operations.md` lists them all (a test compares).
"""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from lungline.errors import ConfigurationError
from lungline.sources import check_locations, read_locations

MIB = 1024 * 1024
S3_SECONDS = 45
"""In which a call of an S3 store has ended: two tries of 10 s, twice where an answer breaks off."""
LEAST_SECRET_BYTES = 16
"""Of what signs or hashes: who guesses it signs in as anybody."""
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?|https?://\[[0-9A-Fa-f:]+\](:\d{1,5})?")


DaysOf = dict[str, Annotated[float, Field(gt=0)]]
"""Days by tenant."""
_SECRETS_DIR = Path("/run/secrets")


class Settings(BaseSettings):
    """What an operator can set, with defaults that run the embedded stack on one machine."""

    model_config = SettingsConfigDict(env_prefix="LUNGLINE_", frozen=True, extra="ignore")

    # Where things are.
    data_dir: Path = Field(Path(".lungline"), description="Folder of the embedded stack's data.")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite in the data folder.")
    broker_url: str = Field(
        "redis://127.0.0.1:6379/0", description="Broker (Valkey or Redis) for Celery."
    )
    store: Literal["local", "s3"] = Field("local", description="Object store backend.")
    store_dir: Path | None = Field(
        None, description="Folder of the local store; empty: `objects` in the data folder."
    )
    s3_bucket: str = Field("lungline", description="Bucket of the S3 store.")
    s3_endpoint_url: str | None = Field(None, description="S3 endpoint; empty: AWS.")
    s3_public_endpoint_url: str | None = Field(
        None,
        description="S3 endpoint as clients reach it, for links to it; empty: the same.",
    )
    s3_region: str = Field("us-east-1", description="Region of the S3 store.")
    s3_access_key: SecretStr | None = Field(None, description="S3 access key id.")
    s3_secret_key: SecretStr | None = Field(None, description="S3 secret access key.")

    key_file: Path | None = Field(
        None,
        description="File that holds the API key of the command line; empty: it sends none.",
    )
    state_dir: Path | None = Field(
        None,
        description="Where `lungline submit` remembers uploads that were broken off; empty: "
        "`.local/state/lungline` in the home folder.",
    )

    # The API.
    url: str = Field("http://127.0.0.1:8570", description="Where clients find the API.")
    api_host: str = Field("127.0.0.1", description="Address the API binds; loopback by default.")
    api_port: int = Field(8570, ge=0, le=65535, description="Port the API binds.")
    auth: Literal["auto", "keys", "none"] = Field(
        "auto",
        description="`keys`: each request needs an API key; `none`: nobody needs one, and the API "
        "binds loopback only; `auto`: `none` on loopback without proxies, else `keys`.",
    )
    trusted_proxies: int = Field(
        0,
        ge=0,
        description="Proxies in front of the API, each of which adds to X-Forwarded-For, -Proto "
        "and -Host; 0: nobody's such headers are believed.",
    )
    max_requests_per_minute: int = Field(
        3_000,
        gt=0,
        description="Requests of one API key in a minute, in each gunicorn worker; 429 above it.",
    )
    max_refusals_per_minute: int = Field(
        30,
        gt=0,
        description="Requests from one address whose key is refused, in each gunicorn worker; 429 "
        "for all from there above it.",
    )
    api_processes: int = Field(1, ge=1, description="gunicorn worker processes.")
    api_threads: int = Field(8, ge=1, description="Threads in each gunicorn worker.")
    allowed_hosts: str = Field(
        "",
        description="Further host names, comma-separated, under which clients reach the API; "
        "`*`: any.",
    )
    cors_origins: str = Field(
        "",
        description="Origins, comma-separated, whose pages may call the API from a browser, such "
        "as `https://app.example`; none by default.",
    )
    spool_dir: Path | None = Field(
        None,
        description="Folder for multipart bodies in passing; empty: the system's temporary one.",
    )
    client_idle_seconds: float = Field(
        60.0,
        gt=0,
        description="A client that neither sends nor reads for this long is cut off; so is one "
        "that sends more slowly than 1,000 bytes a second for longer than that.",
    )
    max_wait_seconds: int = Field(
        30, ge=0, description="Longest wait that `Prefer: wait` and `?wait` get."
    )
    max_waits: int = Field(
        32,
        ge=0,
        description="Requests that wait at a time in each gunicorn worker, on threads of their "
        "own; further ones are answered at once.",
    )
    max_event_streams: int = Field(
        64,
        ge=0,
        description="Event streams at a time in each gunicorn worker, on threads of their own; "
        "further ones get 503.",
    )

    webhook_networks: str = Field(
        "",
        description="Private networks, comma-separated, in which webhooks may be, such as "
        "`10.0.0.0/8`; `http://` is taken then too. None by default: the public internet only.",
    )

    # Drawing pictures, in processes of their own.
    picture_processes: int = Field(
        default_factory=lambda: min(4, os.cpu_count() or 1),
        ge=1,
        description="Processes that draw pictures, of each gunicorn worker; started when needed.",
    )
    picture_seconds: float = Field(
        20.0,
        gt=0,
        description="A picture that takes longer to draw is given up, and its process is ended; "
        "also the longest wait for a free one.",
    )
    picture_memory_bytes: int = Field(
        1024 * MIB,
        ge=256 * MIB,
        description="Most memory of its own that a process which draws pictures may take.",
    )

    # Limits on what clients send.
    max_body_bytes: int = Field(2048 * MIB, gt=0, description="Largest body of one submission.")
    max_film_bytes: int = Field(64 * MIB, gt=0, description="Largest film file.")
    max_film_pixels: int = Field(50_000_000, gt=0, description="Most pixels of one film.")
    max_film_side: int = Field(20_000, gt=0, description="Longest side of one film, in pixels.")
    max_films_per_request: int = Field(
        1_000, gt=0, description="Most films in one multipart request; send an archive above it."
    )
    max_interactive_films: int = Field(
        16,
        gt=0,
        description="Most films of an interactive job, which goes before all others; it has no "
        "archive.",
    )
    max_metadata_bytes: int = Field(
        16_384, gt=0, description="Largest `metadata` of one job, as JSON text."
    )
    max_film_metadata_bytes: int = Field(
        4_096, gt=0, description="Largest metadata of one film, as JSON text."
    )
    max_archive_entries: int = Field(1_000_000, gt=0, description="Most entries of one archive.")
    max_archive_ratio: int = Field(
        200, gt=1, description="An entry that unpacks to more than this multiple is refused."
    )
    max_archive_bytes: int = Field(
        256 * 1024 * MIB, gt=0, description="Most bytes that one archive may unpack to."
    )

    identity_key: SecretStr | None = Field(
        None,
        description="Secret under which studies and patients are hashed, the same on every "
        "machine, 16 bytes or more; empty: made once, `identity.key` in the data folder.",
    )

    # Uploads in parts.
    max_upload_bytes: int = Field(
        256 * 1024 * MIB, gt=0, description="Largest archive that is uploaded in parts."
    )
    max_open_uploads: int = Field(
        32, gt=0, description="Most uploads of one tenant that are not yet jobs."
    )
    upload_part_bytes: int = Field(
        16 * MIB,
        ge=5 * MIB,
        description="Bytes of a part; more where 10,000 parts would not hold the archive.",
    )
    upload_seconds: int = Field(
        7 * 86_400,
        gt=0,
        description="How long an upload may take, and wait for its job once it is complete.",
    )
    upload_link_seconds: int = Field(
        3_600,
        ge=1,
        le=604_800,
        description="How long the link of a part, or of an export, may be used.",
    )
    upload_parts: Literal["store", "api"] = Field(
        "store",
        description="Where clients send parts and fetch exports: `store`: at S3 itself, by signed "
        "links; `api`: through the API, when clients cannot reach S3. The local store always does "
        "so.",
    )
    link_key: SecretStr | None = Field(
        None,
        description="Secret that signs the API's own links and sessions, the same on every "
        "machine, 16 bytes or more; empty: made once, `link.key` in the data folder.",
    )

    # What one tenant may have at a time, and when nobody may send more.
    quota_open_jobs: int = Field(1_000, gt=0, description="Most open jobs of a tenant.")
    quota_open_exports: int = Field(
        20, gt=0, description="Most exports of a tenant that wait or are being made."
    )
    quota_queued_films: int = Field(
        1_000_000,
        gt=0,
        description="Most films of a tenant that wait to be read; archives are expanded as far as "
        "that.",
    )
    quota_stored_bytes: int = Field(
        1024 * 1024 * MIB,
        gt=0,
        description="Most bytes of a tenant's stored films, exports and waiting archives.",
    )
    min_free_bytes: int = Field(
        1024 * MIB,
        ge=0,
        description="Intake stops when less is free on the disk of the local store or of SQLite, "
        "and forms on that of the spool; 0: they never do.",
    )
    max_store_bytes: int | None = Field(
        None,
        gt=0,
        description="Intake stops when all tenants have so many bytes in the object store, as of "
        "S3 nobody sees the disk; unset: no bound.",
    )
    max_database_bytes: int | None = Field(
        None,
        gt=0,
        description="Intake stops when the database, such as a PostgreSQL, has so many bytes; "
        "unset: no bound.",
    )

    # Reading.
    bundles_dir: Path = Field(Path("ml/bundles"), description="Folder that holds model bundles.")
    bundle: str = Field(
        "paediatric-pneumonia",
        description="Bundle for jobs that name none: `name` or `name@version`, until "
        "`lungline models activate --default` chooses another.",
    )
    max_bundle_bytes: int = Field(
        1024 * MIB, gt=0, description="Most bytes of a model bundle that is added, unpacked."
    )
    bundles_loaded: int = Field(
        2,
        gt=0,
        description="Bundles that a reader keeps in memory; the least recently used is let go.",
    )
    runtime: Literal["openvino", "tensorflow"] = Field("openvino", description="Model runtime.")
    precision: Literal["f32", "bf16", "int8"] = Field(
        "f32",
        description="Numbers that OpenVINO computes with: `bf16` needs a processor that has it, "
        "`int8` a bundle that carries such networks. See `docs/model.md` for what they cost.",
    )
    worker_processes: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        description="Processes that read films; by default one a core.",
    )
    worker_memory_bytes: int = Field(
        4096 * MIB,
        ge=0,
        description="Most memory of its own that a process may take which reads with OpenVINO, or "
        "takes archives apart; a film that needs more fails alone; 0: no limit. With TensorFlow "
        "readers have none.",
    )
    batch_size: int = Field(16, ge=1, le=256, description="Films a worker takes at once.")

    # The queue.
    lease_seconds: float = Field(12.0, gt=0, description="How long a claim holds without renewal.")
    lease_renewal_seconds: float = Field(3.0, gt=0, description="How often a claim is renewed.")
    batch_hard_limit_seconds: float = Field(
        120.0,
        gt=0,
        description="A batch that takes longer is taken away from its worker; with S3 45 or more.",
    )
    visibility_timeout_seconds: int = Field(
        600, gt=0, description="When the broker hands an unacknowledged message out again."
    )
    max_attempts: int = Field(3, ge=1, description="Lone attempts before a film is given up.")
    permits_ready: int = Field(64, ge=1, description="Most permits kept ready in the broker.")
    publish_timeout_seconds: float = Field(
        1.0, gt=0, description="Longest wait for the broker when a permit is sent."
    )
    sweep_interval_seconds: float = Field(2.0, gt=0, description="How often the repair runs.")
    stall_seconds: float = Field(
        60.0,
        ge=0,
        description="A worker that moves no more, or takes nothing while permits wait, for so long "
        "is ended, so that what supervises it starts it again; 0: never.",
    )
    expand_slice: int = Field(
        64, ge=1, le=2000, description="Archive entries committed in one transaction."
    )
    sources: str = Field(
        "",
        description="Places outside the service whose films `prefix` may name: comma-separated "
        "`NAME=/folder` or `NAME=s3://bucket/prefix/`, or `NAME@TENANT=...` for one tenant alone.",
    )
    keep_archives: bool = Field(
        False,
        description="Keep an uploaded archive once it is expanded, or its job was cancelled or has "
        "expired before.",
    )
    retain_days: float | None = Field(
        None,
        gt=0,
        description="Ended jobs are deleted after so many days, with their films and findings; "
        "unset: never.",
    )
    retain_days_of: DaysOf = Field(
        {}, description='The same for single tenants, as JSON: `{"ward": 30}`.'
    )
    retain_films_days: float | None = Field(
        None,
        gt=0,
        description="Films are dropped when the last item that had them ended so many days ago, "
        "with their masks; findings stay. Unset: they go with their jobs.",
    )
    retain_films_days_of: DaysOf = Field(
        {}, description="The same for single tenants, as `LUNGLINE_RETAIN_DAYS_OF`."
    )
    retain_uploads_days: float | None = Field(
        None,
        gt=0,
        description="Uploads that are no jobs go so many days after they began, and archives that "
        "`LUNGLINE_KEEP_ARCHIVES` keeps so many days after their jobs ended. Unset: "
        "`LUNGLINE_UPLOAD_SECONDS` holds for the ones, the others go with their jobs.",
    )
    retain_uploads_days_of: DaysOf = Field(
        {}, description="The same for single tenants, as `LUNGLINE_RETAIN_DAYS_OF`."
    )

    # Results made in the background.
    export_seconds: int = Field(
        7 * 86_400, gt=0, description="How long an export waits to be made, and then to be fetched."
    )
    max_export_bytes: int = Field(
        64 * 1024 * MIB, gt=0, description="Largest export; pictures of a whole job may be large."
    )
    expander_processes: int = Field(
        2,
        ge=1,
        description="Processes of an expander; one of them at most makes an export, so of a single "
        "one an archive may have to wait for it.",
    )

    # Telling what happens.
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least level that is logged."
    )
    log_format: Literal["json", "console"] = Field("json", description="Shape of log lines.")

    @model_validator(mode="after")
    def _check_precision(self) -> Self:
        if self.runtime != "openvino" and self.precision != "f32":
            raise ValueError("LUNGLINE_PRECISION other than f32 needs LUNGLINE_RUNTIME=openvino")
        return self

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        if 3 * self.lease_renewal_seconds > self.lease_seconds:
            raise ValueError(
                "LUNGLINE_LEASE_SECONDS must be 3 x LUNGLINE_LEASE_RENEWAL_SECONDS or more"
            )
        if 3 * self.batch_hard_limit_seconds > self.visibility_timeout_seconds:
            raise ValueError(
                "LUNGLINE_VISIBILITY_TIMEOUT_SECONDS must be 3 x "
                "LUNGLINE_BATCH_HARD_LIMIT_SECONDS or more"
            )
        if self.store == "s3" and self.batch_hard_limit_seconds < S3_SECONDS:
            raise ValueError(
                f"LUNGLINE_BATCH_HARD_LIMIT_SECONDS must be {S3_SECONDS} or more with S3: a silent "
                "store takes so long to fail, and must not count against films and archives"
            )
        return self

    @model_validator(mode="after")
    def _check_auth(self) -> Self:
        if self.auth == "none" and not is_loopback(self.api_host):
            raise ValueError(
                "LUNGLINE_AUTH=none lets everybody in, so LUNGLINE_API_HOST must be loopback "
                "(127.0.0.1); set LUNGLINE_AUTH=keys to bind another address"
            )
        return self

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        try:
            own_bucket = self.s3_bucket if self.store == "s3" else None
            check_locations(
                read_locations(self.sources), own_bucket, [self.data_dir, self.objects_dir]
            )
        except ValueError as error:
            raise ValueError(f"LUNGLINE_SOURCES: {error}") from None
        return self

    @field_validator("s3_access_key", "s3_secret_key", "identity_key", "link_key", mode="before")
    @classmethod
    def _check_blank(cls, secret: Any) -> Any:
        """Take an empty variable, or file, for a secret that is not set."""
        return None if isinstance(secret, str) and not secret.strip() else secret

    @field_validator("identity_key", "link_key")
    @classmethod
    def _check_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value().encode()) < LEAST_SECRET_BYTES:
            raise ValueError(
                f"must be {LEAST_SECRET_BYTES} bytes or more, such as `openssl rand -hex 32` makes"
            )
        return secret

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, listed: str) -> str:
        for origin in filter(None, map(str.strip, listed.split(","))):
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("must list origins such as https://app.example, without a path")
        return listed

    @field_validator("webhook_networks")
    @classmethod
    def _check_networks(cls, listed: str) -> str:
        for network in _listed(listed):
            ip_network(network)
        return listed

    @property
    def webhook_networks_allowed(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The private networks in which webhooks may be."""
        return tuple(ip_network(network) for network in _listed(self.webhook_networks))

    @property
    def keys_needed(self) -> bool:
        """Whether requests need an API key."""
        if self.auth == "auto":
            return bool(self.trusted_proxies) or not is_loopback(self.api_host)
        return self.auth == "keys"

    @property
    def sqlalchemy_url(self) -> str:
        """The database's URL, with the embedded default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'lungline.db'}"

    @property
    def upload_origin(self) -> str | None:
        """Where clients send parts of uploads besides the API, as an origin; None: nowhere."""
        if self.store != "s3" or self.upload_parts != "store":
            return None
        endpoint = self.s3_public_endpoint_url or self.s3_endpoint_url
        if not endpoint:
            return "https://*.amazonaws.com"
        parts = urlsplit(endpoint)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def client_state_dir(self) -> Path:
        """Where the client remembers uploads, with the default filled in."""
        return self.state_dir or Path.home() / ".local" / "state" / "lungline"

    @property
    def objects_dir(self) -> Path:
        """The local store's folder, with the embedded default filled in."""
        return self.store_dir or self.data_dir / "objects"


def _listed(words: str) -> list[str]:
    return [word for word in map(str.strip, words.split(",")) if word]


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; of names `localhost` alone is trusted."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def secrets_of(settings: Settings) -> list[str]:
    """The secrets among the settings, those inside addresses too, to be kept out of logs."""
    found = []
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            found.append(value.get_secret_value())
    for url in (settings.database_url, settings.broker_url):
        if (password := urlsplit(url).password) is not None:
            found.append(unquote(password))
    return found


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment.

    Args:
        overrides: Settings that win over the environment, such as a command's options.

    Raises:
        ConfigurationError: A setting has a value that cannot be used; the message names it.
    """
    # Where container engines put secrets, as files named `lungline_s3_secret_key` and so on.
    secrets = _SECRETS_DIR if _SECRETS_DIR.is_dir() else None
    try:
        return Settings(_secrets_dir=secrets, **overrides)  # type: ignore[arg-type]  # pydantic checks them
    except SettingsError as error:
        # A text that had to be JSON; the field stands in the words alone.
        field = re.search(r'field "(\w+)"', str(error))
        name = f"LUNGLINE_{field[1].upper()}" if field else "A setting"
        raise ConfigurationError(f"{name} is not JSON; see docs/operations.md") from None
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(["LUNGLINE", *(str(part).upper() for part in first["loc"])])
        where = f"{name}: " if first["loc"] else ""
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{where}{message}; see docs/operations.md") from None


def environment_of(settings: Settings) -> dict[str, str]:
    """Return this process's environment with `settings` written into it, for a child process.

    Every setting is written, defaults too, so that the child sees exactly `settings`.
    """
    environment = dict(os.environ)
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        variable = f"LUNGLINE_{name.upper()}"
        environment.pop(variable, None)
        if value is not None:
            # Where a setting is no plain word, its text in the environment is JSON.
            environment[variable] = json.dumps(value) if isinstance(value, dict) else str(value)
    return environment


@lru_cache(maxsize=1)
def current_settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()
