// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title The read of a lending pool (Aave v2, v3 and their kin) that a health bound needs.
interface ILendingPool {
    /// @return healthFactor 1e18 = 1; below it a position may be liquidated
    function getUserAccountData(address user)
        external
        view
        returns (uint256, uint256, uint256, uint256, uint256, uint256 healthFactor);
}
