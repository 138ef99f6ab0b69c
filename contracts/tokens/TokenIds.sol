// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

// Ids of GridToken, shared so that no contract asks for a constant by call.

// Rupees, in micro-rupees (1e6 = Rs 1).
uint256 constant INR = 0;
// The right to draw energy from the pool, in Wh.
uint256 constant ENERGY = 1;
// Retired environmental attributes, in grams of CO2.
uint256 constant CO2 = 2;
