// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IGridToken} from "../interfaces/IGridToken.sol";

/// @title A contract that holds grid tokens, and no others
/// @notice Units of other ERC-1155 tokens are refused, since nothing here could ever send them on.
abstract contract TokenReceiver is IERC1155Receiver {
    /// Only GridToken's units are accepted here.
    error TokenReceiver_ForeignToken(address token);
    /// Units of this id have no use here.
    error TokenReceiver_UnwantedId(uint256 id);

    IGridToken internal immutable TOKEN;

    constructor(IGridToken token) {
        TOKEN = token;
    }

    /// @inheritdoc IERC1155Receiver
    function onERC1155Received(address, address, uint256 id, uint256, bytes calldata) external view returns (bytes4) {
        _requireAccepted(id);
        return IERC1155Receiver.onERC1155Received.selector;
    }

    /// @inheritdoc IERC1155Receiver
    function onERC1155BatchReceived(address, address, uint256[] calldata ids, uint256[] calldata, bytes calldata)
        external
        view
        returns (bytes4)
    {
        for (uint256 i = 0; i < ids.length; ++i) {
            _requireAccepted(ids[i]);
        }
        return IERC1155Receiver.onERC1155BatchReceived.selector;
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC1155Receiver).interfaceId || interfaceId == type(IERC165).interfaceId;
    }

    /// Whether units of this id have a use, and a way out, here.
    function _accepts(uint256 id) internal view virtual returns (bool);

    function _requireAccepted(uint256 id) private view {
        if (msg.sender != address(TOKEN)) revert TokenReceiver_ForeignToken(msg.sender);
        if (!_accepts(id)) revert TokenReceiver_UnwantedId(id);
    }
}
