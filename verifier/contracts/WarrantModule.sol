// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC1271} from "./interfaces/IERC1271.sol";
import {IERC20} from "./interfaces/IERC20.sol";
import {ISafe} from "./interfaces/ISafe.sol";
import {IWarrantModule} from "./interfaces/IWarrantModule.sol";
import {VerdictHash} from "./VerdictHash.sol";

/// @title Executes verdicts; see IWarrantModule.
/// @dev One module serves one Safe, whose owners alone configure it. It is not upgradeable: to replace it, the owners
///      enable another module and disable this one.
contract WarrantModule is IWarrantModule {
    uint8 private constant BALANCE_CHANGE_AT_LEAST = 0;
    uint256 private constant MAX_SET = 64;

    ISafe public immutable safe;
    bytes32 public immutable domainSeparator;

    bytes32 public policyDigest;
    // One slot: each of them is read by every execution.
    address public guardian;
    bool public paused;
    uint16 public verifierThreshold;
    uint16 public approverThreshold;
    uint8 private _tokenCount;
    bool private _watchesNative;

    mapping(address => bool) public isVerifier;
    mapping(address => bool) public isApprover;
    mapping(address target => mapping(bytes4 selector => Rule)) public rules;
    mapping(address token => mapping(address spender => bool)) public standingAllowance;
    /// @notice Outflow (base units) of an asset above which a batch needs the approvers; 0: never.
    mapping(address asset => uint256) public approvalLimit;
    /// @notice The backstop: what may flow out of an asset, whatever verifiers sign. Window 0: no cap.
    mapping(address asset => Cap) public caps;

    address[] private _verifiers;
    address[] private _approvers;
    /// @dev The listed tokens, from 0; the native coin is a flag, because a slot that holds 0 costs as much to read.
    mapping(uint256 index => address) private _tokenAt;
    mapping(uint256 word => uint256) private _usedNonces;
    bool private transient _entered;

    modifier onlySafe() {
        if (msg.sender != address(safe)) revert NotTheSafe(msg.sender);
        _;
    }

    constructor(address safe_, address[] memory verifiers, uint256 threshold, bytes32 policy, address guardian_) {
        if (safe_ == address(0)) revert BadConfiguration("safe");
        safe = ISafe(safe_);
        domainSeparator = VerdictHash.domain(block.chainid, address(this));
        _setVerifiers(verifiers, threshold);
        policyDigest = policy;
        emit PolicySet(policy);
        guardian = guardian_;
        emit GuardianSet(guardian_);
    }

    /// @inheritdoc IWarrantModule
    function execute(Verdict calldata verdict, bytes[] calldata signatures, bytes[] calldata approvals) external {
        if (_entered) revert Reentered();
        _entered = true;
        _checkContext(verdict);
        _checkSigners(hashVerdict(verdict), signatures, verifierThreshold, true);
        // Without a threshold the approvers have nothing to say.
        if (approverThreshold != 0 && _needsApproval(verdict.bounds)) {
            _checkSigners(hashApproval(verdict.proposalDigest), approvals, approverThreshold, false);
        }
        _usedNonces[verdict.nonce >> 8] |= 1 << (verdict.nonce & 0xff);

        int256[] memory boundBefore = new int256[](verdict.bounds.length);
        for (uint256 i = 0; i < verdict.bounds.length; i++) {
            Bound calldata bound = verdict.bounds[i];
            if (bound.kind != BALANCE_CHANGE_AT_LEAST || bound.id != 0) revert UnknownBoundKind(i, bound.kind);
            boundBefore[i] = _balance(bound.target);
        }
        address[] memory assets = getAssets();
        int256[] memory assetBefore = new int256[](assets.length);
        // What a bound names as well is measured once: one more than the bound's index, 0 where none names it.
        uint256[] memory boundOf = new uint256[](assets.length);
        for (uint256 i = 0; i < assets.length; i++) {
            boundOf[i] = _boundOf(verdict.bounds, assets[i]);
            if (boundOf[i] == 0) assetBefore[i] = _balance(assets[i]);
        }

        _executeCalls(verdict.calls);

        for (uint256 i = 0; i < verdict.bounds.length; i++) {
            Bound calldata bound = verdict.bounds[i];
            int256 change = _balance(bound.target) - boundBefore[i];
            if (change < bound.limit) revert BoundViolated(i, bound.target, change, bound.limit);
            // From here on: what changed.
            boundBefore[i] = change;
        }
        for (uint256 i = 0; i < assets.length; i++) {
            uint256 bound = boundOf[i];
            int256 change = bound == 0 ? _balance(assets[i]) - assetBefore[i] : boundBefore[bound - 1];
            if (change >= 0) continue;
            if (bound == 0) revert UnboundAssetFell(assets[i], change);
            _spend(assets[i], uint256(-change));
        }
        _checkApprovalsLeft(verdict.calls);
        emit Executed(address(safe), verdict.nonce, verdict.proposalDigest);
        _entered = false;
    }

    // ---------------------------------------------------------------------------------------------- owners, guardian

    function setVerifiers(address[] calldata verifiers, uint256 threshold) external onlySafe {
        _setVerifiers(verifiers, threshold);
    }

    /// @notice Who may approve, and how many must; needed where an outflow exceeds its approval limit.
    function setApprovers(address[] calldata approvers, uint256 threshold) external onlySafe {
        for (uint256 i = 0; i < _approvers.length; i++) isApprover[_approvers[i]] = false;
        if (approvers.length > MAX_SET || threshold > approvers.length) revert BadConfiguration("approvers");
        _requireAscending(approvers);
        for (uint256 i = 0; i < approvers.length; i++) isApprover[approvers[i]] = true;
        _approvers = approvers;
        approverThreshold = uint16(threshold);
        emit ApproversSet(approvers, threshold);
    }

    function setApprovalLimit(address asset, uint256 outflow) external onlySafe {
        approvalLimit[asset] = outflow;
        emit ApprovalLimitSet(asset, outflow);
    }

    function setPolicy(bytes32 policy) external onlySafe {
        policyDigest = policy;
        emit PolicySet(policy);
    }

    function setGuardian(address guardian_) external onlySafe {
        guardian = guardian_;
        emit GuardianSet(guardian_);
    }

    function setRule(address target, bytes4 selector, Rule calldata rule) external onlySafe {
        if (target == address(safe) || target == address(this)) revert BadConfiguration("target");
        rules[target][selector] = rule;
        emit RuleSet(target, selector, rule);
    }

    function setStandingAllowance(address token, address spender, bool allowed) external onlySafe {
        standingAllowance[token][spender] = allowed;
        emit StandingAllowanceSet(token, spender, allowed);
    }

    /// @notice Assets that must not fall unless a bound names them; 0 is the native coin. One with a cap must stay.
    function setAssets(address[] calldata assets) external onlySafe {
        if (assets.length > MAX_SET) revert BadConfiguration("assets");
        address[] memory before = getAssets();
        bool native = false;
        uint256 count = 0;
        for (uint256 i = 0; i < assets.length; i++) {
            if (assets[i] == address(0)) native = true;
            else _tokenAt[count++] = assets[i];
        }
        _tokenCount = uint8(count);
        _watchesNative = native;
        for (uint256 i = 0; i < before.length; i++) {
            if (caps[before[i]].window != 0 && !_isListed(before[i])) revert BadConfiguration("capped asset");
        }
        emit AssetsSet(assets);
    }

    /// @inheritdoc IWarrantModule
    function setCap(address asset, uint96 amount, uint32 window) external onlySafe {
        // Only what is on the list is measured.
        if (window != 0 && !_isListed(asset)) revert BadConfiguration("asset");
        caps[asset] = Cap(amount, 0, window, uint32(block.timestamp));
        emit CapSet(asset, amount, window);
    }

    /// @inheritdoc IWarrantModule
    function pause() external {
        if (msg.sender != guardian && msg.sender != address(safe)) revert NotTheGuardian(msg.sender);
        paused = true;
        emit PauseSet(true);
    }

    /// @inheritdoc IWarrantModule
    function resume() external onlySafe {
        paused = false;
        emit PauseSet(false);
    }

    // ---------------------------------------------------------------------------------------------------------- reads

    /// @inheritdoc IWarrantModule
    function hashVerdict(Verdict calldata verdict) public view returns (bytes32) {
        return VerdictHash.typed(domainSeparator, VerdictHash.verdict(verdict));
    }

    /// @inheritdoc IWarrantModule
    function hashApproval(bytes32 proposalDigest) public view returns (bytes32) {
        return VerdictHash.typed(domainSeparator, VerdictHash.approval(address(safe), proposalDigest));
    }

    /// @inheritdoc IWarrantModule
    function isNonceUsed(uint256 nonce) public view returns (bool) {
        return _usedNonces[nonce >> 8] & (1 << (nonce & 0xff)) != 0;
    }

    function getVerifiers() external view returns (address[] memory) {
        return _verifiers;
    }

    function getApprovers() external view returns (address[] memory) {
        return _approvers;
    }

    /// @notice The native coin first, as 0, where it is listed; then the tokens.
    function getAssets() public view returns (address[] memory assets) {
        uint256 count = _tokenCount;
        uint256 first = _watchesNative ? 1 : 0;
        assets = new address[](first + count);
        for (uint256 i = 0; i < count; i++) assets[first + i] = _tokenAt[i];
    }

    // -------------------------------------------------------------------------------------------------------- internal

    function _checkContext(Verdict calldata verdict) private view {
        if (paused) revert Paused();
        if (verdict.safe != address(safe)) revert WrongSafe(verdict.safe);
        if (verdict.executor != msg.sender) revert WrongExecutor(msg.sender, verdict.executor);
        if (block.timestamp > verdict.validUntil) revert Expired(verdict.validUntil, block.timestamp);
        if (isNonceUsed(verdict.nonce)) revert NonceUsed(verdict.nonce);
        if (verdict.policyDigest != policyDigest) revert PolicyChanged(verdict.policyDigest, policyDigest);
        if (verdict.bounds.length == 0) revert NoBounds();
        if (verdict.refBlock >= block.number) revert ReferenceBlockUnknown(verdict.refBlock);
        // 256 blocks back the hash is gone; then expiry alone limits the age.
        bytes32 actual = blockhash(verdict.refBlock);
        if (actual != bytes32(0) && actual != verdict.refBlockHash) {
            revert ReferenceBlockReorged(verdict.refBlock, verdict.refBlockHash, actual);
        }
    }

    function _checkSigners(bytes32 digest, bytes[] calldata signatures, uint256 threshold, bool verifiers) private view {
        address previous = address(0);
        for (uint256 i = 0; i < signatures.length; i++) {
            address signer = _signerOf(digest, signatures[i]);
            if (signer == address(0)) revert BadSignature(i);
            // Ascending order makes signers distinct.
            if (signer <= previous) revert SignersNotAscending(previous, signer);
            if (verifiers && !isVerifier[signer]) revert NotAVerifier(signer);
            if (!verifiers && !isApprover[signer]) revert NotAnApprover(signer);
            previous = signer;
        }
        if (signatures.length < threshold) revert NotEnoughSignatures(signatures.length, threshold);
    }

    /// @dev 65 bytes: r, s, v of an account. Longer: a contract's address (20 bytes) and the bytes that it takes as its
    ///      signature (ERC-1271). 0 when the signature is none.
    function _signerOf(bytes32 digest, bytes calldata signature) private view returns (address) {
        if (signature.length <= 65) return VerdictHash.recover(digest, signature);
        address signer = address(bytes20(signature[:20]));
        (bool success, bytes memory result) =
            signer.staticcall(abi.encodeCall(IERC1271.isValidSignature, (digest, signature[20:])));
        bool valid =
            success && result.length == 32 && abi.decode(result, (bytes32)) == bytes32(IERC1271.isValidSignature.selector);
        return valid ? signer : address(0);
    }

    /// @dev A leaking bucket: it holds `amount`, and empties in `window` seconds. So no more than `amount` flows out at
    ///      once, and never more than twice that within any window.
    function _spend(address asset, uint256 outflow) private {
        Cap memory cap = caps[asset];
        if (cap.window == 0) return;
        uint256 leaked = uint256(cap.amount) * (block.timestamp - cap.updated) / cap.window;
        uint256 level = leaked >= cap.level ? 0 : cap.level - leaked;
        if (level + outflow > cap.amount) revert CapExceeded(asset, outflow, cap.amount - level);
        caps[asset] = Cap(cap.amount, uint96(level + outflow), cap.window, uint32(block.timestamp));
    }

    function _isListed(address asset) private view returns (bool) {
        if (asset == address(0)) return _watchesNative;
        uint256 count = _tokenCount;
        for (uint256 i = 0; i < count; i++) if (_tokenAt[i] == asset) return true;
        return false;
    }

    function _needsApproval(Bound[] calldata bounds) private view returns (bool) {
        for (uint256 i = 0; i < bounds.length; i++) {
            if (bounds[i].limit >= 0) continue;
            uint256 limit = approvalLimit[bounds[i].target];
            if (limit != 0 && uint256(-(bounds[i].limit + 1)) + 1 > limit) return true;
        }
        return false;
    }

    function _executeCalls(Call[] calldata calls) private {
        for (uint256 i = 0; i < calls.length; i++) {
            Call calldata call = calls[i];
            bytes4 selector = call.data.length >= 4 ? bytes4(call.data[:4]) : bytes4(0);
            Rule memory rule = rules[call.to][selector];
            // The Safe and this module are no targets even if a rule says so: a call there could change the rules.
            if (!rule.allowed || call.data.length < 4 || call.to == address(safe) || call.to == address(this)) {
                revert CallNotAllowed(i, call.to, selector);
            }
            if (rule.recipientWord != 0) {
                address recipient = address(uint160(uint256(_word(call.data, rule.recipientWord - 1))));
                if (recipient != address(safe)) revert RecipientNotSafe(i, recipient);
            }
            (bool success, bytes memory result) =
                safe.execTransactionFromModuleReturnData(call.to, call.value, call.data, 0);
            if (!success) revert CallFailed(i, result);
        }
    }

    function _checkApprovalsLeft(Call[] calldata calls) private view {
        for (uint256 i = 0; i < calls.length; i++) {
            Call calldata call = calls[i];
            if (!rules[call.to][bytes4(call.data[:4])].isApproval) continue;
            address spender = address(uint160(uint256(_word(call.data, 0))));
            if (standingAllowance[call.to][spender]) continue;
            uint256 left = IERC20(call.to).allowance(address(safe), spender);
            if (left != 0) revert ApprovalOutlivesBatch(call.to, spender, left);
        }
    }

    /// @dev One more than the index of the first bound on an asset; 0: none names it.
    function _boundOf(Bound[] calldata bounds, address asset) private pure returns (uint256) {
        for (uint256 i = 0; i < bounds.length; i++) if (bounds[i].target == asset) return i + 1;
        return 0;
    }

    function _balance(address asset) private view returns (int256) {
        uint256 balance = asset == address(0) ? address(safe).balance : IERC20(asset).balanceOf(address(safe));
        if (balance > uint256(type(int256).max)) revert BadConfiguration("balance");
        return int256(balance);
    }

    /// @dev The argument word `index` after the selector; reverts when the data is shorter.
    function _word(bytes calldata data, uint256 index) private pure returns (bytes32) {
        return bytes32(data[4 + 32 * index:36 + 32 * index]);
    }

    function _setVerifiers(address[] memory verifiers, uint256 threshold) private {
        for (uint256 i = 0; i < _verifiers.length; i++) isVerifier[_verifiers[i]] = false;
        // 2k > n: two disjoint quorums cannot exist.
        if (verifiers.length > MAX_SET || threshold > verifiers.length || 2 * threshold <= verifiers.length) {
            revert BadConfiguration("verifiers");
        }
        _requireAscending(verifiers);
        for (uint256 i = 0; i < verifiers.length; i++) isVerifier[verifiers[i]] = true;
        _verifiers = verifiers;
        verifierThreshold = uint16(threshold);
        emit VerifiersSet(verifiers, threshold);
    }

    function _requireAscending(address[] memory set) private pure {
        address previous = address(0);
        for (uint256 i = 0; i < set.length; i++) {
            if (set[i] <= previous) revert SignersNotAscending(previous, set[i]);
            previous = set[i];
        }
    }
}
