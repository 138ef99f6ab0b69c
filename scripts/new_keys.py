"""Fresh keys for every role of a deployment, and the plan that names them."""

from __future__ import annotations

from pathlib import Path

from scripts.keyfiles import account_once, keystore_once

PEOPLE = ("admin", "operator", "authority-1", "authority-2", "certifier", "pauser")
SIGNERS = 4


def make_plan(plan: Path, keys: Path, passphrase: str) -> list[Path]:
    """Writes `plan` with a key of its own for every role.

    People's keys and the relayer's become keystores that `passphrase` opens; the signers' are plain
    files that only the owner can read, as a server must use them without a person. Keys that exist
    already are used, so an interrupted call goes on.

    Returns:
        The key files.
    """
    stores = {name: keys / f"{name}.json" for name in (*PEOPLE, "relayer")}
    address = {name: keystore_once(path, passphrase) for name, path in stores.items()}
    signer_files = [keys / f"signer-{index}.json" for index in range(SIGNERS)]
    signers = [str(account_once(path).address) for path in signer_files]
    authorities = [address["authority-1"], address["authority-2"]]
    lines = [
        "[roles]",
        *(f'{role} = "{address[role]}"' for role in ("admin", "operator", "certifier", "relayer")),
        f'pauser = "{address["pauser"]}"',
        f"authorities = {_array(authorities)}",
        f"signers = {_array(signers)}",
        f"signer_threshold = {len(signers) // 2 + 1}",
    ]
    plan.parent.mkdir(parents=True, exist_ok=True)
    draft = plan.with_suffix(".draft")
    draft.write_text("\n".join(lines) + "\n")
    draft.replace(plan)
    return [*stores.values(), *signer_files]


def _array(addresses: list[str]) -> str:
    return "[" + ", ".join(f'"{address}"' for address in addresses) + "]"
