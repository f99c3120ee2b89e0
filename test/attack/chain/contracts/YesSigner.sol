// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title A contract that is asked for its signature and answers something else than ERC-1271's word.
contract YesSigner {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes32) {
        return bytes32(uint256(1));
    }
}
