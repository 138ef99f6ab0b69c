// SPDX-License-Identifier: MIT
/* solhint-disable one-contract-per-file, avoid-low-level-calls, no-complex-fallback */
pragma solidity ^0.8.28;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {ERC1155Holder} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Holder.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

// Contracts that receive grid units or ether, well-behaved and hostile. For tests only.

/// A contract wallet that does what its owner says.
contract WalletDouble is ERC1155Holder {
    receive() external payable {}

    /// Calls `target` with `data` and the ether sent along, and hands on its revert.
    function execute(address target, bytes calldata data) external payable returns (bytes memory) {
        return Address.functionCallWithValue(target, data, msg.value);
    }
}

/// Misbehaves on receipt in the way it is told to; otherwise a wallet.
contract HostileReceiver is WalletDouble {
    enum Manner {
        Accept,
        Revert,
        BurnGas,
        ReturnBomb,
        WrongAnswer,
        ShortAnswer,
        PassOnAndRevert,
        Call
    }

    error HostileReceiver_Refused();

    Manner public manner;
    address public callTarget;
    bytes public callData;
    bool public callSucceeded;
    bytes public callAnswer;
    uint256 public received;

    function behave(Manner manner_) external {
        manner = manner_;
    }

    function behaveByCalling(address target, bytes calldata data) external {
        (manner, callTarget, callData) = (Manner.Call, target, data);
    }

    function onERC1155Received(address, address, uint256 id, uint256 value, bytes memory)
        public
        override
        returns (bytes4)
    {
        if (manner == Manner.Revert) revert HostileReceiver_Refused();
        if (manner == Manner.WrongAnswer) return 0xdeadbeef;
        if (manner == Manner.BurnGas) {
            while (true) ++received;
        }
        if (manner == Manner.ReturnBomb) {
            // 200 kB of answer: whoever copies it pays for it.
            assembly {
                revert(0, 200000)
            }
        }
        if (manner == Manner.ShortAnswer) {
            assembly {
                return(0, 3)
            }
        }
        if (manner == Manner.PassOnAndRevert) {
            IERC1155(msg.sender).safeTransferFrom(address(this), address(0xBEEF), id, value, "");
            revert HostileReceiver_Refused();
        }
        if (manner == Manner.Call) (callSucceeded, callAnswer) = callTarget.call(callData);
        ++received;
        return this.onERC1155Received.selector;
    }
}

/// Accepts units but no ether.
contract EtherRefuser is ERC1155Holder {
    function execute(address target, bytes calldata data) external payable returns (bytes memory) {
        return Address.functionCallWithValue(target, data, msg.value);
    }
}

/// Calls back when ether arrives.
contract EtherReenterer is ERC1155Holder {
    address public callTarget;
    bytes public callData;
    bool public called;
    bool public callSucceeded;
    bytes public callAnswer;

    receive() external payable {
        called = true;
        (callSucceeded, callAnswer) = callTarget.call(callData);
    }

    function arm(address target, bytes calldata data) external {
        (callTarget, callData) = (target, data);
    }

    function execute(address target, bytes calldata data) external payable returns (bytes memory) {
        return Address.functionCallWithValue(target, data, msg.value);
    }
}

/// Sends its ether where it is not wanted, past any receive function.
contract EtherForcer {
    constructor(address payable target) payable {
        selfdestruct(target);
    }
}
