"""Check the compose file and the Dockerfiles statically: no container engine is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.executable).parent

# `docker-compose config` insists that the secrets are set; any value will do for a check.
SECRETS = ("IDENTITY_KEY", "POSTGRES_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY")
PLACEHOLDERS = dict.fromkeys(SECRETS, "x")

CHECKS = (
    ("docker-compose", "--file", "docker-compose.yml", "--profile", "*", "config", "--quiet"),
    ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"),
    ("hadolint", "--failure-threshold", "warning", "deploy/Dockerfile"),
)


def main() -> int:
    """Run each check; print what failed; return the number of failures."""
    return sum(_fails(command) for command in CHECKS)


def _fails(command: tuple[str, ...]) -> bool:
    run = subprocess.run(  # noqa: S603 - fixed commands
        [str(TOOLS / command[0]), *command[1:]],
        cwd=ROOT,
        env={**os.environ, **PLACEHOLDERS},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        print(f"{' '.join(command)}\n{run.stdout}{run.stderr}", file=sys.stderr)
    return run.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
