// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "./interfaces/IERC20.sol";

/// @title What flows out of listed assets while a batch runs: no rise makes up for a fall.
/// @dev Sums stop at the largest number instead of reverting: an endless allowance is more than any limit, in each limit's own
///      words.
library Outflows {
    /// @param assets 0 is the native coin
    /// @param start balances before the batch
    /// @param last balances when they were last measured
    /// @param out what flowed out so far
    struct Ledger {
        address safe;
        address[] assets;
        uint256[] start;
        uint256[] last;
        uint256[] out;
    }

    function open(address safe, address[] memory assets) internal view returns (Ledger memory ledger) {
        uint256 count = assets.length;
        ledger = Ledger(safe, assets, new uint256[](count), new uint256[](count), new uint256[](count));
        for (uint256 i = 0; i < count; i++) {
            uint256 balance = balanceOf(safe, _asset(assets, i));
            _set(ledger.start, i, balance);
            _set(ledger.last, i, balance);
        }
    }

    /// @return one more than the index of an asset; 0: it is not listed
    function placeOf(Ledger memory ledger, address asset) internal pure returns (uint256) {
        address[] memory assets = ledger.assets;
        for (uint256 i = 0; i < assets.length; i++) if (_asset(assets, i) == asset) return i + 1;
        return 0;
    }

    /// @notice Adds every fall since the last time.
    function measure(Ledger memory ledger) internal view {
        uint256 count = ledger.assets.length;
        for (uint256 i = 0; i < count; i++) {
            (uint256 last, uint256 current) = (_get(ledger.last, i), balanceOf(ledger.safe, _asset(ledger.assets, i)));
            if (current < last) add(ledger, i, last - current);
            if (current != last) _set(ledger.last, i, current);
        }
    }

    /// @param index below the number of assets, here and below
    function add(Ledger memory ledger, uint256 index, uint256 amount) internal pure {
        unchecked {
            uint256 sum = _get(ledger.out, index) + amount;
            _set(ledger.out, index, sum < amount ? type(uint256).max : sum);
        }
    }

    /// @notice Counts value before its call, and expects the balance without it: what comes back within the call is a rise.
    function addValue(Ledger memory ledger, uint256 index, uint256 value) internal pure {
        add(ledger, index, value);
        uint256 last = _get(ledger.last, index);
        _set(ledger.last, index, last > value ? last - value : 0);
    }

    /// @dev A token without an answer of one word reverts.
    function balanceOf(address safe, address asset) internal view returns (uint256 amount) {
        if (asset == address(0)) return safe.balance;
        uint256 selector = uint32(IERC20.balanceOf.selector);
        assembly ("memory-safe") {
            mstore(0x00, selector)
            mstore(0x20, safe)
            let success := staticcall(gas(), asset, 0x1c, 0x24, 0x00, 0x20)
            if or(iszero(success), lt(returndatasize(), 0x20)) { revert(0x00, 0x00) }
            amount := mload(0x00)
        }
    }

    // Without the check of the index: every loop above ends with the list.

    function _get(uint256[] memory list, uint256 index) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(list, 0x20), shl(5, index)))
        }
    }

    function _set(uint256[] memory list, uint256 index, uint256 value) private pure {
        assembly ("memory-safe") {
            mstore(add(add(list, 0x20), shl(5, index)), value)
        }
    }

    function _asset(address[] memory list, uint256 index) private pure returns (address value) {
        assembly ("memory-safe") {
            value := mload(add(add(list, 0x20), shl(5, index)))
        }
    }
}
