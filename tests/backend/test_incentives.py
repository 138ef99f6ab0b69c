"""Policy epochs and projects on a real chain: nodes that compute and sign each from the chain, the
relayer that reports and ends, and what the API tells of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from api_world import World
from books import Books
from local_chain import (
    CERTIFIER,
    OPERATOR,
    RELAYER,
    RESIDENT,
    STRANGER,
    development_account,
    send,
)
from oracle_kit import CARBON, Oracle, serve

from backend.api.errors import ApiError
from backend.api.incentive_reader import IncentiveReader
from backend.api.incentive_schemas import AccessClaim
from backend.api.slot_reader import ProofReader
from backend.chain.contracts import Contract
from backend.chain.incentive_projections import incentive_projections
from backend.oracle.attestation import Refusal
from backend.oracle.certificates import CertificateKeeper
from backend.oracle.incentives import IncentiveKeeper
from backend.oracle.policy_epoch import epoch_metrics, read_epoch
from backend.oracle.proposal import PolicyProposal, ProposalError
from backend.oracle.quorum import QuorumClient
from backend.sustainability import Parameters, target
from backend.telemetry.incentives import ProjectState

pytest_plugins = ["oracle_fixtures", "api_world"]

GRID, HOUSE, ROOF = 1, 4, 7
EPOCH_S, SLOTS_AN_EPOCH = 60, 4
RUPEE = 1_000_000
EVIDENCE = b"\x33" * 32
NO_PROOF = (0, (0, 0, bytes(32)), [], 0, (0, 0, bytes(32)), [], 0)
ALL = list(ProjectState)


class Town:
    """A house and a roof; whoever acts does so at the chain's time."""

    def __init__(self, books: Books, oracle: Oracle) -> None:
        self.books, self.oracle = books, oracle
        self.incentive = Contract(books.chain.deployment["RenewableIncentive"])
        self.reader = IncentiveReader(books.store, books.chain, ProofReader(books.store))
        options: dict[str, Any] = {"wake_sender": lambda: None, "now": books.clock}
        self.keeper = IncentiveKeeper(books.store, books.chain, oracle.client, **options)
        self.carbon = CertificateKeeper(
            books.store, books.chain, oracle.client, CARBON, **options
        )
        self.counted = dict.fromkeys((GRID, HOUSE, ROOF), 0)

    def act(self, who: int, function: str, *arguments: Any) -> None:
        send(self.books.anvil.rpc, who, self.incentive.call(function, *arguments))
        self.books.follower.catch_up()

    def live(self, house_wh: int, roof_wh: int) -> int:
        """A slot in which both draw from the main grid."""
        now = self.counted
        now[HOUSE], now[ROOF] = now[HOUSE] + house_wh, now[ROOF] + roof_wh
        now[GRID] += house_wh + roof_wh
        for meter, wh in now.items():
            self.books.read(meter, 0, wh, 0, wh, 0, 0)
        return self.books.run_slot()

    def live_an_epoch(self, house_wh: int = 10, roof_wh: int = 30) -> int:
        """Slots up to the end of a policy epoch that begins in a slot; the epoch's number."""
        epoch = int(self.books.clock.time) // EPOCH_S + 1
        while int(self.books.clock.time) < (epoch + 1) * EPOCH_S:
            self.live(house_wh, roof_wh)
        return epoch

    def report(self) -> int:
        """Lets the relayer report what is due; how many calls it wrote."""
        self.publish_carbon()
        written = self.keeper.sweep()
        self.books.to_chain()
        return written

    def publish_carbon(self) -> None:
        """An hour may have begun since the last time."""
        self.books.clock.time += 31
        while self.carbon.sweep():
            self.books.to_chain()

    def fund(self, rupees: int) -> None:
        chain = self.books.chain
        desk, token = (Contract(chain.deployment[n]) for n in ("PowerCoinDesk", "GridToken"))
        donor = development_account(OPERATOR).address
        send(self.books.anvil.rpc, OPERATOR, desk.call("buyWithEther", donor, 0), 10**18)
        call = token.call(
            "safeTransferFrom", donor, self.incentive.address, 0, rupees * RUPEE, b""
        )
        send(self.books.anvil.rpc, OPERATOR, call)

    def submit(self, rupees: int, access: tuple[Any, ...] = NO_PROOF, mark: int = 0) -> None:
        evidence = EVIDENCE[:-1] + bytes([mark])
        asked = (HOUSE, 1, rupees * RUPEE, evidence, "ipfs://papers")
        self.act(RESIDENT, "submitProject", asked, access)

    def updates(self) -> Any:
        return self.reader.updates(10).updates


@pytest.fixture
def town(books: Books, oracle: Oracle) -> Town:
    made = Town(books, oracle)
    books.hold(HOUSE, RESIDENT)
    books.hold(ROOF, STRANGER)
    made.live(0, 0)
    return made


def as_tuple(claim: AccessClaim) -> tuple[Any, ...]:
    def end(proof: Any) -> tuple[Any, ...]:
        leaf = (proof.leaf.meter, int(proof.leaf.packed, 16), bytes.fromhex(proof.leaf.salt[2:]))
        siblings = [
            tuple(bytes.fromhex(part[2:]) for part in (s.hash, s.lo, s.hi)) for s in proof.siblings
        ]
        return leaf, siblings, int(proof.path, 16)

    return (claim.policy_epoch, *end(claim.start), *end(claim.end))


def test_an_epoch_is_computed_by_every_node_and_moves_the_parameters_a_step(town: Town) -> None:
    epoch = town.live_an_epoch()
    assert town.report() == 1
    (update,) = town.updates()
    assert update.policy_epoch == epoch
    # All of it came from the main grid, evenly; the roof's house uses three times the other's.
    assert (update.rur_ppm, update.par_ppm) == (0, 1_000_000)
    hours = {s * 15 // 3600 for s in range(update.from_slot + 1, update.to_slot + 1)}
    grams = [CARBON.at(hour) for hour in hours]
    assert min(grams) * 1000 <= update.ci_mg_per_kwh <= max(grams) * 1000
    slots = update.to_slot - update.from_slot
    assert update.mean_access_wh == 20 * slots
    assert update.jain_ppm == 800_000  # (10 + 30)^2 / (2 x (10^2 + 30^2))
    start = Parameters(1_000_000, 500_000, 300_000, 300_000, 300_000, 300_000, 100_000)
    assert update.target.multiplier_ppm > 1_020_000
    assert update.applied.multiplier_ppm == start.multiplier_ppm + 20_000  # the limiter
    assert town.reader.overview().parameters == update.applied

    assert town.report() == 0  # once
    town.live_an_epoch()
    assert town.report() == 1
    newest = town.updates()[0]
    assert newest.before == update.applied
    assert {pull.goal for pull in newest.pulls} == {"rur", "ci", "par"}
    aim = 1_000_000 + sum(pull.adds_ppm for pull in newest.pulls)
    assert newest.target.multiplier_ppm == aim


def test_an_epoch_in_which_nothing_was_used_is_not_reported(town: Town) -> None:
    town.live_an_epoch(0, 0)
    assert town.report() == 0
    town.live_an_epoch(5, 5)
    assert town.report() == 1


def test_a_node_signs_only_what_its_own_books_come_to(town: Town) -> None:
    epoch = town.live_an_epoch()
    town.publish_carbon()
    chain, node = town.books.chain, town.oracle.nodes[0]
    found = read_epoch(chain, epoch, EPOCH_S)
    first, last = (town.keeper._leaves(found.numbers[end]) for end in (0, -1))
    metrics = epoch_metrics(chain, found, first, last)
    assert chain.clients.incentives is not None
    wanted = target(metrics, chain.views.ask(chain.clients.incentives.policy.parameters()))
    good = PolicyProposal(epoch, metrics, wanted, first, last)
    assert len(node.sign_policy(PolicyProposal.from_bytes(good.to_bytes()))) == 65

    cleaner = dataclasses.replace(metrics, ci_mg_per_kwh=1)
    with pytest.raises(Refusal, match="comes to"):
        node.sign_policy(dataclasses.replace(good, metrics=cleaner))
    generous = dataclasses.replace(wanted, multiplier_ppm=1_500_000)
    with pytest.raises(Refusal, match="should go to"):
        node.sign_policy(dataclasses.replace(good, target=generous))
    forged = tuple(dataclasses.replace(leaf, salt=bytes(32)) for leaf in last)
    with pytest.raises(Refusal, match="not the leaves"):
        node.sign_policy(dataclasses.replace(good, last=forged))
    with pytest.raises(Refusal, match="still to come"):
        node.sign_policy(dataclasses.replace(good, policy_epoch=epoch + 5))


def test_half_the_nodes_away_an_epoch_waits_and_is_reported_later(town: Town) -> None:
    town.live_an_epoch()
    town.publish_carbon()
    for server in town.oracle.servers[:2]:
        server.shutdown()
        server.server_close()
    assert town.report() == 0
    again = [serve(node) for node in town.oracle.nodes[:2]]
    urls = [url for _, url in again]
    town.keeper._quorum = QuorumClient(urls, development_account(RELAYER), timeout_s=2)
    assert town.report() == 1
    for server, _ in again:
        server.shutdown()


def test_a_project_from_its_proof_to_its_money(town: Town) -> None:
    town.fund(1_000)
    town.live_an_epoch()
    town.report()
    claim = town.reader.access_claim(HOUSE)
    assert claim.shortfall_ppm == 500_000  # 10 of a mean of 20
    in_force = town.reader.overview().parameters
    assert claim.boost_ppm == min(in_force.equity_cap_ppm, in_force.equity_kappa_ppm // 2)
    town.submit(100, as_tuple(claim))
    (project,) = town.reader.projects(ALL, None, 10, None, 0).projects
    assert (project.state, project.kind, project.shortfall_ppm) == ("submitted", "solar", 500_000)
    town.act(CERTIFIER, "verifyProject", 1)
    (project,) = town.reader.projects([ProjectState.VERIFIED], None, 10, None, 0).projects
    # 100 x 1.02 (after one epoch) x (1 + 0.25, with a kappa that has moved a little)
    overview = town.reader.overview()
    kappa, cap = overview.parameters.equity_kappa_ppm, overview.parameters.equity_cap_ppm
    boost = min(cap, kappa // 2)
    assert (project.multiplier_ppm, project.boost_ppm) == (1_020_000, boost)
    assert project.granted_micro_inr == 100 * 1_020_000 * (1_000_000 + boost) // 1_000_000
    assert overview.reserved_micro_inr == project.granted_micro_inr
    home = development_account(RESIDENT).address
    before = town.books.chain.views.balances(home).micro_inr
    town.act(RESIDENT, "claim", 1, home)
    after = town.books.chain.views.balances(home).micro_inr
    assert after - before == project.granted_micro_inr
    overview = town.reader.overview()
    assert overview.claimed_micro_inr == project.granted_micro_inr
    assert overview.projects == {"claimed": 1}


def test_projects_are_told_again_after_a_reorganisation(town: Town) -> None:
    town.fund(1_000)
    for mark in range(3):
        town.submit(10, mark=mark)
    town.act(CERTIFIER, "refuseProject", 1, "no photograph")
    town.act(CERTIFIER, "verifyProject", 2)
    town.act(RESIDENT, "withdrawProject", 3)
    before = town.reader.projects(ALL, None, 10, None, 0)
    assert [p.state for p in before.projects] == ["withdrawn", "verified", "refused"]
    assert before.projects[2].reason == "no photograph"
    with town.books.store.write() as connection:
        incentive_projections.roll_back(connection, 0)
    assert town.reader.projects(ALL, None, 10, None, 0) == before
    home = development_account(RESIDENT).address
    assert len(town.reader.projects(ALL, home, 2, None, 0).projects) == 2
    assert town.reader.projects(ALL, home, 2, None, 0).next_before == 2
    stranger = development_account(STRANGER).address
    assert town.reader.projects(ALL, stranger, 9, None, 0).projects == []


def test_a_project_nobody_decides_is_ended_by_the_relayer(town: Town) -> None:
    town.submit(10)
    assert town.keeper.sweep() == 0
    town.books.clock.time += 86_500
    town.books.anvil.rpc.call("anvil_setTime", hex(int(town.books.clock.time)))
    town.books.anvil.mine()
    assert town.reader.projects(ALL, None, 10, None, int(town.books.clock.time)).projects[0].overdue
    assert town.report() == 1
    (project,) = town.reader.projects(ALL, None, 10, None, 0).projects
    assert (project.state, project.overdue) == ("expired", False)


def test_measures_by_span_are_those_of_the_slots(town: Town) -> None:
    town.live_an_epoch()
    end = int(town.books.clock.time) + 60
    found = town.reader.measured(end - 3_600, end, 60)
    assert found.whole is not None
    assert found.whole.used_wh == sum(span.used_wh for span in found.spans) > 0
    assert found.whole.grid_flow_wh == found.whole.used_wh
    assert (found.whole.rur_ppm, found.whole.resilience_ppm) == (0, 0)
    assert town.reader.measured(0, 3_600, 60).whole is None


def test_a_meter_without_lines_has_no_claim(town: Town) -> None:
    with pytest.raises(ApiError) as refusal:
        town.reader.access_claim(HOUSE)
    assert refusal.value.code == "no_epoch"
    town.live_an_epoch()
    town.report()
    with pytest.raises(ApiError) as refusal:
        town.reader.access_claim(99)
    assert refusal.value.code == "unknown_leaf"


def test_bytes_that_are_no_proposal_say_where() -> None:
    with pytest.raises(ProposalError, match="header"):
        PolicyProposal.from_bytes(b"OPP1")
    with pytest.raises(ProposalError, match="OPP1"):
        PolicyProposal.from_bytes(bytes(4 + 15 * 8))
    header = b"OPP1" + bytes(15 * 8)
    with pytest.raises(ProposalError, match="cut short"):
        PolicyProposal.from_bytes(header + (1).to_bytes(4, "big"))
    with pytest.raises(ProposalError, match="number of leaves"):
        PolicyProposal.from_bytes(header)
    with pytest.raises(ProposalError, match="left over"):
        PolicyProposal.from_bytes(header + bytes(9))


def test_over_http(quiet_world: World) -> None:
    get, refused = quiet_world.get, quiet_world.refused
    assert get("/api/incentives")["parameters"]["multiplier_ppm"] == 1_000_000
    assert get("/api/incentives/projects") == {"projects": [], "next_before": None}
    assert get("/api/incentives/policy") == {"updates": []}
    assert refused("/api/incentives/measures?by=week")[0] == 400
    assert refused("/api/incentives/measures?from=9&to=3") == (400, "bad_span")
    plant = "cost_micro_inr=100000000&first_year_wh=10000&years=2&value_micro_inr_per_kwh=6000000"
    found = get(f"/api/incentives/worth?{plant}&discount_ppm=0&decline_ppm=0")
    assert (found["npv_micro_inr"], found["lcoe_micro_inr_per_kwh"]) == (20_000_000, 5_000_000)
    assert refused("/api/incentives/worth?cost_micro_inr=1")[0] == 400
    wrong = {"grant_micro_inr": 100_000_001, "decline_ppm": -1, "discount_ppm": 10**7}
    for field, figure in wrong.items():
        answer = quiet_world.client.get(f"/api/incentives/worth?{plant}&{field}={figure}")
        assert (answer.status_code, answer.get_json()["error"]["field"]) == (400, field)
    assert refused("/api/meters/4/access-claim")[0] == 401
