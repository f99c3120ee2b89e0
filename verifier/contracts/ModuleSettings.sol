// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ApprovalEffects} from "./ApprovalEffects.sol";
import {Buckets} from "./Buckets.sol";
import {ISafe} from "./interfaces/ISafe.sol";
import {IWarrantModule} from "./interfaces/IWarrantModule.sol";
import {OwnersTerms} from "./OwnersTerms.sol";

/// @title What the owners of the Safe set in WarrantModule, all of it enumerable; see IWarrantModule.
/// @dev Every list is kept when something is set: an execution reads one slot of each entry that it needs.
abstract contract ModuleSettings is IWarrantModule {
    uint256 private constant MAX_SET = 64;
    uint8 internal constant MAY_OUTLIVE = 2;

    /// @param place one more than its index in the list of keys; 0: not in it
    struct StoredRule {
        bool allowed;
        uint8 recipientWord;
        uint8 amountWord;
        uint128 maxValue;
        uint32 place;
    }

    struct RuleKey {
        address target;
        bytes4 selector;
    }

    struct StoredSpender {
        uint8 level;
        uint32 place;
    }

    struct SpenderKey {
        address token;
        address spender;
    }

    ISafe public immutable safe;

    // One slot: each of them is read by every execution.
    address internal _terms;
    bool public paused;
    uint16 public verifierThreshold;
    uint16 public approverThreshold;
    /// @dev How many assets have such a limit: where none has, nothing of them is read.
    uint8 internal _approvalLimited;
    uint8 internal _verifierLimited;

    address public guardian;
    mapping(address => bool) public isApprover;
    mapping(address target => mapping(bytes4 selector => StoredRule)) internal _rules;
    mapping(address token => mapping(address spender => StoredSpender)) internal _spenders;
    /// @dev One more than the index in the list of payees; 0: none.
    mapping(address account => uint256) internal _payeePlace;
    /// @notice What may flow out of an asset, whatever is signed.
    mapping(address asset => Bucket) public caps;
    /// @notice What may flow out of an asset without approvers.
    mapping(address asset => Bucket) public approvalLimits;
    /// @notice What may flow out of an asset signed by fewer than `verifiersAbove`.
    mapping(address asset => Bucket) public verifierLimits;
    mapping(address asset => uint16) public verifiersAbove;

    address[] private _approvers;
    address[] private _payees;
    RuleKey[] private _ruleKeys;
    SpenderKey[] private _spenderKeys;

    modifier onlySafe() {
        if (msg.sender != address(safe)) revert NotTheSafe(msg.sender);
        _;
    }

    constructor(address safe_, address[] memory verifiers, uint256 threshold, bytes32 policy, address guardian_) {
        if (safe_ == address(0)) revert BadConfiguration("safe");
        safe = ISafe(safe_);
        _checkVerifiers(verifiers, threshold);
        _terms = OwnersTerms.store(OwnersTerms.Terms(new address[](0), verifiers, policy));
        verifierThreshold = uint16(threshold);
        guardian = guardian_;
        emit VerifiersSet(verifiers, threshold);
        emit PolicySet(policy);
        emit GuardianSet(guardian_);
    }

    // -------------------------------------------------------------------------------------------------------- who signs

    function setVerifiers(address[] calldata verifiers, uint256 threshold) external onlySafe {
        _checkVerifiers(verifiers, threshold);
        OwnersTerms.Terms memory terms = OwnersTerms.load(_terms);
        terms.verifiers = verifiers;
        _terms = OwnersTerms.store(terms);
        verifierThreshold = uint16(threshold);
        emit VerifiersSet(verifiers, threshold);
    }

    /// @notice Who may approve, and how many must; with a threshold of 0 nobody can.
    function setApprovers(address[] calldata approvers, uint256 threshold) external onlySafe {
        if (approvers.length > MAX_SET || threshold > approvers.length) revert BadConfiguration("approvers");
        _requireAscending(approvers);
        for (uint256 i = 0; i < _approvers.length; i++) isApprover[_approvers[i]] = false;
        for (uint256 i = 0; i < approvers.length; i++) isApprover[approvers[i]] = true;
        _approvers = approvers;
        approverThreshold = uint16(threshold);
        emit ApproversSet(approvers, threshold);
    }

    function setGuardian(address guardian_) external onlySafe {
        guardian = guardian_;
        emit GuardianSet(guardian_);
    }

    function setPolicy(bytes32 policy) external onlySafe {
        OwnersTerms.Terms memory terms = OwnersTerms.load(_terms);
        terms.policyDigest = policy;
        _terms = OwnersTerms.store(terms);
        emit PolicySet(policy);
    }

    // ----------------------------------------------------------------------------------------------- what may be called

    function setRule(address target, bytes4 selector, Rule calldata rule) external onlySafe {
        if (target == address(safe) || target == address(this)) revert BadConfiguration("target");
        if (rule.allowed && ApprovalEffects.isOpaque(selector)) revert BadConfiguration("selector");
        uint32 place = _rules[target][selector].place;
        if (rule.allowed && place == 0) {
            _ruleKeys.push(RuleKey(target, selector));
            place = uint32(_ruleKeys.length);
        } else if (!rule.allowed && place != 0) {
            RuleKey memory last = _ruleKeys[_ruleKeys.length - 1];
            _ruleKeys[place - 1] = last;
            _rules[last.target][last.selector].place = place;
            _ruleKeys.pop();
        }
        // What is not allowed leaves nothing behind.
        _rules[target][selector] = rule.allowed
            ? StoredRule(true, rule.recipientWord, rule.amountWord, rule.maxValue, place)
            : StoredRule(false, 0, 0, 0, 0);
        emit RuleSet(target, selector, rule);
    }

    function setPayee(address account, bool allowed) external onlySafe {
        uint256 place = _payeePlace[account];
        if (allowed && place == 0) {
            _payees.push(account);
            _payeePlace[account] = _payees.length;
        } else if (!allowed && place != 0) {
            address last = _payees[_payees.length - 1];
            _payees[place - 1] = last;
            _payeePlace[last] = place;
            _payees.pop();
            _payeePlace[account] = 0;
        }
        emit PayeeSet(account, allowed);
    }

    /// @inheritdoc IWarrantModule
    function setSpender(address token, address spender, uint8 level) external onlySafe {
        if (level > MAY_OUTLIVE) revert BadConfiguration("level");
        uint32 place = _spenders[token][spender].place;
        if (level != 0 && place == 0) {
            _spenderKeys.push(SpenderKey(token, spender));
            place = uint32(_spenderKeys.length);
        } else if (level == 0 && place != 0) {
            SpenderKey memory last = _spenderKeys[_spenderKeys.length - 1];
            _spenderKeys[place - 1] = last;
            _spenders[last.token][last.spender].place = place;
            _spenderKeys.pop();
            place = 0;
        }
        _spenders[token][spender] = StoredSpender(level, place);
        emit SpenderSet(token, spender, level);
    }

    // ------------------------------------------------------------------------------------------------ what may flow out

    /// @notice What is measured, and must not fall unless a bound names it; 0 is the native coin. One with a limit stays.
    function setAssets(address[] calldata assets) external onlySafe {
        if (assets.length > MAX_SET) revert BadConfiguration("assets");
        for (uint256 i = 1; i < assets.length; i++) {
            if (_contains(assets[:i], assets[i])) revert BadConfiguration("assets");
        }
        OwnersTerms.Terms memory terms = OwnersTerms.load(_terms);
        address[] memory before = terms.assets;
        terms.assets = assets;
        _terms = OwnersTerms.store(terms);
        for (uint256 i = 0; i < before.length; i++) {
            address asset = before[i];
            bool limited = caps[asset].window != 0 || approvalLimits[asset].window != 0
                || verifierLimits[asset].window != 0;
            if (limited && !_contains(assets, asset)) revert BadConfiguration("limited asset");
        }
        emit AssetsSet(assets);
    }

    /// @inheritdoc IWarrantModule
    function setCap(address asset, uint96 amount, uint32 window) external onlySafe {
        _requireListed(asset, window);
        caps[asset] = Buckets.empty(amount, window);
        emit CapSet(asset, amount, window);
    }

    /// @inheritdoc IWarrantModule
    function setApprovalLimit(address asset, uint96 amount, uint32 window) external onlySafe {
        _requireListed(asset, window);
        if (approvalLimits[asset].window != 0) _approvalLimited--;
        if (window != 0) _approvalLimited++;
        approvalLimits[asset] = Buckets.empty(amount, window);
        emit ApprovalLimitSet(asset, amount, window);
    }

    /// @inheritdoc IWarrantModule
    function setVerifierLimit(address asset, uint96 amount, uint32 window, uint16 verifiers) external onlySafe {
        _requireListed(asset, window);
        if (verifiers > OwnersTerms.load(_terms).verifiers.length) revert BadConfiguration("verifiers");
        if (verifierLimits[asset].window != 0) _verifierLimited--;
        if (window != 0) _verifierLimited++;
        verifierLimits[asset] = Buckets.empty(amount, window);
        verifiersAbove[asset] = verifiers;
        emit VerifierLimitSet(asset, amount, window, verifiers);
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

    function policyDigest() external view returns (bytes32) {
        return OwnersTerms.load(_terms).policyDigest;
    }

    function getVerifiers() external view returns (address[] memory) {
        return OwnersTerms.load(_terms).verifiers;
    }

    function getApprovers() external view returns (address[] memory) {
        return _approvers;
    }

    /// @notice What is measured; 0 is the native coin.
    function getAssets() external view returns (address[] memory) {
        return OwnersTerms.load(_terms).assets;
    }

    function rules(address target, bytes4 selector) public view returns (Rule memory) {
        StoredRule memory rule = _rules[target][selector];
        return Rule(rule.allowed, rule.recipientWord, rule.amountWord, rule.maxValue);
    }

    function isPayee(address account) external view returns (bool) {
        return _payeePlace[account] != 0;
    }

    function spenderLevel(address token, address spender) external view returns (uint8) {
        return _spenders[token][spender].level;
    }

    /// @inheritdoc IWarrantModule
    function getRules() external view returns (RuleEntry[] memory entries) {
        entries = new RuleEntry[](_ruleKeys.length);
        for (uint256 i = 0; i < entries.length; i++) {
            RuleKey memory key = _ruleKeys[i];
            entries[i] = RuleEntry(key.target, key.selector, rules(key.target, key.selector));
        }
    }

    /// @inheritdoc IWarrantModule
    function getPayees() external view returns (address[] memory) {
        return _payees;
    }

    /// @inheritdoc IWarrantModule
    function getSpenders() external view returns (SpenderEntry[] memory entries) {
        entries = new SpenderEntry[](_spenderKeys.length);
        for (uint256 i = 0; i < entries.length; i++) {
            SpenderKey memory key = _spenderKeys[i];
            entries[i] = SpenderEntry(key.token, key.spender, _spenders[key.token][key.spender].level);
        }
    }

    /// @inheritdoc IWarrantModule
    function getLimits() external view returns (AssetLimits[] memory limits) {
        address[] memory assets = OwnersTerms.load(_terms).assets;
        limits = new AssetLimits[](assets.length);
        for (uint256 i = 0; i < assets.length; i++) {
            address asset = assets[i];
            limits[i] = AssetLimits(
                asset, caps[asset], approvalLimits[asset], verifierLimits[asset], verifiersAbove[asset]
            );
        }
    }

    // -------------------------------------------------------------------------------------------------------- internal

    function _requireListed(address asset, uint32 window) private view {
        // Only what is on the list is measured.
        if (window != 0 && !_contains(OwnersTerms.load(_terms).assets, asset)) revert BadConfiguration("asset");
    }

    function _contains(address[] memory list, address account) private pure returns (bool) {
        for (uint256 i = 0; i < list.length; i++) if (list[i] == account) return true;
        return false;
    }

    function _checkVerifiers(address[] memory verifiers, uint256 threshold) private pure {
        // 2k > n: two disjoint quorums cannot exist.
        if (verifiers.length > MAX_SET || threshold > verifiers.length || 2 * threshold <= verifiers.length) {
            revert BadConfiguration("verifiers");
        }
        _requireAscending(verifiers);
    }

    function _requireAscending(address[] memory set) private pure {
        address previous;
        for (uint256 i = 0; i < set.length; i++) {
            if (set[i] <= previous) revert SignersNotAscending(previous, set[i]);
            previous = set[i];
        }
    }
}
