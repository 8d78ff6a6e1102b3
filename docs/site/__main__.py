"""`python -m docs.site`: make the manual, or say what is wrong with it."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from docs.site.links import broken_links
from docs.site.pages import copy_pages

CHECKOUT = Path(__file__).resolve().parents[2]
CONFIGURATION = "zensical.toml"


def main() -> int:
    """Make the manual; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m docs.site", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=CHECKOUT / "build" / "docs")
    parser.add_argument("--checkout", type=Path, default=CHECKOUT)
    options = parser.parse_args()
    return build(options.checkout, options.out)


def build(checkout: Path, out: Path) -> int:
    """Make the manual of a checkout at `out`/site; return the exit status."""
    copy_pages(checkout, out / "pages")
    shutil.rmtree(out / "site", ignore_errors=True)
    shutil.copyfile(checkout / "docs" / "site" / CONFIGURATION, out / CONFIGURATION)
    zensical = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    done = subprocess.run(zensical, cwd=out, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout + done.stderr.partition("Traceback")[0], file=sys.stderr, end="")
        return 1
    wrong = broken_links(out / "site")
    for line in wrong:
        print(line, file=sys.stderr)
    if not wrong:
        print(f"The manual: {out / 'site' / 'index.html'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
