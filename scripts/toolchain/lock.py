"""Write constraints.txt: every package that pyproject.toml needs, at one exact version.

`make lock` after a change of dependencies. Pip resolves, nothing is installed. Versions already
locked stay; to raise one, delete its line first. The lock is the same for every Python from 3.11
on but for NumPy: Ape asks for numpy<2, which has no wheels for 3.13, and works with NumPy 2, so
`make setup` installs the lock as it stands (--no-deps).
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "constraints.txt"
EXTRAS = "dev,postgres,ocpp"
PER_PYTHON = {
    "numpy": [
        'numpy==1.26.4; python_version < "3.13"',
        'numpy==2.3.5; python_version >= "3.13"',
    ]
}


def resolve(known: Path) -> dict[str, str]:
    """Name -> version of all that an install of the project would bring."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed"]
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command += ["--report", report.name, "--constraint", str(known), f"{ROOT}[{EXTRAS}]"]
        subprocess.run(command, check=True)
        installs = json.load(report)["install"]
    found = (item["metadata"] for item in installs)
    return {re.sub(r"[-_.]+", "-", m["name"]).lower(): m["version"] for m in found}


def main() -> None:
    """Resolve against the present lock and write the new one."""
    versions = resolve(LOCK)
    del versions["ohmstead"]
    lines = [
        line
        for name, version in sorted(versions.items())
        for line in PER_PYTHON.get(name, [f"{name}=={version}"])
    ]
    LOCK.write_text("\n".join(lines) + "\n")
    print(f"{len(versions)} packages locked in {LOCK.name}")


if __name__ == "__main__":
    main()
