"""A copy of database and store that can be taken while the service runs, and put back."""

from storage.backup.manifest import BackupUnusable, Manifest
from storage.backup.restore import TargetNotEmpty, restore_backup
from storage.backup.take import take_backup

__all__ = ["BackupUnusable", "Manifest", "TargetNotEmpty", "restore_backup", "take_backup"]
