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

    /// @notice What approvers signed: Approval(safe, calls, bounds, nonce, validUntil), of exactly this verdict's calls,
    ///         bounds and nonce. It is used up with the nonce.
    /// @param validUntil last second (block time) at which the approvals count; the approvers sign it
    /// @param signatures ascending by signer, in the form of the verifiers' signatures
    struct Approvals {
        uint64 validUntil;
        bytes[] signatures;
    }

    /// @param allowed whether the module may call it
    /// @param recipientWord which argument word names a recipient and must be the Safe, or a payee of the owners' list;
    ///        0: none, n: word n - 1
    /// @param amountWord which argument word counts, in full, as outflow of the target itself, which must then be a listed
    ///        asset (the liquidity that `decreaseLiquidity` takes out of a position); 0: none, n: word n - 1
    /// @param maxValue most wei that one call may carry
    struct Rule {
        bool allowed;
        uint8 recipientWord;
        uint8 amountWord;
        uint128 maxValue;
    }

    /// @notice A leaking bucket: at most `amount` fits in at once, and at most twice that in any `window`.
    /// @param amount base units
    /// @param level what was in it at `updated`; all of it leaks away within `window`
    /// @param window seconds; 0: there is no limit
    /// @param updated block time, seconds
    struct Bucket {
        uint96 amount;
        uint96 level;
        uint32 window;
        uint32 updated;
    }

    struct RuleEntry {
        address target;
        bytes4 selector;
        Rule rule;
    }

    /// @param level see setSpender
    struct SpenderEntry {
        address token;
        address spender;
        uint8 level;
    }

    /// @param asset 0 is the native coin
    /// @param cap what may flow out, whatever is signed
    /// @param approval what may flow out without approvers
    /// @param verifier what may flow out signed by fewer than `verifiers`
    struct AssetLimits {
        address asset;
        Bucket cap;
        Bucket approval;
        Bucket verifier;
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
    error ValueNotAllowed(uint256 index, uint256 value, uint256 most);
    error AmountOfUnlistedTarget(uint256 index, address target);
    error SpenderNotListed(address token, address spender);
    error CallFailed(uint256 index, bytes reason);
    error NoBounds();
    error UnknownBoundKind(uint256 index, uint8 kind);
    error BoundViolated(uint256 index, address target, int256 change, int256 limit);
    error UnboundAssetFell(address asset, int256 change);
    error CapExceeded(address asset, uint256 outflow, uint256 left);
    error ApprovalNeeded(address asset, uint256 outflow, uint256 left);
    error ApprovalExpired(uint64 validUntil, uint256 nowSeconds);
    error VerifiersNeeded(address asset, uint256 outflow, uint256 left, uint256 verifiers);
    error BadConfiguration(string what);
    error Reentered();

    event Executed(address indexed safe, uint256 indexed nonce, bytes32 indexed proposalDigest);
    event VerifiersSet(address[] verifiers, uint256 threshold);
    event ApproversSet(address[] approvers, uint256 threshold);
    event ApprovalLimitSet(address indexed asset, uint96 amount, uint32 window);
    event VerifierLimitSet(address indexed asset, uint96 amount, uint32 window, uint16 verifiers);
    event PolicySet(bytes32 policyDigest);
    event GuardianSet(address guardian);
    event RuleSet(address indexed target, bytes4 indexed selector, Rule rule);
    event PayeeSet(address indexed account, bool allowed);
    event SpenderSet(address indexed token, address indexed spender, uint8 level);
    event AssetsSet(address[] assets);
    event CapSet(address indexed asset, uint96 amount, uint32 window);
    event PauseSet(bool paused);

    /// @notice Executes the calls of a verdict through the Safe, then checks every bound, and what flowed out.
    /// @dev The outflow of a listed asset is the sum of its falls after each call (no rise makes up for a fall), and every
    ///      allowance that the batch grants to a spender whom the owners do not list, in full; of the native coin at least
    ///      the value that calls carry.
    /// @param signatures EIP-712 signatures of verifiers, ascending by signer: 65 bytes of an account, or a contract's
    ///        address and its ERC-1271 signature (which must be longer than 45 bytes)
    /// @param approvals no signatures where nobody approved
    function execute(Verdict calldata verdict, bytes[] calldata signatures, Approvals calldata approvals) external;

    /// @notice The EIP-712 digest that verifiers sign.
    function hashVerdict(Verdict calldata verdict) external view returns (bytes32);

    /// @notice The EIP-712 digest that approvers sign.
    function hashApproval(Call[] calldata calls, Bound[] calldata bounds, uint256 nonce, uint64 validUntil)
        external
        view
        returns (bytes32);

    function isNonceUsed(uint256 nonce) external view returns (bool);

    /// @notice Caps what may flow out of a listed asset whatever is signed. Starts empty. Safe only.
    /// @param window seconds; 0: no cap
    function setCap(address asset, uint96 amount, uint32 window) external;

    /// @notice What may flow out of a listed asset without approvers, in a bucket of its own. Starts empty. Safe only.
    /// @param amount 0: every outflow needs them
    /// @param window seconds; 0: no limit
    function setApprovalLimit(address asset, uint96 amount, uint32 window) external;

    /// @notice What may flow out of a listed asset signed by fewer than `verifiers`, in a bucket of its own. Starts empty.
    ///         Safe only.
    /// @param window seconds; 0: no limit
    function setVerifierLimit(address asset, uint96 amount, uint32 window, uint16 verifiers) external;

    /// @notice Who may be given allowances of a token. List only contracts that take from nobody but their caller: through
    ///         others, strangers could take. Safe only.
    /// @param level 0: nobody: what is granted counts as outflow in full, and of a token that is no listed asset nothing may
    ///        be granted. 1: within a batch, without counting; `approve` of a listed asset then needs no rule. 2: an allowance
    ///        may also outlive the batch.
    function setSpender(address token, address spender, uint8 level) external;

    /// @notice Every rule, in no order.
    function getRules() external view returns (RuleEntry[] memory);

    function getPayees() external view returns (address[] memory);

    function getSpenders() external view returns (SpenderEntry[] memory);

    /// @notice The limits of every listed asset, in the list's order.
    function getLimits() external view returns (AssetLimits[] memory);

    /// @notice Stops all execution. Guardian or Safe.
    function pause() external;

    /// @notice Safe only.
    function resume() external;
}
