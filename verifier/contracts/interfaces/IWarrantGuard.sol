// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Module guard of a Safe (1.5.0 and later): other modules are denied.
/// @dev A module call carries no signature, so another module could never present a verdict. The owners' own multisig
///      path does not pass a module guard and stays open: a lost verifier key never bricks the treasury.
interface IWarrantGuard {
    error NotTheSafe(address caller);
    error ModuleDenied(address module);
    error DelegatecallDenied(address module);
    /// @notice The guarded module is not on the list: the owners disable it on the Safe, or set another guard.
    error ModuleIsFixed(address module);

    event ModuleAllowed(address indexed module, bool allowed);

    /// @notice Safe only. For modules beside WarrantModule, which stays allowed.
    function allowModule(address module, bool allowed) external;

    /// @notice Every module that is allowed beside WarrantModule.
    function getAllowed() external view returns (address[] memory);

    function isAllowed(address module) external view returns (bool);

    /// @notice Called by the Safe before a module's transaction.
    function checkModuleTransaction(address to, uint256 value, bytes calldata data, uint8 operation, address module)
        external
        returns (bytes32);

    /// @notice Called by the Safe after it.
    function checkAfterModuleExecution(bytes32 txHash, bool success) external;

    function supportsInterface(bytes4 interfaceId) external view returns (bool);
}
