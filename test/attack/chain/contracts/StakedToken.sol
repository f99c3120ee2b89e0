// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title A stand-in for stETH, by its rules: balances are shares times an index, rounded down, and the index moves by itself.
contract StakedToken {
    string public constant symbol = "STK";
    uint8 public constant decimals = 18;
    uint256 public totalShares;
    uint256 public totalPooled;
    mapping(address account => uint256) private _shares;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function sharesOf(address account) external view returns (uint256) {
        return _shares[account];
    }

    function balanceOf(address account) external view returns (uint256) {
        return totalShares == 0 ? 0 : _shares[account] * totalPooled / totalShares;
    }

    function submit(address to, uint256 amount) external {
        uint256 shares = totalShares == 0 ? amount : amount * totalShares / totalPooled;
        (_shares[to], totalShares, totalPooled) = (_shares[to] + shares, totalShares + shares, totalPooled + amount);
        emit Transfer(address(0), to, amount);
    }

    /// @notice Rewards, or a slashing: every balance moves, without an event.
    function report(uint256 pooled) external {
        totalPooled = pooled;
    }

    /// @notice What no honest token does: shares vanish without a word.
    function confiscate(address from, uint256 shares) external {
        _shares[from] -= shares;
        _shares[address(this)] += shares;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
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

    /// @dev Shares are rounded down, as stETH's are: the receiver may get a unit less than the event says.
    function _move(address from, address to, uint256 amount) private {
        uint256 shares = amount * totalShares / totalPooled;
        _shares[from] -= shares;
        _shares[to] += shares;
        emit Transfer(from, to, amount);
    }
}
