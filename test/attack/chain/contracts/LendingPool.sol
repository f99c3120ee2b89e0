// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

interface ILent {
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

/// @title A lending pool with the reads of Aave's: whoever calls supplies and borrows, and its debt is a token's balance.
contract LendingPool {
    ILent public immutable asset;
    mapping(address => uint256) public balanceOf;
    mapping(address => uint256) public supplied;
    uint256 public immutable collateral;

    event Borrowed(address indexed who, uint256 amount);

    constructor(ILent asset_, uint256 collateral_) {
        asset = asset_;
        collateral = collateral_;
    }

    function supply(uint256 amount) external {
        asset.transferFrom(msg.sender, address(this), amount);
        supplied[msg.sender] += amount;
    }

    function withdraw(uint256 amount, address to) external {
        supplied[msg.sender] -= amount;
        asset.transfer(to, amount);
    }

    function borrow(uint256 amount, address to) external {
        balanceOf[msg.sender] += amount;
        emit Borrowed(msg.sender, amount);
        asset.transfer(to, amount);
    }

    function repay(uint256 amount) external {
        asset.transferFrom(msg.sender, address(this), amount);
        balanceOf[msg.sender] -= amount;
    }

    function getUserAccountData(address user)
        external
        view
        returns (uint256, uint256, uint256, uint256, uint256, uint256)
    {
        uint256 debt = balanceOf[user];
        return (collateral, debt, 0, 0, 0, debt == 0 ? type(uint256).max : collateral * 1e18 / debt);
    }
}
