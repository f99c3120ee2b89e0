// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IWarrantGuard} from "./interfaces/IWarrantGuard.sol";

/// @title Denies every module but those allowed; see IWarrantGuard.
contract WarrantGuard is IWarrantGuard {
    /// @dev Safe's IModuleGuard: checkModuleTransaction ^ checkAfterModuleExecution.
    bytes4 private constant MODULE_GUARD = 0x58401ed8;
    bytes4 private constant ERC165 = 0x01ffc9a7;

    address public immutable safe;
    /// @notice Allowed for as long as this guard stands: to stop it, the owners disable it, or set another guard.
    address public immutable warrantModule;
    mapping(address module => bool) private _isAllowed;
    address[] private _allowed;

    constructor(address safe_, address warrantModule_) {
        safe = safe_;
        warrantModule = warrantModule_;
        emit ModuleAllowed(warrantModule_, true);
    }

    /// @inheritdoc IWarrantGuard
    function allowModule(address module, bool allowed) external {
        if (msg.sender != safe) revert NotTheSafe(msg.sender);
        if (module == warrantModule) revert ModuleIsFixed(module);
        if (allowed && !_isAllowed[module]) {
            _allowed.push(module);
        } else if (!allowed && _isAllowed[module]) {
            uint256 place = 0;
            while (_allowed[place] != module) place++;
            _allowed[place] = _allowed[_allowed.length - 1];
            _allowed.pop();
        }
        _isAllowed[module] = allowed;
        emit ModuleAllowed(module, allowed);
    }

    /// @inheritdoc IWarrantGuard
    function getAllowed() external view returns (address[] memory) {
        return _allowed;
    }

    /// @inheritdoc IWarrantGuard
    function isAllowed(address module) public view returns (bool) {
        return module == warrantModule || _isAllowed[module];
    }

    /// @inheritdoc IWarrantGuard
    function checkModuleTransaction(address, uint256, bytes calldata, uint8 operation, address module)
        external
        view
        returns (bytes32)
    {
        if (!isAllowed(module)) revert ModuleDenied(module);
        if (operation != 0) revert DelegatecallDenied(module);
        return bytes32(0);
    }

    /// @inheritdoc IWarrantGuard
    function checkAfterModuleExecution(bytes32, bool) external {}

    /// @inheritdoc IWarrantGuard
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == MODULE_GUARD || interfaceId == ERC165;
    }
}
