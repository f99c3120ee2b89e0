// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title The two reads of ERC-20 that bounds and approval checks need.
interface IERC20 {
    function balanceOf(address account) external view returns (uint256);
    function allowance(address owner, address spender) external view returns (uint256);
}
