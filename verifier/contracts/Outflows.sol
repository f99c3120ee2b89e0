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
        for (uint256 i = 0; i < count; i++) ledger.start[i] = ledger.last[i] = balanceOf(safe, assets[i]);
    }

    /// @return one more than the index of an asset; 0: it is not listed
    function placeOf(Ledger memory ledger, address asset) internal pure returns (uint256) {
        for (uint256 i = 0; i < ledger.assets.length; i++) if (ledger.assets[i] == asset) return i + 1;
        return 0;
    }

    /// @notice Adds every fall since the last time.
    function measure(Ledger memory ledger) internal view {
        for (uint256 i = 0; i < ledger.assets.length; i++) {
            (uint256 last, uint256 current) = (ledger.last[i], balanceOf(ledger.safe, ledger.assets[i]));
            if (current < last) add(ledger, i, last - current);
            ledger.last[i] = current;
        }
    }

    function add(Ledger memory ledger, uint256 index, uint256 amount) internal pure {
        unchecked {
            uint256 sum = ledger.out[index] + amount;
            ledger.out[index] = sum < amount ? type(uint256).max : sum;
        }
    }

    /// @notice Counts value before its call, and expects the balance without it: what comes back within the call is a rise.
    function addValue(Ledger memory ledger, uint256 index, uint256 value) internal pure {
        add(ledger, index, value);
        uint256 last = ledger.last[index];
        ledger.last[index] = last > value ? last - value : 0;
    }

    function balanceOf(address safe, address asset) internal view returns (uint256) {
        return asset == address(0) ? safe.balance : IERC20(asset).balanceOf(safe);
    }
}
