"""Slither over the contracts; every finding is either fixed or answered: `make lint-contracts`.

.slither-answers.json says of each finding that stays why it is right:

    {"reentrancy-events EnergyMarket.buy": "the token is ours and calls nobody back"}

The key is the detector and the place, without line numbers, so that an answer survives an edit
elsewhere. An unanswered finding of low impact or worse fails, and so does an answer to nothing.
A `*` in the key answers several at once: "timestamp *".
"""

import json
import logging
import sys
import tomllib
from fnmatch import fnmatchcase
from inspect import isclass
from pathlib import Path
from typing import Any

from crytic_compile import CryticCompile
from crytic_compile.platform.solc_standard_json import SolcStandardJson
from slither import Slither
from slither.detectors import all_detectors
from slither.detectors.abstract_detector import DetectorClassification

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = ROOT / ".slither-answers.json"
FORGE = tomllib.loads((ROOT / "foundry.toml").read_text())["profile"]["default"]
NOT_DEPLOYED = "contracts/mocks/"
REPORTED = {
    DetectorClassification.HIGH,
    DetectorClassification.MEDIUM,
    DetectorClassification.LOW,
}


def standard_json() -> dict[str, Any]:
    """The compiler's input: every contract that is deployed, with Forge's settings."""
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "contracts").rglob("*.sol")}
    return {
        "language": "Solidity",
        "sources": {
            name: {"content": (ROOT / name).read_text(encoding="utf-8")}
            for name in sorted(sources)
            if not name.startswith(NOT_DEPLOYED)
        },
        "settings": {
            "evmVersion": FORGE["evm_version"],
            "remappings": FORGE["remappings"],
            "viaIR": FORGE.get("via_ir", False),
            # P-256 in Solidity has more on the stack than an unoptimised program may.
            "optimizer": {"enabled": FORGE["optimizer"], "runs": FORGE["optimizer_runs"]},
        },
    }


def place(finding: dict[str, Any]) -> str | None:
    """Contract.member of the first element of ours; None if all are of dependencies."""
    for element in finding["elements"]:
        if not element["source_mapping"]["filename_relative"].startswith("contracts/"):
            continue
        names = [element["name"]]
        fields = element.get("type_specific_fields", {})
        while parent := fields.get("parent"):
            if parent["type"] in ("function", "contract"):
                names.append(parent["name"])
            fields = parent.get("type_specific_fields", {})
        if element["type"] not in ("contract", "function", "variable", "event", "struct", "enum"):
            names = names[1:] or names  # an expression's own text says nothing stable
        return ".".join(reversed(names))
    return None


def findings() -> dict[str, str]:
    """Key -> what Slither says, for everything of low impact or worse."""
    logging.getLogger("Slither").setLevel(logging.ERROR)
    compiled = CryticCompile(SolcStandardJson(standard_json()), solc=str(ROOT / FORGE["solc"]))
    slither = Slither(compiled)
    for detector in vars(all_detectors).values():
        if isclass(detector) and getattr(detector, "IMPACT", None) in REPORTED:
            slither.register_detector(detector)
    found: dict[str, str] = {}
    for finding in (finding for results in slither.run_detectors() for finding in results):
        if where := place(finding):
            found[f"{finding['check']} {where}"] = f"[{finding['impact']}] {finding['description']}"
    return found


def main() -> int:
    """Print what has no answer; 0 if nothing has none."""
    answers: dict[str, str] = json.loads(ANSWERS.read_text()) if ANSWERS.exists() else {}
    found = findings()
    unanswered = {
        key: text
        for key, text in found.items()
        if not any(fnmatchcase(key, answer) for answer in answers)
    }
    stale = [answer for answer in answers if not any(fnmatchcase(key, answer) for key in found)]
    for key, text in sorted(unanswered.items()):
        print(f"{key}\n    {text.strip()}")
    for answer in stale:
        print(f"answers nothing any more: {answer}")
    print(
        f"slither: {len(found)} findings, {len(found) - len(unanswered)} answered,"
        f" {len(unanswered)} unanswered, {len(stale)} stale answers"
    )
    return 1 if unanswered or stale else 0


if __name__ == "__main__":
    sys.exit(main())
