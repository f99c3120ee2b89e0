// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

interface IPulled {
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

/// @title The part of Permit2 that leaves a power behind, with its interface: its bytecode is in no package.
contract Permit2 {
    struct Allowed {
        uint160 amount;
        uint48 expiration;
        uint48 nonce;
    }

    mapping(address => mapping(address => mapping(address => Allowed))) public allowance;

    function approve(address token, address spender, uint160 amount, uint48 expiration) external {
        allowance[msg.sender][token][spender] = Allowed(amount, expiration, 0);
    }

    function transferFrom(address from, address to, uint160 amount, address token) external {
        allowance[from][token][msg.sender].amount -= amount;
        IPulled(token).transferFrom(from, to, amount);
    }
}
