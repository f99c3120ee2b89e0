// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title A contract that answers as it was taught and does as it is told: any token, pool or signer, at its worst.
/// @dev Anybody may teach it. What nobody taught it is taken, and told by an event; a read of that reverts.
contract Puppet {
    struct Step {
        address to;
        uint256 value;
        bytes data;
    }

    struct Answer {
        bool taught;
        bool reverts;
        bytes data;
    }

    mapping(bytes32 call => Answer) private _answers;
    /// @dev Steps, encoded.
    mapping(bytes32 call => bytes) private _acts;

    event Called(address sender, uint256 value, bytes data);

    /// @notice From now on this very calldata is answered by `answer`, or reverted with it.
    function teach(bytes calldata call, bool reverts, bytes calldata answer) external {
        _answers[keccak256(call)] = Answer(true, reverts, answer);
    }

    /// @notice From now on this very calldata makes it take these steps, before it answers.
    function teachSteps(bytes calldata call, Step[] calldata steps) external {
        _acts[keccak256(call)] = abi.encode(steps);
    }

    /// @notice Makes calls of its own. The two words before them may name recipients.
    function act(uint256, uint256, Step[] calldata steps) external payable {
        _run(steps);
    }

    /// @dev Another selector for the same.
    function perform(Step[] calldata steps) external payable {
        _run(steps);
    }

    function _run(Step[] memory steps) private {
        for (uint256 i = 0; i < steps.length; i++) {
            (bool success, bytes memory result) = steps[i].to.call{value: steps[i].value}(steps[i].data);
            if (!success) assembly {
                revert(add(result, 32), mload(result))
            }
        }
    }

    receive() external payable {}

    fallback(bytes calldata data) external payable returns (bytes memory) {
        Answer memory answer = _answers[keccak256(data)];
        bytes memory result = answer.data;
        if (answer.reverts) assembly {
            revert(add(result, 32), mload(result))
        }
        bytes memory acts = _acts[keccak256(data)];
        if (acts.length != 0) _run(abi.decode(acts, (Step[])));
        if (!answer.taught) emit Called(msg.sender, msg.value, data);
        return result;
    }
}
