// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IWarrantModule} from "./interfaces/IWarrantModule.sol";

/// @title Leaking buckets: one holds `amount`, and a full one empties in `window` seconds. So no more than `amount` flows out
///        at once, and never more than twice that within any window.
library Buckets {
    /// @notice Puts `outflow` into the bucket of an asset, unless it does not fit.
    /// @return fits whether it did; true where there is no limit
    /// @return left what still fitted in before
    function put(mapping(address => IWarrantModule.Bucket) storage buckets, address asset, uint256 outflow)
        internal
        returns (bool fits, uint256 left)
    {
        IWarrantModule.Bucket memory bucket = buckets[asset];
        if (bucket.window == 0) return (true, type(uint256).max);
        // Rounded down, against whoever wants to take out more.
        uint256 leaked = uint256(bucket.amount) * (block.timestamp - bucket.updated) / bucket.window;
        uint256 level = leaked >= bucket.level ? 0 : bucket.level - leaked;
        left = bucket.amount - level;
        if (outflow > left) return (false, left);
        bucket.level = uint96(level + outflow);
        bucket.updated = uint32(block.timestamp);
        buckets[asset] = bucket;
        return (true, left);
    }

    /// @notice An empty bucket.
    function empty(uint96 amount, uint32 window) internal view returns (IWarrantModule.Bucket memory) {
        return IWarrantModule.Bucket(amount, 0, window, uint32(block.timestamp));
    }
}
