// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// Ids and small values shared by all contracts. Energy is in Wh, money in micro-rupees (1e6 = Rs 1),
/// prices in micro-rupees per kWh, time in Unix seconds, slots in floor(time / slotSeconds).

/// A metering point: a house, a roof, a battery bank, the interconnection. Equal to its frame's node id.
type MeterId is uint32;

/// A switch: one relay that the community can open or close.
type SwitchId is uint16;

/// A battery whose state of charge decides who is shed.
type BatteryId is uint16;

/// An electric vehicle of V2GExchange.
type EvId is uint32;

/// Six cumulative registers of 40 bits in Wh, lane i at bits [40 i, 40 i + 40); see RegisterLib.
type Registers is uint256;

/// A meter's holder, kind and terms in one word; see StandingLib.
type Standing is uint256;

/// What a metering point is. The kind decides how its registers enter the energy balance.
enum EntityKind {
    None,
    Consumer,
    Prosumer,
    Der,
    Battery,
    Ev,
    Grid
}

/// How consumption at a metering point is paid.
/// Community: nobody's; its energy comes from and goes to the inventory.
/// Prepaid: burned from the holder's energy tokens. Billed: in arrears by tariff.
/// OnRequest: drawn from a supply request that somebody paid for.
/// Market: slot by slot in INR, in the real-time pool; in energy units it goes to and comes from the inventory.
enum BillingMode {
    Community,
    Prepaid,
    Billed,
    OnRequest,
    Market
}

/// Sums over metering points, Wh, cumulative: eight lanes of 64 bits in two words.
/// lo: consumption, prosumer export, DER generation, charged (lane 0 lowest)
/// hi: discharged, grid import, grid export, prosumer generation
struct Flows {
    uint256 lo;
    uint256 hi;
}

/// One line of a slot's sum tree.
struct Leaf {
    MeterId meter;
    Registers registers;
    bytes32 salt;
}

/// Energy condition of a slot, from its balance.
enum Condition {
    Balanced,
    Surplus,
    Deficit
}
