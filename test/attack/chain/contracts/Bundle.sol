// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Somebody's contract: makes many calls in one transaction, and tells events that never happened.
contract Bundle {
    event Transfer(address indexed from, address indexed to, uint256 value);

    struct Step {
        address to;
        bytes data;
    }

    function run(Step[] calldata steps) external {
        for (uint256 i = 0; i < steps.length; i++) {
            (bool success, bytes memory result) = steps[i].to.call(steps[i].data);
            if (!success) {
                assembly {
                    revert(add(result, 32), mload(result))
                }
            }
        }
    }

    function pretend(address from, address to, uint256 value) external {
        emit Transfer(from, to, value);
    }
}
