"""One hierarchy of errors: each says whose fault it is, and whether trying again helps.

Every error carries a stable ``code`` (clients may branch on it), a ``status`` (the HTTP status at
the edge) and a message for people that says what is wrong, where, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar


class LunglineError(Exception):
    """Base of every error that Lungline raises on purpose.

    Attributes:
        code: Stable machine-readable name, ``snake_case``.
        status: The HTTP status with which the API answers.
        retry_after: Seconds after which trying again may help; None when it will not.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something failed inside the service"
    retry_after: int | None = None

    def __init__(self, message: str) -> None:
        """Keep the message for people."""
        super().__init__(message)
        self.message = message


class ClientError(LunglineError):
    """The request is wrong; the same request will fail again."""

    code = "bad_request"
    status = 400
    title = "The request is not valid"


class EmptyBody(ClientError):
    """A submission without a single byte, or without a film."""

    code = "empty_body"
    title = "The request carries no film"


class InvalidParameter(ClientError):
    """A field or query parameter has a value that cannot be taken."""

    code = "invalid_parameter"
    status = 422
    title = "A field has a value that cannot be taken"


class UnsupportedContent(ClientError):
    """The content type of the body is not one that intake takes."""

    code = "unsupported_content"
    status = 415
    title = "The body is of a kind that is not taken"


class NotAnArchive(ClientError):
    """A body sent as an archive that does not begin like one."""

    code = "archive_unreadable"
    status = 422
    title = "The archive cannot be read"


class PrefixNotAllowed(ClientError):
    """A folder that the operator has not allowed to be read."""

    code = "prefix_not_allowed"
    status = 422
    title = "This folder may not be read"


class BadManifest(ClientError):
    """A manifest that cannot be read, or does not belong to the films beside it."""

    code = "manifest_unreadable"
    status = 422
    title = "The manifest cannot be read"


class ArchiveNotAlone(ClientError):
    """An archive sent together with other files."""

    code = "archive_not_alone"
    status = 422
    title = "An archive must be the only file of its request"


class MalformedBody(ClientError):
    """A body that is not put together as its content type says."""

    code = "malformed_body"
    title = "The body is not put together as its content type says"


class BodyCutOff(ClientError):
    """The connection ended, or went silent, before the body did."""

    code = "body_cut_off"
    title = "The body ended too early"


class TooLarge(ClientError):
    """The body is larger than a limit allows."""

    code = "too_large"
    status = 413
    title = "The body is larger than the limit"


class TooManyFilms(TooLarge):
    """More films in one multipart request than the limit allows."""

    code = "too_many_films"
    title = "The request carries too many films"


class CrossSite(ClientError):
    """A browser sends the request on behalf of another site."""

    code = "cross_site"
    status = 403
    title = "Another site may not do this"


class KeyMissing(ClientError):
    """The request carries no API key."""

    code = "key_missing"
    status = 401
    title = "An API key is needed"


class KeyInvalid(ClientError):
    """What the request carries is no key of this service, or a revoked one."""

    code = "key_invalid"
    status = 401
    title = "The API key is not valid"


class KeyExpired(KeyInvalid):
    """The key's time is over."""

    code = "key_expired"
    title = "The API key has expired"


class ScopeMissing(ClientError):
    """The key may not do this.

    Attributes:
        scopes: Of which one would do.
    """

    code = "scope_missing"
    status = 403
    title = "The API key may not do this"

    def __init__(self, scopes: Iterable[str]) -> None:
        """Name the scopes."""
        self.scopes = sorted(scopes)
        names = " or ".join(f"`{scope}`" for scope in self.scopes)
        super().__init__(f"This needs a key with the scope {names}.")


class KeysNeeded(ClientError):
    """A service without keys, meant for its own machine, was reached from elsewhere."""

    code = "keys_needed"
    status = 403
    title = "The service takes no requests from elsewhere"


class AddressRefused(ClientError):
    """An address that the service is asked to call is not a public one."""

    code = "address_refused"
    status = 422
    title = "The service does not call this address"


class WebhookNotFound(ClientError):
    """No webhook has this id, or it is another tenant's."""

    code = "webhook_not_found"
    status = 404
    title = "There is no such webhook"


class DeliveryNotFound(ClientError):
    """A webhook has no delivery with this id."""

    code = "delivery_not_found"
    status = 404
    title = "There is no such delivery"


class TooManyWebhooks(ClientError):
    """The tenant has as many webhooks as it may."""

    code = "too_many_webhooks"
    status = 409
    title = "There are too many webhooks"


class TooManyRequests(ClientError):
    """The caller asks more often than it may."""

    code = "too_many_requests"
    status = 429
    title = "The caller asks too often"


class HostNotAllowed(ClientError):
    """The request is addressed to a host name that is not this service's."""

    code = "host_not_allowed"
    status = 421
    title = "The service is not known under this name"


class MethodNotAllowed(ClientError):
    """The address does not know the method."""

    code = "method_not_allowed"
    status = 405
    title = "The address does not know the method"


class NotFound(ClientError):
    """There is no such thing, or it belongs to somebody else."""

    code = "not_found"
    status = 404
    title = "There is no such thing"


class JobNotFound(NotFound):
    """No job has this id."""

    code = "job_not_found"
    title = "There is no such job"


class ItemNotFound(NotFound):
    """No item has this id."""

    code = "item_not_found"
    title = "There is no such item"


class KeyNotFound(NotFound):
    """No API key has this id."""

    code = "key_not_found"
    title = "There is no such API key"


class PictureNotReady(ClientError):
    """The picture comes from a reading that has not happened, or that failed."""

    code = "picture_not_ready"
    status = 409
    title = "The film has not been read"


class PictureFailed(ClientError):
    """Drawing the picture took too much time or memory, or ended the process that draws."""

    code = "picture_failed"
    status = 422
    title = "The picture cannot be drawn"


class FilmDropped(ClientError):
    """The film's pixels were dropped by age; its findings are kept."""

    code = "film_dropped"
    status = 410
    title = "The film is no longer kept"


class IdempotencyConflict(ClientError):
    """The idempotency key was used with another body."""

    code = "idempotency_conflict"
    status = 409
    title = "The idempotency key was used with another body"


class WrongState(ClientError):
    """The job's status does not allow what was asked."""

    code = "wrong_state"
    status = 409
    title = "The job's status does not allow this"


class SourceExpanding(WrongState):
    """The job whose films are to be read again does not have them all yet."""

    code = "source_expanding"
    title = "The job does not have all its films yet"


class NotReadAgain(WrongState):
    """The job was not made of another one."""

    code = "not_read_again"
    title = "The job does not read another one's films again"


class SourceGone(ClientError):
    """The job that another one was made of was deleted."""

    code = "source_deleted"
    status = 410
    title = "The job it was made of was deleted"


class NothingToRetry(WrongState):
    """No failed film of the job is stored."""

    code = "nothing_to_retry"
    title = "No film of the job can be read again"


class UploadNotFound(NotFound):
    """No upload has this id, or it is deleted or expired."""

    code = "upload_not_found"
    title = "There is no such upload"


class ExportNotFound(NotFound):
    """No export has this id, or it is deleted or expired."""

    code = "export_not_found"
    title = "There is no such export"


class NoSuchRange(ClientError):
    """The range that is asked for lies behind the end."""

    code = "no_such_range"
    status = 416
    title = "The file has no such range"


class UploadClosed(ClientError):
    """The upload takes no more parts, or cannot be deleted any more."""

    code = "upload_closed"
    status = 409
    title = "The upload is closed"


class UploadIncomplete(ClientError):
    """Parts of the upload are missing."""

    code = "upload_incomplete"
    status = 409
    title = "The upload is not complete"


class UploadUsed(ClientError):
    """A job was made of the upload; it cannot become another one."""

    code = "upload_used"
    status = 409
    title = "The upload is a job already"


class UploadBusy(ClientError):
    """Another request works on the upload, or on the same part of it."""

    code = "upload_busy"
    status = 409
    title = "Another request works on the upload"
    retry_after = 2


class TooManyUploads(ClientError):
    """The tenant has as many open uploads as it may have."""

    code = "too_many_uploads"
    status = 429
    title = "Too many uploads are open"
    retry_after = 60


class WrongSize(ClientError):
    """A body has another size than was said before."""

    code = "wrong_size"
    status = 422
    title = "The size is not what was announced"


class ChecksumMismatch(ClientError):
    """The bytes that came are not those that were sent."""

    code = "checksum_mismatch"
    status = 422
    title = "The checksum is another one"


class LinkExpired(ClientError):
    """The time of a signed link is over."""

    code = "link_expired"
    status = 403
    title = "The link has expired"


class LinkInvalid(ClientError):
    """A signed link was changed, or made by another service."""

    code = "link_invalid"
    status = 403
    title = "The link is not valid"


class BundleNotFound(ClientError):
    """No model bundle has this name."""

    code = "bundle_not_found"
    status = 422
    title = "There is no such model bundle"


class ModelNotFound(NotFound):
    """No model bundle has the name of the address."""

    code = "model_not_found"
    title = "There is no such model bundle"


class BundleRejected(ClientError):
    """What was sent is no model bundle, or not the one that its manifest describes."""

    code = "bundle_rejected"
    status = 422
    title = "This is no model bundle"


class BundleExists(ClientError):
    """The name and version are those of another bundle."""

    code = "bundle_exists"
    status = 409
    title = "The name and version belong to another bundle"


class BundleInUse(ClientError):
    """The bundle is the default, or open jobs are read with it, or it is built in."""

    code = "bundle_in_use"
    status = 409
    title = "The bundle is in use"


class FilmRejected(ClientError):
    """A film that intake does not take; the code of the instance says why.

    Unlike other errors the code varies by instance, because it becomes the ``error_code`` of the
    item when the film came with others.
    """

    status = 422
    title = "The film cannot be taken"

    def __init__(self, code: str, message: str) -> None:
        """Keep the code (one of `FILM_CODES`) and the message."""
        super().__init__(message)
        self.code = code  # type: ignore[misc]  # varies by instance on purpose


class PartUnavailable(LunglineError):
    """A part that the service needs does not answer; trying again later helps."""

    code = "part_unavailable"
    status = 503
    title = "A part of the service does not answer"
    retry_after = 5


class StoreUnavailable(PartUnavailable):
    """The object store does not answer, or fails."""

    code = "store_unavailable"
    title = "The object store does not answer"


class SourceUnavailable(StoreUnavailable):
    """What films are taken from cannot be read now, though the service's own store may be well."""


class DatabaseUnavailable(PartUnavailable):
    """The database does not answer, or fails."""

    code = "database_unavailable"
    title = "The database does not answer"


class BrokerUnavailable(PartUnavailable):
    """The broker does not answer; never raised at intake, which does without it."""

    code = "broker_unavailable"
    title = "The broker does not answer"


class StorageFull(PartUnavailable):
    """The disk of the object store, of the database or of the spool is nearly full."""

    code = "storage_full"
    title = "There is no room for more"
    retry_after = 60


class QuotaExceeded(LunglineError):
    """The tenant has as much as it may; later it may have more again."""

    code = "quota_exceeded"
    status = 429
    title = "The tenant has as much as it may"
    retry_after = 10


class TooManyOpenJobs(QuotaExceeded):
    """As many jobs of the tenant as may be are open."""

    code = "too_many_open_jobs"
    title = "The tenant has too many open jobs"


class TooManyOpenExports(QuotaExceeded):
    """As many exports of the tenant as may wait do."""

    code = "too_many_open_exports"
    title = "The tenant has too many open exports"


class TooManyQueuedFilms(QuotaExceeded):
    """As many films of the tenant as may wait do."""

    code = "too_many_queued_films"
    title = "Too many films of the tenant wait"


class StorageQuotaReached(QuotaExceeded):
    """The tenant has as many bytes stored as it may."""

    code = "storage_quota_reached"
    title = "The tenant has too much stored"
    retry_after = 3600


class PicturesBusy(LunglineError):
    """As many pictures are being drawn as may be."""

    code = "pictures_busy"
    status = 503
    title = "Too many pictures are being drawn"
    retry_after = 2


class TooManyStreams(LunglineError):
    """As many clients follow jobs already as the process may serve."""

    code = "too_many_streams"
    status = 503
    title = "Too many clients follow jobs"
    retry_after = 5


class ObjectNotFound(LunglineError):
    """The object store has no object under this key."""

    code = "object_not_found"
    title = "An object is missing from the store"


class ConfigurationError(LunglineError):
    """A setting is missing or contradicts another; the message names it."""

    code = "configuration_error"
    title = "A setting cannot be used"


# Why a film can be refused at intake or fail in reading, with the words for people. One list, so
# that the API, the expander, the workers and docs/errors.md agree.
FILM_CODES: dict[str, str] = {
    "empty_file": "The file has no bytes.",
    "unsupported_format": "The file is not a JPEG, PNG or DICOM picture.",
    "truncated": "The file ends before its picture does.",
    "undecodable": "The picture cannot be decoded.",
    "too_many_pixels": "The picture has more pixels than the limit allows.",
    "too_large": "The file has more bytes than the limit allows.",
    "no_pixels": "The DICOM file holds no picture.",
    "unsupported_photometric": "The DICOM picture's colour model is not a radiograph's.",
    "unsupported_transfer_syntax": "The DICOM picture's compression is not supported.",
    "too_many_frames": "The DICOM file holds more than one frame.",
    "encrypted_entry": "The archive's entry is encrypted.",
    "unsafe_name": "The archive's entry has a name that leads outside the archive.",
    "wrong_checksum": "The archive's entry does not match its own checksum.",
    "corrupt_entry": "The archive's entry cannot be unpacked.",
    "nested_archive": "The entry is an archive inside an archive.",
    "suspicious_ratio": "The entry unpacks to far more than a picture would.",
    "unsupported_compression": "The entry is packed in a way that is not supported.",
    "special_entry": "The entry is a link, a device or a sparse file, not a plain one.",
    "refused_entry": "The service may not read the film where it lies.",
    "missing_entry": "The manifest names a film that is not there.",
    "listed_twice": "The manifest names the film twice; its first line counts.",
    "manifest_line": "The manifest's line cannot be read.",
    "missing_object": "The stored film is missing from the object store.",
    "film_dropped": "The film was dropped by its age; send it again to have it read.",
    "bundle_unusable": "The job's model bundle is missing or damaged where the film was read.",
    "attempts_exhausted": "Reading the film ended its process or failed each time.",
    "internal_error": "Something failed inside the service.",
}

# Why a job as a whole can fail.
JOB_CODES: dict[str, str] = {
    "archive_unreadable": "The archive is no zip or tar, is damaged, or is cut off.",
    "prefix_unreadable": "The folder is not there, or may not be read.",
    "manifest_unreadable": "The manifest as a whole cannot be read.",
    "source_deleted": "The job whose films are read again was deleted meanwhile.",
    "archive_empty": "There is no film in it that can be read.",
    "too_many_entries": "The archive holds more entries than the limit allows.",
    "archive_too_large": "The archive unpacks to more bytes than the limit allows.",
    "suspicious_ratio": "The archive unpacks to far more than films would.",
    "storage_quota_reached": "The films are more than the tenant may have stored.",
    "overlapping_entries": "The archive's entries overlap, as only a zip bomb's do.",
    "attempts_exhausted": "Expanding the archive failed each time.",
    "internal_error": "Something failed inside the service.",
}

# Why an export can fail.
EXPORT_CODES: dict[str, str] = {
    "too_large": "The export has more bytes than the limit allows.",
    "job_changed": "The job was retried or deleted while its results were written.",
    "invalid_parameter": "The workers cannot write this format.",
    "attempts_exhausted": "Making the export failed each time.",
}
