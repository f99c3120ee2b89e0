// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

interface IToken {
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

/// @title A desk that sells one token for another at a fixed price, and can be told to misbehave.
contract Exchange {
    uint256 public hunger;

    /// @notice The next trades fail unless they are given more gas than this.
    function setHunger(uint256 gasNeeded) external {
        hunger = gasNeeded;
    }

    /// @notice Takes `amount` of `sell` from the caller and gives `out` of `buy` to `recipient`.
    function trade(address sell, address buy, uint256 amount, uint256 out, address recipient) external {
        require(gasleft() > hunger, "too little gas");
        if (amount > 0) IToken(sell).transferFrom(msg.sender, address(this), amount);
        if (out > 0) IToken(buy).transfer(recipient, out);
    }

    /// @notice Ends this contract: since Cancun only within the transaction that made it.
    function end() external {
        selfdestruct(payable(msg.sender));
    }

    receive() external payable {}
}

/// @title Makes an exchange that is gone by the end of the transaction.
contract Mirage {
    /// @return where an exchange stood while this ran
    function appear() external returns (address where) {
        Exchange exchange = new Exchange();
        where = address(exchange);
        exchange.end();
    }
}
