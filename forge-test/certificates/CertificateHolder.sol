// SPDX-License-Identifier: MIT
/* solhint-disable avoid-low-level-calls */
pragma solidity ^0.8.28;

import {IERC721Receiver} from "@openzeppelin/contracts/token/ERC721/IERC721Receiver.sol";
import {ERC1155Holder} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Holder.sol";

/// A contract that is sent certificates and does as it is told.
contract CertificateHolder is IERC721Receiver, ERC1155Holder {
    enum Manner {
        Accept,
        Revert,
        WrongAnswer,
        ShortAnswer,
        BurnGas,
        Call
    }

    error CertificateHolder_Refused();

    Manner public manner;
    address public callTarget;
    bytes public callData;
    bool public callSucceeded;
    bytes public lastData;
    address public lastFrom;

    constructor(Manner manner_) {
        manner = manner_;
    }

    function behave(Manner manner_) external {
        manner = manner_;
    }

    function arm(address target, bytes calldata data) external {
        (callTarget, callData) = (target, data);
    }

    function onERC721Received(address, address from, uint256, bytes calldata data) external returns (bytes4) {
        if (manner == Manner.Revert) revert CertificateHolder_Refused();
        if (manner == Manner.WrongAnswer) return 0xdeadbeef;
        if (manner == Manner.ShortAnswer) {
            assembly {
                return(0, 3)
            }
        }
        if (manner == Manner.BurnGas) {
            assembly {
                invalid()
            }
        }
        if (manner == Manner.Call) (callSucceeded,) = callTarget.call(callData);
        (lastFrom, lastData) = (from, data);
        return IERC721Receiver.onERC721Received.selector;
    }
}
