"""Who may do what at the broker: Mosquitto's password and ACL files from the device keys.

`python -m backend.ingest.mqtt_access --home .ohmstead --out /etc/mosquitto/ohmstead`

A node's password follows from its device key, so that nothing more needs to be provisioned; the
gateway's is OHMSTEAD_MQTT_PASSWORD. Rules of yours below the last line of the ACL, and passwords
of users who are neither nodes nor the gateway, stay when the files are written again.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from backend.ingest.keyring import KeyringError, read_keys

GATEWAY = "gateway"
YOURS = "# ---- rules of yours; what is above is written again ----"
_CONTEXT = b"ohmstead mqtt"
"""No frame begins so: a password tells nothing about any tag."""
_ITERATIONS = 101  # Mosquitto's; passwords here are 128 random bits


def password_of(key: bytes) -> str:
    """A node's password at the broker, from its device key."""
    return hmac.new(key, _CONTEXT, hashlib.sha256).hexdigest()[:32]


def password_line(user: str, password: str) -> str:
    """A line of Mosquitto's password file: PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    fields = [str(_ITERATIONS), *(base64.b64encode(part).decode() for part in (salt, digest))]
    return f"{user}:$7${'$'.join(fields)}"


def password_file(keys: Mapping[int, bytes], gateway_password: str, before: str = "") -> str:
    """The password file; `before`: what it held, of which others' lines are kept."""
    names = {str(node_id): password_of(key) for node_id, key in keys.items()}
    names[GATEWAY] = gateway_password
    lines = [password_line(user, password) for user, password in names.items()]
    kept = [line for line in before.splitlines() if line and not _is_ours(line.partition(":")[0])]
    return "\n".join([*lines, *kept]) + "\n"


def acl_file(prefix: str, home_prefix: str, before: str = "") -> str:
    """The ACL; `before`: what it held, of which the rules below the last line are kept."""
    own = before.partition(YOURS)[2].strip("\n")
    return f"""# A node speaks and hears on its own topics only, and says whether it is there.
pattern write {prefix}/node/%u/up
pattern read {prefix}/node/%u/down
pattern write {prefix}/node/%u/status
pattern read {prefix}/gateway/status

user {GATEWAY}
topic readwrite {prefix}/#
topic readwrite {home_prefix}/#

{YOURS}
{own}
"""


def _is_ours(user: str) -> bool:
    return user == GATEWAY or user.isdecimal()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _write(path: Path, text: str) -> None:
    """Whole or not at all, for the owner alone."""
    draft = path.with_name(path.name + ".draft")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


def main() -> int:
    """Writes both files; the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m backend.ingest.mqtt_access",
        description="Mosquitto's password and ACL files from the device keys.",
    )
    add = parser.add_argument
    add("--home", type=Path, required=True, help="holds keys/nodes.json")
    add("--out", type=Path, required=True, help="folder for `passwords` and `acl`")
    add("--prefix", default="ohmstead", help="OHMSTEAD_MQTT_PREFIX (default ohmstead)")
    add("--home-prefix", default="homeassistant", help="OHMSTEAD_MQTT_HOME_PREFIX")
    options = parser.parse_args()
    password = os.environ.get("OHMSTEAD_MQTT_PASSWORD")
    if not password:
        print("set OHMSTEAD_MQTT_PASSWORD to the gateway's password", file=sys.stderr)
        return 2
    try:
        found = read_keys(options.home / "keys" / "nodes.json")
        keys = {node_id: entry.key for node_id, entry in found.items()}
        options.out.mkdir(parents=True, exist_ok=True)
        passwords, acl = options.out / "passwords", options.out / "acl"
        _write(passwords, password_file(keys, password, _read(passwords)))
        _write(acl, acl_file(options.prefix, options.home_prefix, _read(acl)))
    except (KeyringError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(keys)} nodes and {GATEWAY}: {passwords}, {acl}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
