"""Plans of deployments: what is accepted, and what a refusal says."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from backend.chain.accounts import AccountError, load_account
from scripts import development, keyfiles
from scripts.claim_codes import ClaimCode, ClaimCodes
from scripts.keyfiles import KeyFileError, account_once, keystore_once, secret_once
from scripts.new_keys import make_plan
from scripts.plan import PlanError, local_plan, read_plan
from scripts.roles import FUNCTION_ROLES, Role, RoleError, RoleHolders

SEPOLIA = 11155111


def address(number: int) -> str:
    return f"0x{number:040x}"


def holders(**changes: Any) -> RoleHolders:
    fields: dict[str, Any] = {
        "admin": address(1),
        "operator": address(2),
        "authorities": (address(3), address(4)),
        "certifier": address(5),
        "relayer": address(6),
        "pauser": address(7),
        "signers": (address(30), address(20), address(10)),
        "threshold": 2,
    }
    return RoleHolders(**{**fields, **changes})


def plan_text(**changes: str) -> str:
    lines = {
        "admin": f'"{address(1)}"',
        "operator": f'"{address(2)}"',
        "authorities": f'["{address(3)}", "{address(4)}"]',
        "certifier": f'"{address(5)}"',
        "relayer": f'"{address(6)}"',
        "pauser": f'"{address(7)}"',
        "signers": f'["{address(10)}", "{address(11)}", "{address(12)}"]',
        "signer_threshold": "2",
        **changes,
    }
    return "[roles]\n" + "\n".join(f"{key} = {value}" for key, value in lines.items() if value)


def test_signers_are_handed_over_in_the_order_the_contract_wants() -> None:
    ascending = [signer.lower() for signer in holders().signers_ascending()]
    assert ascending == [address(10), address(20), address(30)]


def test_admin_is_granted_last() -> None:
    assert holders().grants()[-1] == (Role.ADMIN, address(1))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("admin", "operator"),
        ("admin", "pauser"),
        ("operator", "certifier"),
        ("relayer", "pauser"),
    ],
)
def test_two_roles_with_one_key_are_refused(one: str, other: str) -> None:
    with pytest.raises(RoleError, match=f"{one} and {other} are the same account"):
        holders(**{one: address(99), other: address(99)})


def test_a_signer_that_is_the_admin_is_refused() -> None:
    with pytest.raises(RoleError, match=r"admin and signers\[1\]"):
        holders(signers=(address(10), address(1), address(12)))


def test_one_authority_is_too_few() -> None:
    with pytest.raises(RoleError, match="two different accounts"):
        holders(authorities=(address(3),))


@pytest.mark.parametrize(("threshold", "signers"), [(1, 3), (4, 3), (2, 4), (0, 1)])
def test_a_threshold_must_be_a_majority(threshold: int, signers: int) -> None:
    with pytest.raises(RoleError, match="more than half"):
        holders(threshold=threshold, signers=tuple(address(100 + i) for i in range(signers)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"admin": ""}, "roles.admin: Field required"),
        ({"admin": '"0x12"'}, "roles.admin: '0x12' is not an account's address"),
        ({"operator": f'"{address(0)}"'}, "roles.operator: .* is not an account's address"),
        ({"pauser": f'"{address(1)}"'}, "admin and pauser are the same account"),
        ({"signer_threshold": "1"}, "more than half"),
        ({"treasurer": f'"{address(8)}"'}, "roles.treasurer: Extra inputs are not permitted"),
    ],
)
def test_a_refused_plan_names_its_key(
    tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(plan_text(**changes))
    with pytest.raises(PlanError, match=message):
        read_plan(path, SEPOLIA)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("[parameters]\nslot_seconds = 0", "parameters.slot_seconds"),
        ('[parameters]\ntariffs = ["nowhere"]', "no tariff 'nowhere'"),
        ("[prices]\nsell_micro_inr_per_kwh = 7_000_000", "prices: must be min <= sell"),
        ("[feed]\nstart_micro_inr_per_kwh = 13_000_000", "feed: must be min <= start <= max"),
        ("[feed]\nsell_share_bps = 10_001", "feed.sell_share_bps"),
        ('[prices]\nsource = "weather"', "prices.source"),
        ("[ether_rate]\nmax_age_seconds = 16777216", "ether_rate.max_age_seconds"),
        ('[stablecoin]\naddress = "rupee"', "stablecoin.address"),
        ("[parameters", "is not TOML"),
    ],
)
def test_refused_figures_name_their_key(tmp_path: Path, extra: str, message: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(plan_text() + "\n" + extra)
    with pytest.raises(PlanError, match=message):
        read_plan(path, SEPOLIA)


def test_a_missing_plan_points_to_the_example(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"deployments/sepolia\.example\.toml"):
        read_plan(tmp_path / "none.toml", SEPOLIA)


def test_the_example_is_complete_but_for_the_addresses(tmp_path: Path) -> None:
    text = Path("deployments/sepolia.example.toml").read_text()
    number = iter(range(1, 99))
    while f'"{address(0)}"' in text:
        text = text.replace(f'"{address(0)}"', f'"{address(next(number))}"', 1)
    path = tmp_path / "sepolia.toml"
    path.write_text(text)
    assert read_plan(path, SEPOLIA).parameters.slot_seconds == 900


def test_development_keys_are_for_local_chains(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(plan_text(relayer=f'"{development.account(7).address}"'))
    assert read_plan(path, 31337).roles.relayer == development.account(7).address
    with pytest.raises(AccountError, match=r"relayer is .* development account"):
        read_plan(path, SEPOLIA)


def test_the_local_plan_keeps_roles_apart_and_acts_at_once() -> None:
    plan = local_plan([address(10), address(11), address(12)], slot_seconds=15)
    assert plan.parameters.admin_delay_seconds == 0
    assert plan.roles.holders().threshold == 2


@pytest.fixture
def quick_keystores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven keystores made to resist guessing take seconds each; these are opened at once."""
    encrypt = keyfiles.Account.encrypt

    def encrypt_weakly(key: bytes, passphrase: str) -> Any:
        return encrypt(key, passphrase, iterations=2)

    monkeypatch.setattr(keyfiles, "Account", Mock(wraps=keyfiles.Account, encrypt=encrypt_weakly))


@pytest.mark.usefixtures("quick_keystores")
def test_fresh_keys_make_a_plan_and_are_kept(tmp_path: Path) -> None:
    path, keys = tmp_path / "deployments/sepolia.toml", tmp_path / "keys"
    files = make_plan(path, keys, "correct horse")
    first = path.read_text()
    assert read_plan(path, SEPOLIA).roles.signer_threshold == 3
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    relayer = load_account(keys / "relayer.json", "correct horse")
    assert relayer.address in first
    make_plan(path, keys, "another passphrase")
    assert path.read_text() == first


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keys/salt.hex"
    made = secret_once(path, lambda: "ab" * 32)
    assert secret_once(path, lambda: "cd" * 32) == made == "ab" * 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert account_once(tmp_path / "s.json").address == account_once(tmp_path / "s.json").address


def test_a_damaged_keystore_is_named(tmp_path: Path) -> None:
    path = tmp_path / "admin.json"
    path.write_text("{}")
    with pytest.raises(KeyFileError, match=r"admin\.json"):
        keystore_once(path, "x")


def test_every_role_of_the_table_is_a_role_somebody_gets() -> None:
    used = {role for functions in FUNCTION_ROLES.values() for role in functions.values()}
    assert used <= set(Role)


# From the page's own writer: one key, one text, on both sides.
KEY = bytes(range(1, 33))
TEXT = "0410-6105-0R3G-G28A-1C60-T3GF-208H-44RM-2MB1-E60S-38DH-R78Y-3WG5-5CZN"


def test_a_code_is_read_as_it_is_written() -> None:
    for _ in range(50):
        code = ClaimCode.fresh()
        assert ClaimCode.parse(str(code)) == code
        assert ClaimCode.parse(str(code).lower().replace("-", " ").replace("0", "o")) == code


def test_a_code_is_written_as_the_page_writes_it() -> None:
    assert str(ClaimCode(KEY)) == TEXT
    assert ClaimCode.parse(TEXT).private_key == KEY


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "56 letters"),
        (TEXT[:-1], "56 letters"),
        (TEXT.replace(TEXT[:4], "041U"), "56 letters"),
        ("1" + TEXT[1:], "typing error"),
    ],
)
def test_a_mistyped_code_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClaimCode.parse(text)


def test_kept_codes_survive_and_used_ones_are_gone(tmp_path: Path) -> None:
    path, code = tmp_path / "claim-codes.json", ClaimCode.fresh()
    ClaimCodes(path).keep(4, "House C1", code)
    assert ClaimCodes(path).get(4) == code
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ClaimCodes(path).forget(4)
    assert ClaimCodes(path).get(4) is None
