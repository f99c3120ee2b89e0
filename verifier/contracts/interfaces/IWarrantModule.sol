// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title The agents' only path to a Safe: no verdict, no transaction.
interface IWarrantModule {
    /// @param to target; never the Safe or this module
    /// @param value wei
    /// @param data selector and arguments, at least four bytes
    struct Call {
        address to;
        uint256 value;
        bytes data;
    }

    /// @param kind 0: balance change of `target` (token, or 0 for the native coin) at least `limit`, in base units.
    ///        1: balance of the debt token `target` at most `limit`, in base units.
    ///        2: the Safe owns `id` of the ERC-721 `target`; `limit` says nothing.
    ///        3: health factor of the Safe in the lending pool `target` (Aave's getUserAccountData) at least `limit`, 1e18 = 1.
    ///        Any other kind reverts.
    /// @param id 0 for all kinds but 2
    struct Bound {
        uint8 kind;
        address target;
        uint256 id;
        int256 limit;
    }

    /// @param validUntil last second (block time) at which this may execute
    struct Verdict {
        address safe;
        uint256 nonce;
        Call[] calls;
        Bound[] bounds;
        bytes32 proposalDigest;
        bytes32 policyDigest;
        address executor;
        uint64 refBlock;
        bytes32 refBlockHash;
        uint64 validUntil;
    }

    /// @param allowed whether the module may call it
    /// @param recipientWord which argument word names a recipient and must be the Safe, or a payee of the owners' list;
    ///        0: none, n: word n - 1
    struct Rule {
        bool allowed;
        uint8 recipientWord;
    }

    /// @param amount most that may flow out at once, in base units
    /// @param level what counts as flowed out at `updated`; it leaks away within `window`
    /// @param window seconds; 0: no cap
    /// @param updated block time, seconds
    struct Cap {
        uint96 amount;
        uint96 level;
        uint32 window;
        uint32 updated;
    }

    /// @param above outflow in base units
    /// @param verifiers how many must have signed above it; 0: the threshold is enough
    struct VerifierLimit {
        uint128 above;
        uint16 verifiers;
    }

    error NotTheSafe(address caller);
    error NotTheGuardian(address caller);
    error WrongSafe(address safe);
    error WrongExecutor(address caller, address executor);
    error Paused();
    error Expired(uint64 validUntil, uint256 nowSeconds);
    error NonceUsed(uint256 nonce);
    error PolicyChanged(bytes32 signed, bytes32 current);
    error ReferenceBlockUnknown(uint64 refBlock);
    error ReferenceBlockReorged(uint64 refBlock, bytes32 signed, bytes32 actual);
    error NotEnoughSignatures(uint256 valid, uint256 needed);
    error NotAVerifier(address signer);
    error NotAnApprover(address signer);
    error SignersNotAscending(address previous, address next);
    error BadSignature(uint256 index);
    error CallNotAllowed(uint256 index, address target, bytes4 selector);
    error RecipientNotSafe(uint256 index, address recipient);
    error ApprovalOutlivesBatch(address token, address spender, uint256 allowance);
    error CallFailed(uint256 index, bytes reason);
    error NoBounds();
    error UnknownBoundKind(uint256 index, uint8 kind);
    error BoundViolated(uint256 index, address target, int256 change, int256 limit);
    error UnboundAssetFell(address asset, int256 change);
    error CapExceeded(address asset, uint256 outflow, uint256 left);
    error BadConfiguration(string what);
    error Reentered();

    event Executed(address indexed safe, uint256 indexed nonce, bytes32 indexed proposalDigest);
    event VerifiersSet(address[] verifiers, uint256 threshold);
    event ApproversSet(address[] approvers, uint256 threshold);
    event ApprovalLimitSet(address indexed asset, uint256 outflow);
    event VerifierLimitSet(address indexed asset, uint128 outflow, uint16 verifiers);
    event PolicySet(bytes32 policyDigest);
    event GuardianSet(address guardian);
    event RuleSet(address indexed target, bytes4 indexed selector, Rule rule);
    event PayeeSet(address indexed account, bool allowed);
    event StandingAllowanceSet(address indexed token, address indexed spender, bool allowed);
    event AssetsSet(address[] assets);
    event CapSet(address indexed asset, uint96 amount, uint32 window);
    event PauseSet(bool paused);

    /// @notice Executes the calls of a verdict through the Safe, then checks every bound.
    /// @param signatures EIP-712 signatures of verifiers, ascending by signer: 65 bytes of an account, or a contract's
    ///        address and its ERC-1271 signature (which must be longer than 45 bytes)
    /// @param approvals EIP-712 signatures of approvers over Approval(safe, proposalDigest), ascending by signer
    function execute(Verdict calldata verdict, bytes[] calldata signatures, bytes[] calldata approvals) external;

    /// @notice The EIP-712 digest that verifiers sign.
    function hashVerdict(Verdict calldata verdict) external view returns (bytes32);

    /// @notice The EIP-712 digest that approvers sign.
    function hashApproval(bytes32 proposalDigest) external view returns (bytes32);

    function isNonceUsed(uint256 nonce) external view returns (bool);

    /// @notice Caps what may flow out of a listed asset whatever verifiers sign: at most `amount` at once, at most twice
    ///         that within any `window` seconds. Starts empty. Safe only.
    function setCap(address asset, uint96 amount, uint32 window) external;

    /// @notice Stops all execution. Guardian or Safe.
    function pause() external;

    /// @notice Safe only.
    function resume() external;
}
