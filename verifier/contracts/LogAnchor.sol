// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ILogAnchor} from "./interfaces/ILogAnchor.sol";

/// @title Anchors checkpoints and checks itself that each extends the last; see ILogAnchor.
contract LogAnchor is ILogAnchor {
    mapping(address publisher => mapping(bytes32 log => Head)) private _heads;

    /// @inheritdoc ILogAnchor
    function anchor(bytes32 log, uint64 size, bytes32 root, bytes32[] calldata proof) external {
        Head storage head = _heads[msg.sender][log];
        uint64 anchored = head.size;
        if (size <= anchored) revert NotLarger(anchored, size);
        bool consistent =
            anchored == 0 ? proof.length == 0 : _verifyConsistency(anchored, head.root, size, root, proof);
        if (!consistent) revert NotConsistent(anchored, size);
        head.size = size;
        head.blockNumber = uint64(block.number);
        head.root = root;
        emit Anchored(msg.sender, log, size, root);
    }

    /// @inheritdoc ILogAnchor
    function headOf(address publisher, bytes32 log) external view returns (Head memory) {
        return _heads[publisher][log];
    }

    /// @inheritdoc ILogAnchor
    function verifyConsistency(
        uint64 size1,
        bytes32 root1,
        uint64 size2,
        bytes32 root2,
        bytes32[] calldata proof
    ) external pure returns (bool) {
        return _verifyConsistency(size1, root1, size2, root2, proof);
    }

    /// @dev Sizes are unbounded by the proof's length: the loop ends with the proof.
    function _verifyConsistency(
        uint64 size1,
        bytes32 root1,
        uint64 size2,
        bytes32 root2,
        bytes32[] calldata proof
    ) private pure returns (bool) {
        if (size1 == 0 || size1 > size2) return false;
        if (size1 == size2) return proof.length == 0 && root1 == root2;
        if (proof.length == 0) return false;
        uint256 node = size1 - 1;
        uint256 last = size2 - 1;
        while (node & 1 == 1) {
            node >>= 1;
            last >>= 1;
        }
        // A complete subtree of size1 leaves is its own first proof element.
        uint256 next = node == 0 ? 0 : 1;
        bytes32 hash1 = node == 0 ? root1 : proof[0];
        bytes32 hash2 = hash1;
        for (; next < proof.length; ++next) {
            if (last == 0) return false;
            bytes32 sibling = proof[next];
            if (node & 1 == 1 || node == last) {
                hash1 = _hashNode(sibling, hash1);
                hash2 = _hashNode(sibling, hash2);
                while (node & 1 == 0 && node != 0) {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                hash2 = _hashNode(hash2, sibling);
            }
            node >>= 1;
            last >>= 1;
        }
        return last == 0 && hash1 == root1 && hash2 == root2;
    }

    /// @dev SHA-256(0x01 ‖ left ‖ right) (RFC 6962 §2.1), by the precompile at 0x02.
    function _hashNode(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x01), left, right));
    }
}
