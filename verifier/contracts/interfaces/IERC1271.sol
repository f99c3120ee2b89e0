// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Signatures of contracts (ERC-1271).
interface IERC1271 {
    /// @return the selector of this function when the signature is valid
    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4);
}
