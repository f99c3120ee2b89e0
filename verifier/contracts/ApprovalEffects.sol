// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "./interfaces/IERC20.sol";
import {IERC721} from "./interfaces/IERC721.sol";
import {IPermit2} from "./interfaces/IPermit2.sol";

/// @title Which calls give a power over the Safe's assets, how much of it, and whether it still stands.
library ApprovalEffects {
    /// @dev approve(address spender, uint256) of ERC-20, and of ERC-721, whose missing allowance() then reverts.
    bytes4 private constant APPROVE = 0x095ea7b3;
    bytes4 private constant INCREASE_ALLOWANCE = 0x39509351;
    bytes4 private constant SET_APPROVAL_FOR_ALL = 0xa22cb465;
    /// @dev Permit2: approve(address token, address spender, uint160 amount, uint48 expiration).
    bytes4 private constant PERMIT2_APPROVE = 0x87517c45;

    /// @param token whose owner gives the power; zero when the call is of no known approval
    /// @param amount what the call gives; the most there is for a power over all
    /// @param overAll a power over every id of a token: it is no amount
    struct Grant {
        address token;
        address spender;
        uint256 amount;
        bool overAll;
    }

    /// @notice Selectors that no rule may allow: they carry calls that this module does not look into, or give powers that
    ///         it cannot measure.
    function isOpaque(bytes4 selector) internal pure returns (bool) {
        return selector == 0xac9650d8 // multicall(bytes[])
            || selector == 0x5ae401dc // multicall(uint256,bytes[])
            || selector == 0x1f0464d1 // multicall(bytes32,bytes[])
            || selector == 0x252dba42 // aggregate((address,bytes)[])
            || selector == 0x82ad56cb // aggregate3((address,bool,bytes)[])
            || selector == 0x174dea71 // aggregate3Value((address,bool,uint256,bytes)[])
            || selector == 0xbce38bd7 // tryAggregate(bool,(address,bytes)[])
            || selector == 0x399542e9 // tryBlockAndAggregate(bool,(address,bytes)[])
            || selector == 0xc3077fa9 // blockAndAggregate((address,bytes)[])
            || selector == 0x3593564c // execute(bytes,bytes[],uint256)
            || selector == 0x24856bc3 // execute(bytes,bytes[])
            || selector == 0xb61d27f6 // execute(address,uint256,bytes)
            || selector == 0x8d80ff0a // multiSend(bytes)
            || selector == 0xd505accf // permit of ERC-2612
            || selector == 0x8fcbaf0c // permit of DAI
            || selector == 0x7ac2ff7b // permit of ERC-721 positions
            || selector == 0x2b67b570 // permit of Permit2
            || selector == 0x2a2d80d1 // permit of Permit2, a batch
            || selector == 0xd73dd623 // increaseApproval(address,uint256)
            || selector == 0xcae9ca51 // approveAndCall(address,uint256,bytes)
            || selector == 0x3177029f // approveAndCall(address,uint256)
            || selector == 0x959b8c3f // authorizeOperator(address) of ERC-777
            || selector == 0x558a7297 // setOperator(address,bool) of ERC-6909
            || selector == 0x426a8493 // approve(address,uint256,uint256) of ERC-6909
            || selector == 0xc04a8a10 // approveDelegation(address,uint256) of Aave's debt tokens
            || selector == 0x110496e5 // allow(address,bool) of Compound
            || selector == 0xeecea000 // setAuthorization(address,bool) of Morpho
            || selector == 0xa3b22fc4; // hope(address) of Maker
    }

    /// @return grant what a call gives that is one
    function givenBy(address to, bytes calldata data) internal pure returns (Grant memory grant) {
        bytes4 selector = bytes4(data[:4]);
        if (selector == APPROVE || selector == INCREASE_ALLOWANCE) {
            return Grant(to, _address(data, 0), _uint(data, 1), false);
        }
        if (selector == SET_APPROVAL_FOR_ALL) {
            return Grant(to, _address(data, 0), _uint(data, 1) == 0 ? 0 : type(uint256).max, true);
        }
        if (selector == PERMIT2_APPROVE) {
            return Grant(_address(data, 0), _address(data, 1), uint160(_uint(data, 2)), false);
        }
    }

    function isApprove(bytes4 selector) internal pure returns (bool) {
        return selector == APPROVE;
    }

    function isGrant(bytes4 selector) internal pure returns (bool) {
        return selector == APPROVE || selector == INCREASE_ALLOWANCE || selector == SET_APPROVAL_FOR_ALL
            || selector == PERMIT2_APPROVE;
    }

    function spenderOf(bytes calldata approve) internal pure returns (address) {
        return _address(approve, 0);
    }

    /// @return how much of a call's grant still stands
    function left(address safe, address to, bytes4 selector, Grant memory grant) internal view returns (uint256) {
        if (selector == SET_APPROVAL_FOR_ALL) return IERC721(to).isApprovedForAll(safe, grant.spender) ? 1 : 0;
        if (selector == PERMIT2_APPROVE) {
            (uint160 amount,,) = IPermit2(to).allowance(safe, grant.token, grant.spender);
            return amount;
        }
        return IERC20(to).allowance(safe, grant.spender);
    }

    function _address(bytes calldata data, uint256 word) private pure returns (address) {
        return address(uint160(_uint(data, word)));
    }

    function _uint(bytes calldata data, uint256 word) private pure returns (uint256) {
        return uint256(bytes32(data[4 + 32 * word:36 + 32 * word]));
    }
}
