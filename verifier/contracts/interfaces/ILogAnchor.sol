// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Checkpoints of logs on chain: a rollback or a fork of a log reverts.
/// @dev One head per publisher and log. Nobody owns the contract: whoever trusts a publisher reads that publisher's heads.
interface ILogAnchor {
    struct Head {
        uint64 size;
        uint64 blockNumber;
        bytes32 root;
    }

    /// @notice The new tree is not larger than the anchored one.
    error NotLarger(uint64 anchored, uint64 size);
    /// @notice The anchored tree is not shown to be a prefix of the new one.
    error NotConsistent(uint64 anchored, uint64 size);

    event Anchored(address indexed publisher, bytes32 indexed log, uint64 size, bytes32 root);

    /// @notice Anchors the tree of `size` entries with `root` as the caller's newest head of `log`.
    /// @param log SHA-256 of the log's verification key, as its text.
    /// @param proof RFC 6962 §2.1.2 consistency proof from the caller's last head; empty for the first.
    function anchor(bytes32 log, uint64 size, bytes32 root, bytes32[] calldata proof) external;

    /// @notice The newest head that `publisher` anchored; size 0 when there is none.
    function headOf(address publisher, bytes32 log) external view returns (Head memory);

    /// @notice Whether `proof` shows the tree of `size1` with `root1` to be a prefix of that of `size2` with `root2`
    ///         (RFC 9162 §2.1.4.2). From an empty tree nothing can be shown: false.
    function verifyConsistency(
        uint64 size1,
        bytes32 root1,
        uint64 size2,
        bytes32 root2,
        bytes32[] calldata proof
    ) external pure returns (bool);
}
