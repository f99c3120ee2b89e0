// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

interface ITaken {
    function transferFrom(address from, address to, uint256 amount) external;
}

interface ITakenThrough {
    function transferFrom(address from, address to, uint160 amount, address token) external;
}

/// @title A stranger's contract that takes what it was allowed to, when it is called.
contract Taker {
    /// @param what an amount of a token, or the id of one
    function take(address token, address from, address to, uint256 what) external {
        ITaken(token).transferFrom(from, to, what);
    }

    function takeThrough(address permit2, address token, address from, address to, uint160 amount) external {
        ITakenThrough(permit2).transferFrom(from, to, amount, token);
    }
}
