// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title The few functions of a Safe that we call.
interface ISafe {
    /// @param operation 0: call, 1: delegatecall (never used here)
    function execTransactionFromModule(address to, uint256 value, bytes calldata data, uint8 operation)
        external
        returns (bool success);

    /// @notice The same, with what the call returned.
    function execTransactionFromModuleReturnData(address to, uint256 value, bytes calldata data, uint8 operation)
        external
        returns (bool success, bytes memory returnData);
}
