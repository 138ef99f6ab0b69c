"""Plain sentences for the contracts' errors, for logs and API answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SENTENCES = {
    "Error": "{message}",
    "Panic": "an internal check of the contract failed (code {code})",
    "AccessManagedUnauthorized": "{caller} does not have the role this call needs",
    "EnforcedPause": "the contract is paused",
    "OracleQuorum_TooFewSignatures": "only {given} of {needed} oracle signatures are valid",
    "OracleQuorum_BadSigner": "{signer} is not a current oracle node, or signed twice",
    "QuorumPriceFeed_RoundNotNew": "price round {round} is not newer than {last}",
    "QuorumPriceFeed_TooOld": "an observation of the price, of second {observedAt}, is too old",
    "QuorumPriceFeed_FromTheFuture": "an observation of second {observedAt} is ahead of the chain",
    "QuorumPriceFeed_OutOfBounds": "a price of {median} is not within {min}..{max}",
    "MeterLedger_SlotNotNext": "slot {slot} is not newer than the last committed slot {latest}",
    "MeterLedger_WrongPrevious": "the slot counts from {given}, but {latest} was committed last",
    "MeterLedger_SlotNotOver": "slot {slot} is not over on chain before Unix second {endsAt}",
    "MeterLedger_EmptyTree": "a slot without meters cannot be committed",
    "MeterLedger_TotalsWentBack": "the total in lane {lane} is smaller than at the slot before",
    "MeterLedger_UnknownSlot": "slot {slot} is not committed",
    "MeterLedger_BadProof": "the leaf and its proof do not give the committed root",
    "MeterLedger_RegisterWentBack": "a register of meter {meter} is below what is settled already",
    "MeterLedger_UnknownMeter": "meter {meter} is not registered",
    "MeterLedger_NoInventory": "the ledger has no inventory account yet",
    "MeterLedger_BatchTooLong": "{length} meters in one settlement; at most {max}",
    "PriorityRegistry_UnknownSwitch": "switch {switchId} does not exist",
    "PriorityRegistry_BadCharge": "a state of charge of {socBps} is not within 0..10000",
    "PriorityRegistry_StaleReport": "a report of second {observedAt} is not newer than {last}",
    "PriorityRegistry_FutureReport": "a report of second {observedAt} lies in the chain's future",
    "PriorityRegistry_FutureAcknowledgement": "switch {switchId} has no command {sequence} yet",
    "SurplusAuction_WrongState": "lot {lotId} is in state {state}",
    "SurplusAuction_RevealNotOver": "bids for lot {lotId} can be revealed until {endsAt}",
    "SurplusAuction_NothingToTake": "there are no units to take now",
    "Interconnection_SlotNotOpen": "slot {slot} is not one of {from} to {until}",
    "Interconnection_AlreadyShown": "this end's reading of slot {slot} is there already",
    "Interconnection_TooEarly": "that is allowed from Unix second {allowedAt} on",
    "Interconnection_BadTerms": "the agreement's {field} is not acceptable",
    "Interconnection_NotOperator": "{party} is not the operator of its microgrid",
    "EnergyMarket_WrongState": "request {requestId} is in state {state}",
    "EnergyMarket_NotSettledYet": "request {requestId} waits until slot {needsSlot} is settled",
    "EnergyMarket_NotHeld": "meter {meter} has no holder",
    "ClearingHouse_TooLittleFree": "{account} has {freeMicroInr} micro-rupees free in the clearing"
    " house and needs {neededMicroInr}: deposit the difference",
    "ClearingHouse_InArrears": "{account} owes {arrearsMicroInr} micro-rupees: deposit them first",
    "DayAheadMarket_NotTrader": "meter {meter} is traded for by {trader}; zero means nobody, until"
    " its Market terms have begun and it has joined the pool",
    "DayAheadMarket_GateClosed": "slot {slot} has taken no orders since Unix second {closedAt}",
    "DayAheadMarket_GateOpen": "slot {slot} takes orders until Unix second {closesAt}",
    "DayAheadMarket_TooFarAhead": "slot {slot} is too far ahead; orders go up to slot {lastSlot}",
    "DayAheadMarket_BadTick": "tick {tick} is outside 1..{tickCount}",
    "DayAheadMarket_BadEnergy": "an order of {energyWh} Wh is outside {min}..{max}",
    "DayAheadMarket_TooManyOrders": "meter {meter} has {max} open orders for slot {slot} already",
    "DayAheadMarket_CrossesOwn": "at tick {tick} meter {meter} would trade with its own order at"
    " tick {ownTick} in slot {slot}",
    "DayAheadMarket_Expired": "the orders were to be placed until Unix second {deadline}",
    "DayAheadMarket_BadSignature": "not {trader}'s signature of these orders with its next nonce",
    "DayAheadMarket_NotCleared": "slot {slot} of the day-ahead market is not cleared",
    "DayAheadMarket_AlreadyCleared": "slot {slot} of the day-ahead market is cleared already",
    "RealTimePool_NotNext": "slot {slot} does not follow {through}, up to which meter {meter} is"
    " reported",
    "RealTimePool_SettleFirst": "meter {meter} changes its terms: settle it for the slot first",
    "RealTimePool_StillReporting": "members may report slot {slot} until Unix second {from}",
    "RealTimePool_NotOut": "meter {meter} cannot leave the pool yet",
    "RealTimePool_NotComplete": "{reported} of {due} members of slot {slot} are reported",
    "RealTimePool_AlreadyClosed": "slot {slot} of the pool is closed already",
    "TariffBook_NotBilled": "meter {meter} is not billed in arrears",
    "TariffBook_TooEarly": "the billing period of meter {meter} ends at Unix second {nextBillAt}",
    "TariffBook_NoTariff": "no tariff is valid at Unix second {at}",
}


def sentence(name: str, args: Mapping[str, Any]) -> str:
    """The sentence for an error; for one without, its name and values."""
    template = _SENTENCES.get(name)
    if template is not None:
        try:
            return template.format_map(args)
        except KeyError:
            pass
    return f"{name}({', '.join(f'{key}={value}' for key, value in args.items())})"
