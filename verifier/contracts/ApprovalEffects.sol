// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "./interfaces/IERC20.sol";
import {IERC721} from "./interfaces/IERC721.sol";
import {IPermit2} from "./interfaces/IPermit2.sol";

/// @title Which calls leave a power over the Safe's assets behind, and whether it still stands.
library ApprovalEffects {
    /// @dev approve(address spender, uint256) of ERC-20, and of ERC-721, whose missing allowance() then reverts.
    bytes4 private constant APPROVE = 0x095ea7b3;
    bytes4 private constant INCREASE_ALLOWANCE = 0x39509351;
    bytes4 private constant SET_APPROVAL_FOR_ALL = 0xa22cb465;
    /// @dev Permit2: approve(address token, address spender, uint160 amount, uint48 expiration).
    bytes4 private constant PERMIT2_APPROVE = 0x87517c45;

    /// @notice Selectors that no rule may allow: they carry calls or approvals that this module does not look into.
    function isOpaque(bytes4 selector) internal pure returns (bool) {
        return selector == 0xac9650d8 // multicall(bytes[])
            || selector == 0x5ae401dc // multicall(uint256,bytes[])
            || selector == 0x1f0464d1 // multicall(bytes32,bytes[])
            || selector == 0x252dba42 // aggregate((address,bytes)[])
            || selector == 0x82ad56cb // aggregate3((address,bool,bytes)[])
            || selector == 0x174dea71 // aggregate3Value((address,bool,uint256,bytes)[])
            || selector == 0x3593564c // execute(bytes,bytes[],uint256)
            || selector == 0x24856bc3 // execute(bytes,bytes[])
            || selector == 0xb61d27f6 // execute(address,uint256,bytes)
            || selector == 0x8d80ff0a // multiSend(bytes)
            || selector == 0xd505accf // permit of ERC-2612
            || selector == 0x8fcbaf0c // permit of DAI
            || selector == 0x7ac2ff7b // permit of ERC-721 positions
            || selector == 0x2b67b570 // permit of Permit2
            || selector == 0x2a2d80d1; // permit of Permit2, a batch
    }

    /// @return token whose owner gave the power; zero when the call is of no known approval
    /// @return spender to whom
    /// @return left how much of it still stands
    function leftBy(address safe, address to, bytes calldata data)
        internal
        view
        returns (address token, address spender, uint256 left)
    {
        bytes4 selector = bytes4(data[:4]);
        if (selector == APPROVE || selector == INCREASE_ALLOWANCE) {
            spender = _address(data, 0);
            return (to, spender, IERC20(to).allowance(safe, spender));
        }
        if (selector == SET_APPROVAL_FOR_ALL) {
            spender = _address(data, 0);
            return (to, spender, IERC721(to).isApprovedForAll(safe, spender) ? 1 : 0);
        }
        if (selector == PERMIT2_APPROVE) {
            (token, spender) = (_address(data, 0), _address(data, 1));
            (uint160 amount,,) = IPermit2(to).allowance(safe, token, spender);
            return (token, spender, amount);
        }
    }

    function _address(bytes calldata data, uint256 word) private pure returns (address) {
        return address(uint160(uint256(bytes32(data[4 + 32 * word:36 + 32 * word]))));
    }
}
