// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManager as OpenZeppelinAccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title Every role of the community
/// @notice OpenZeppelin's AccessManager as it is; compiled here so that it is deployed and verified with the rest.
contract AccessManager is OpenZeppelinAccessManager {
    /// @param initialAdmin the deployer, who hands every role over and keeps none
    constructor(address initialAdmin) OpenZeppelinAccessManager(initialAdmin) {}
}
