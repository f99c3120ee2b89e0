// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title A token that takes a fee, shrinks, calls back when it moves, and knows more ways to approve than one.
contract HostileToken {
    string public constant symbol = "EVIL";
    uint8 public constant decimals = 18;
    /// @dev Of 10,000.
    uint256 public feeBps;
    uint256 private _scale = 10_000;
    mapping(address => uint256) private _shares;
    mapping(address => mapping(address => uint256)) public allowance;
    address private _hookTarget;
    bytes private _hookData;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function balanceOf(address account) public view returns (uint256) {
        return _shares[account] * _scale / 10_000;
    }

    function mint(address to, uint256 amount) external {
        _shares[to] += amount;
    }

    function setFee(uint256 bps) external {
        feeBps = bps;
    }

    /// @notice Every balance becomes `bps` of 10,000 of what it was.
    function rebase(uint256 bps) external {
        _scale = _scale * bps / 10_000;
    }

    /// @notice What is called whenever the token moves, as ERC-777's hooks are.
    function setHook(address target, bytes calldata data) external {
        (_hookTarget, _hookData) = (target, data);
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function increaseAllowance(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] += amount;
        return true;
    }

    /// @dev Its owner's own call stands for a signature.
    function permit(address owner, address spender, uint256 value, uint256, uint8, bytes32, bytes32) external {
        require(owner == msg.sender, "not the owner");
        allowance[owner][spender] = value;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        _move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
        return true;
    }

    function _move(address from, address to, uint256 amount) private {
        _shares[from] -= amount;
        _shares[to] += amount - amount * feeBps / 10_000;
        emit Transfer(from, to, amount);
        if (_hookTarget == address(0)) return;
        (bool success, bytes memory result) = _hookTarget.call(_hookData);
        if (!success) assembly {
            revert(add(result, 32), mload(result))
        }
    }
}
