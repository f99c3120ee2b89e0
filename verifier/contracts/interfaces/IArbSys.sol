// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Arbitrum's own blocks, where the EVM's block number is that of Ethereum.
interface IArbSys {
    function arbBlockNumber() external view returns (uint256);
    /// @dev Reverts beyond the last 256 blocks.
    function arbBlockHash(uint256 number) external view returns (bytes32);
}
