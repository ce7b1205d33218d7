"""`make bench`, or `python -m tests.benchmarks [names…]`: run benchmarks, print their tables.

Each runs in a process of its own, so that none finds the memory, the settings or the caches of
another. Without names all run, one after another; the status is 1 when one of them failed.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PREFIX = "bench_"


def names() -> list[str]:
    """Return the benchmarks, by file name."""
    return sorted(path.stem.removeprefix(PREFIX) for path in HERE.glob(f"{PREFIX}*.py"))


def run(name: str) -> bool:
    """Run one in a new process; return whether it ended well."""
    began = time.monotonic()
    code = f"from tests.benchmarks.{PREFIX}{name} import main; raise SystemExit(main())"
    done = subprocess.run([sys.executable, "-c", code], cwd=HERE.parents[1], check=False)
    how = "done" if done.returncode == 0 else f"FAILED, status {done.returncode}"
    print(f"  {name}: {how} in {time.monotonic() - began:.0f} s", flush=True)
    return done.returncode == 0


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of: {' '.join(names())}")
    asked = [name.removeprefix(PREFIX) for name in parser.parse_args().names] or names()
    if unknown := set(asked) - set(names()):
        known = " ".join(names())
        parser.error(f"no such benchmark: {' '.join(sorted(unknown))}; there are {known}")
    failed = [name for name in asked if not run(name)]  # one that fails does not stop the others
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
