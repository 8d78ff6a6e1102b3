"""The embedded stack: every part of the service on one machine, started and supervised."""

from lungline.stack.errors import DataFolderBusy, PortBusy, StackFailed
from lungline.stack.session import open_stack
from lungline.stack.signals import Interrupted
from lungline.stack.supervisor import Supervisor

__all__ = [
    "DataFolderBusy",
    "Interrupted",
    "PortBusy",
    "StackFailed",
    "Supervisor",
    "open_stack",
]
