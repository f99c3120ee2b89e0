// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ApprovalEffects} from "./ApprovalEffects.sol";
import {IERC1271} from "./interfaces/IERC1271.sol";
import {IERC20} from "./interfaces/IERC20.sol";
import {IERC721} from "./interfaces/IERC721.sol";
import {ILendingPool} from "./interfaces/ILendingPool.sol";
import {ISafe} from "./interfaces/ISafe.sol";
import {IWarrantModule} from "./interfaces/IWarrantModule.sol";
import {OwnersTerms} from "./OwnersTerms.sol";
import {VerdictHash} from "./VerdictHash.sol";

/// @title Executes verdicts; see IWarrantModule.
/// @dev One module serves one Safe, whose owners alone configure it. It is not upgradeable: to replace it, the owners
///      enable another module and disable this one.
contract WarrantModule is IWarrantModule {
    uint8 private constant BALANCE_CHANGE_AT_LEAST = 0;
    uint8 private constant DEBT_AT_MOST = 1;
    uint8 private constant ERC721_OWNED = 2;
    uint8 private constant HEALTH_FACTOR_AT_LEAST = 3;
    uint256 private constant MAX_SET = 64;

    ISafe public immutable safe;
    bytes32 public immutable domainSeparator;

    // One slot: each of them is read by every execution.
    address private _terms;
    bool public paused;
    uint16 public verifierThreshold;
    uint16 public approverThreshold;
    bool public limitsVerifiers;

    address public guardian;
    mapping(address => bool) public isApprover;
    /// @notice Accounts beside the Safe that a recipient word may name.
    mapping(address account => bool) public isPayee;
    mapping(address target => mapping(bytes4 selector => Rule)) public rules;
    mapping(address token => mapping(address spender => bool)) public standingAllowance;
    /// @notice Outflow (base units) of an asset above which a batch needs the approvers; 0: never.
    mapping(address asset => uint256) public approvalLimit;
    /// @notice Outflow (base units) of an asset above which a batch needs more verifiers than the threshold.
    mapping(address asset => VerifierLimit) public verifierLimits;
    /// @notice The backstop: what may flow out of an asset, whatever verifiers sign. Window 0: no cap.
    mapping(address asset => Cap) public caps;

    address[] private _approvers;
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
        _checkVerifiers(verifiers, threshold);
        _terms = OwnersTerms.store(OwnersTerms.Terms(new address[](0), verifiers, policy));
        verifierThreshold = uint16(threshold);
        emit VerifiersSet(verifiers, threshold);
        emit PolicySet(policy);
        guardian = guardian_;
        emit GuardianSet(guardian_);
    }

    /// @inheritdoc IWarrantModule
    function execute(Verdict calldata verdict, bytes[] calldata signatures, bytes[] calldata approvals) external {
        if (_entered) revert Reentered();
        _entered = true;
        OwnersTerms.Terms memory terms = OwnersTerms.load(_terms);
        _checkContext(verdict, terms.policyDigest);
        _checkVerdict(hashVerdict(verdict), signatures, terms.verifiers);
        // Without a threshold the approvers have nothing to say.
        if (limitsVerifiers) _checkVerifierLimits(verdict.bounds, signatures.length);
        if (approverThreshold != 0 && _needsApproval(verdict.bounds)) _checkApprovals(verdict.proposalDigest, approvals);
        _usedNonces[verdict.nonce >> 8] |= 1 << (verdict.nonce & 0xff);

        int256[] memory boundBefore = new int256[](verdict.bounds.length);
        for (uint256 i = 0; i < verdict.bounds.length; i++) boundBefore[i] = _startOf(i, verdict.bounds[i]);
        address[] memory assets = terms.assets;
        int256[] memory assetBefore = new int256[](assets.length);
        // What a bound names as well is measured once: one more than the bound's index, 0 where none names it.
        uint256[] memory boundOf = new uint256[](assets.length);
        for (uint256 i = 0; i < assets.length; i++) {
            boundOf[i] = _boundOf(verdict.bounds, assets[i]);
            if (boundOf[i] == 0) assetBefore[i] = _balance(assets[i]);
        }

        _executeCalls(verdict.calls);

        for (uint256 i = 0; i < verdict.bounds.length; i++) {
            // From here on: what changed.
            boundBefore[i] = _checkBound(i, verdict.bounds[i], boundBefore[i]);
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
        _checkVerifiers(verifiers, threshold);
        OwnersTerms.Terms memory terms = OwnersTerms.load(_terms);
        terms.verifiers = verifiers;
        _terms = OwnersTerms.store(terms);
        verifierThreshold = uint16(threshold);
        emit VerifiersSet(verifiers, threshold);
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

    /// @param verifiers how many must have signed above `outflow`; 0: the threshold is enough
    function setVerifierLimit(address asset, uint128 outflow, uint16 verifiers) external onlySafe {
        if (verifiers > OwnersTerms.load(_terms).verifiers.length) revert BadConfiguration("verifiers");
        verifierLimits[asset] = VerifierLimit(outflow, verifiers);
        limitsVerifiers = true;
        emit VerifierLimitSet(asset, outflow, verifiers);
    }

    function setPolicy(bytes32 policy) external onlySafe {
        OwnersTerms.Terms memory terms = OwnersTerms.load(_terms);
        terms.policyDigest = policy;
        _terms = OwnersTerms.store(terms);
        emit PolicySet(policy);
    }

    function setGuardian(address guardian_) external onlySafe {
        guardian = guardian_;
        emit GuardianSet(guardian_);
    }

    function setRule(address target, bytes4 selector, Rule calldata rule) external onlySafe {
        if (target == address(safe) || target == address(this)) revert BadConfiguration("target");
        if (rule.allowed && ApprovalEffects.isOpaque(selector)) revert BadConfiguration("selector");
        rules[target][selector] = rule;
        emit RuleSet(target, selector, rule);
    }

    function setPayee(address account, bool allowed) external onlySafe {
        isPayee[account] = allowed;
        emit PayeeSet(account, allowed);
    }

    function setStandingAllowance(address token, address spender, bool allowed) external onlySafe {
        standingAllowance[token][spender] = allowed;
        emit StandingAllowanceSet(token, spender, allowed);
    }

    /// @notice Assets that must not fall unless a bound names them; 0 is the native coin. One with a cap must stay.
    function setAssets(address[] calldata assets) external onlySafe {
        if (assets.length > MAX_SET) revert BadConfiguration("assets");
        OwnersTerms.Terms memory terms = OwnersTerms.load(_terms);
        address[] memory before = terms.assets;
        terms.assets = assets;
        _terms = OwnersTerms.store(terms);
        for (uint256 i = 0; i < before.length; i++) {
            if (caps[before[i]].window != 0 && !_contains(terms.assets, before[i])) revert BadConfiguration("capped asset");
        }
        emit AssetsSet(assets);
    }

    /// @inheritdoc IWarrantModule
    function setCap(address asset, uint96 amount, uint32 window) external onlySafe {
        // Only what is on the list is measured.
        if (window != 0 && !_contains(getAssets(), asset)) revert BadConfiguration("asset");
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

    function policyDigest() external view returns (bytes32) {
        return OwnersTerms.load(_terms).policyDigest;
    }

    function getVerifiers() external view returns (address[] memory) {
        return OwnersTerms.load(_terms).verifiers;
    }

    function isVerifier(address account) external view returns (bool) {
        return _contains(OwnersTerms.load(_terms).verifiers, account);
    }

    function getApprovers() external view returns (address[] memory) {
        return _approvers;
    }

    /// @notice What must not fall unless a bound names it; 0 is the native coin.
    function getAssets() public view returns (address[] memory) {
        return OwnersTerms.load(_terms).assets;
    }

    // -------------------------------------------------------------------------------------------------------- internal

    function _checkContext(Verdict calldata verdict, bytes32 policy) private view {
        if (paused) revert Paused();
        if (verdict.safe != address(safe)) revert WrongSafe(verdict.safe);
        if (verdict.executor != msg.sender) revert WrongExecutor(msg.sender, verdict.executor);
        if (block.timestamp > verdict.validUntil) revert Expired(verdict.validUntil, block.timestamp);
        if (isNonceUsed(verdict.nonce)) revert NonceUsed(verdict.nonce);
        if (verdict.policyDigest != policy) revert PolicyChanged(verdict.policyDigest, policy);
        if (verdict.bounds.length == 0) revert NoBounds();
        if (verdict.refBlock >= block.number) revert ReferenceBlockUnknown(verdict.refBlock);
        // 256 blocks back the hash is gone; then expiry alone limits the age.
        bytes32 actual = blockhash(verdict.refBlock);
        if (actual != bytes32(0) && actual != verdict.refBlockHash) {
            revert ReferenceBlockReorged(verdict.refBlock, verdict.refBlockHash, actual);
        }
    }

    /// @param verifiers ascending, as the signers must be: one walk through both finds every signer
    function _checkVerdict(bytes32 digest, bytes[] calldata signatures, address[] memory verifiers) private view {
        address previous = address(0);
        uint256 next = 0;
        for (uint256 i = 0; i < signatures.length; i++) {
            address signer = _nextSigner(i, digest, signatures[i], previous);
            while (next < verifiers.length && verifiers[next] < signer) next++;
            if (next == verifiers.length || verifiers[next] != signer) revert NotAVerifier(signer);
            previous = signer;
        }
        if (signatures.length < verifierThreshold) revert NotEnoughSignatures(signatures.length, verifierThreshold);
    }

    function _checkApprovals(bytes32 proposalDigest, bytes[] calldata approvals) private view {
        bytes32 digest = hashApproval(proposalDigest);
        address previous = address(0);
        for (uint256 i = 0; i < approvals.length; i++) {
            address signer = _nextSigner(i, digest, approvals[i], previous);
            if (!isApprover[signer]) revert NotAnApprover(signer);
            previous = signer;
        }
        if (approvals.length < approverThreshold) revert NotEnoughSignatures(approvals.length, approverThreshold);
    }

    /// @dev Ascending order makes signers distinct.
    function _nextSigner(uint256 index, bytes32 digest, bytes calldata signature, address previous)
        private
        view
        returns (address signer)
    {
        signer = _signerOf(digest, signature);
        if (signer == address(0)) revert BadSignature(index);
        if (signer <= previous) revert SignersNotAscending(previous, signer);
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

    function _contains(address[] memory list, address account) private pure returns (bool) {
        for (uint256 i = 0; i < list.length; i++) if (list[i] == account) return true;
        return false;
    }

    /// @dev What a bound on a change is measured from; the others look only at the end.
    function _startOf(uint256 index, Bound calldata bound) private view returns (int256) {
        if (bound.kind > HEALTH_FACTOR_AT_LEAST || (bound.id != 0 && bound.kind != ERC721_OWNED)) {
            revert UnknownBoundKind(index, bound.kind);
        }
        return bound.kind == BALANCE_CHANGE_AT_LEAST ? _balance(bound.target) : int256(0);
    }

    /// @return actual what was measured: a change, a debt, whether the token is owned, a health factor
    function _checkBound(uint256 index, Bound calldata bound, int256 start) private view returns (int256 actual) {
        bool holds;
        if (bound.kind == BALANCE_CHANGE_AT_LEAST) {
            actual = _balance(bound.target) - start;
            holds = actual >= bound.limit;
        } else if (bound.kind == DEBT_AT_MOST) {
            actual = _balance(bound.target);
            holds = actual <= bound.limit;
        } else if (bound.kind == ERC721_OWNED) {
            actual = IERC721(bound.target).ownerOf(bound.id) == address(safe) ? int256(1) : int256(0);
            holds = actual == 1;
        } else {
            (,,,,, uint256 health) = ILendingPool(bound.target).getUserAccountData(address(safe));
            actual = health > uint256(type(int256).max) ? type(int256).max : int256(health);
            holds = actual >= bound.limit;
        }
        if (!holds) revert BoundViolated(index, bound.target, actual, bound.limit);
    }

    function _checkVerifierLimits(Bound[] calldata bounds, uint256 signatures) private view {
        for (uint256 i = 0; i < bounds.length; i++) {
            if (bounds[i].kind != BALANCE_CHANGE_AT_LEAST || bounds[i].limit >= 0) continue;
            VerifierLimit memory limit = verifierLimits[bounds[i].target];
            if (signatures < limit.verifiers && uint256(-(bounds[i].limit + 1)) + 1 > limit.above) {
                revert NotEnoughSignatures(signatures, limit.verifiers);
            }
        }
    }

    function _needsApproval(Bound[] calldata bounds) private view returns (bool) {
        for (uint256 i = 0; i < bounds.length; i++) {
            if (bounds[i].kind != BALANCE_CHANGE_AT_LEAST || bounds[i].limit >= 0) continue;
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
                if (recipient != address(safe) && !isPayee[recipient]) revert RecipientNotSafe(i, recipient);
            }
            (bool success, bytes memory result) =
                safe.execTransactionFromModuleReturnData(call.to, call.value, call.data, 0);
            if (!success) revert CallFailed(i, result);
        }
    }

    function _checkApprovalsLeft(Call[] calldata calls) private view {
        for (uint256 i = 0; i < calls.length; i++) {
            (address token, address spender, uint256 left) =
                ApprovalEffects.leftBy(address(safe), calls[i].to, calls[i].data);
            if (left != 0 && !standingAllowance[token][spender]) revert ApprovalOutlivesBatch(token, spender, left);
        }
    }

    /// @dev One more than the index of the first bound on the change of an asset; 0: none names it.
    function _boundOf(Bound[] calldata bounds, address asset) private pure returns (uint256) {
        for (uint256 i = 0; i < bounds.length; i++) {
            if (bounds[i].target == asset && bounds[i].kind == BALANCE_CHANGE_AT_LEAST) return i + 1;
        }
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

    function _checkVerifiers(address[] memory verifiers, uint256 threshold) private pure {
        // 2k > n: two disjoint quorums cannot exist.
        if (verifiers.length > MAX_SET || threshold > verifiers.length || 2 * threshold <= verifiers.length) {
            revert BadConfiguration("verifiers");
        }
        _requireAscending(verifiers);
    }

    function _requireAscending(address[] memory set) private pure {
        address previous = address(0);
        for (uint256 i = 0; i < set.length; i++) {
            if (set[i] <= previous) revert SignersNotAscending(previous, set[i]);
            previous = set[i];
        }
    }
}
