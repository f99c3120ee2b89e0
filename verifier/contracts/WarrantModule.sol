// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ApprovalEffects} from "./ApprovalEffects.sol";
import {Buckets} from "./Buckets.sol";
import {IERC1271} from "./interfaces/IERC1271.sol";
import {IERC721} from "./interfaces/IERC721.sol";
import {ILendingPool} from "./interfaces/ILendingPool.sol";
import {IWarrantModule} from "./interfaces/IWarrantModule.sol";
import {ModuleSettings} from "./ModuleSettings.sol";
import {Outflows} from "./Outflows.sol";
import {OwnersTerms} from "./OwnersTerms.sol";
import {ReferenceBlock} from "./ReferenceBlock.sol";
import {VerdictHash} from "./VerdictHash.sol";

/// @title Executes verdicts; see IWarrantModule.
/// @dev One module serves one Safe, whose owners alone configure it. It is not upgradeable: to replace it, the owners
///      enable another module and disable this one.
contract WarrantModule is ModuleSettings {
    uint8 private constant BALANCE_CHANGE_AT_LEAST = 0;
    uint8 private constant DEBT_AT_MOST = 1;
    uint8 private constant ERC721_OWNED = 2;
    uint8 private constant HEALTH_FACTOR_AT_LEAST = 3;

    bytes32 public immutable domainSeparator;
    /// @notice Whether blocks are those that ArbSys tells.
    bool public immutable onArbitrum;

    mapping(uint256 word => uint256) private _usedNonces;
    bool private transient _entered;

    constructor(address safe_, address[] memory verifiers, uint256 threshold, bytes32 policy, address guardian_)
        ModuleSettings(safe_, verifiers, threshold, policy, guardian_)
    {
        domainSeparator = VerdictHash.domain(block.chainid, address(this));
        onArbitrum = ReferenceBlock.isArbitrum();
    }

    /// @inheritdoc IWarrantModule
    function execute(Verdict calldata verdict, bytes[] calldata signatures, Approvals calldata approvals) external {
        if (_entered) revert Reentered();
        _entered = true;
        OwnersTerms.Terms memory terms = OwnersTerms.load(_terms);
        _checkContext(verdict, terms.policyDigest);
        bool isApproved = _checkSignatures(verdict, signatures, approvals, terms.verifiers);
        _usedNonces[verdict.nonce >> 8] |= 1 << (verdict.nonce & 0xff);

        Outflows.Ledger memory ledger = Outflows.open(address(safe), terms.assets);
        uint256[] memory boundStarts = _startsOf(verdict.bounds, ledger);
        _executeCalls(verdict.calls, ledger);
        _checkBounds(verdict.bounds, boundStarts, ledger);
        _settle(ledger, verdict.bounds, signatures.length, isApproved);
        _checkApprovalsLeft(verdict.calls);
        emit Executed(address(safe), verdict.nonce, verdict.proposalDigest);
        _entered = false;
    }

    /// @inheritdoc IWarrantModule
    function hashVerdict(Verdict calldata verdict) external view returns (bytes32) {
        (bytes32 calls, bytes32 bounds) = VerdictHash.contents(verdict.calls, verdict.bounds);
        return VerdictHash.typed(domainSeparator, VerdictHash.verdict(verdict, calls, bounds));
    }

    /// @inheritdoc IWarrantModule
    function hashApproval(Call[] calldata calls, Bound[] calldata bounds, uint256 nonce, uint64 validUntil)
        external
        view
        returns (bytes32)
    {
        (bytes32 callsHash, bytes32 boundsHash) = VerdictHash.contents(calls, bounds);
        return VerdictHash.typed(
            domainSeparator, VerdictHash.approval(address(safe), callsHash, boundsHash, nonce, validUntil)
        );
    }

    /// @inheritdoc IWarrantModule
    function isNonceUsed(uint256 nonce) public view returns (bool) {
        return _usedNonces[nonce >> 8] & (1 << (nonce & 0xff)) != 0;
    }

    // ---------------------------------------------------------------------------------------------- before the calls

    function _checkContext(Verdict calldata verdict, bytes32 policy) private view {
        if (paused) revert Paused();
        if (verdict.safe != address(safe)) revert WrongSafe(verdict.safe);
        if (verdict.executor != msg.sender) revert WrongExecutor(msg.sender, verdict.executor);
        if (block.timestamp > verdict.validUntil) revert Expired(verdict.validUntil, block.timestamp);
        if (isNonceUsed(verdict.nonce)) revert NonceUsed(verdict.nonce);
        if (verdict.policyDigest != policy) revert PolicyChanged(verdict.policyDigest, policy);
        if (verdict.bounds.length == 0) revert NoBounds();
        if (verdict.refBlock >= ReferenceBlock.current(onArbitrum)) revert ReferenceBlockUnknown(verdict.refBlock);
        bytes32 actual = ReferenceBlock.hashOf(verdict.refBlock, onArbitrum);
        // Whoever could wait until the hash is gone would get past the check.
        if (actual == bytes32(0)) revert ReferenceBlockUnknown(verdict.refBlock);
        if (actual != verdict.refBlockHash) revert ReferenceBlockReorged(verdict.refBlock, verdict.refBlockHash, actual);
    }

    /// @return isApproved whether enough approvers signed these contents
    function _checkSignatures(
        Verdict calldata verdict,
        bytes[] calldata signatures,
        Approvals calldata approvals,
        address[] memory verifiers
    ) private view returns (bool isApproved) {
        (bytes32 calls, bytes32 bounds) = VerdictHash.contents(verdict.calls, verdict.bounds);
        _checkVerdict(
            VerdictHash.typed(domainSeparator, VerdictHash.verdict(verdict, calls, bounds)), signatures, verifiers
        );
        if (approvals.signatures.length == 0) return false;
        if (block.timestamp > approvals.validUntil) revert ApprovalExpired(approvals.validUntil, block.timestamp);
        bytes32 approval =
            VerdictHash.approval(address(safe), calls, bounds, verdict.nonce, approvals.validUntil);
        return _checkApprovals(VerdictHash.typed(domainSeparator, approval), approvals.signatures);
    }

    /// @param verifiers ascending, as the signers must be: one walk through both finds every signer
    function _checkVerdict(bytes32 digest, bytes[] calldata signatures, address[] memory verifiers) private view {
        address previous;
        uint256 next = 0;
        for (uint256 i = 0; i < signatures.length; i++) {
            address signer = _nextSigner(i, digest, signatures[i], previous);
            while (next < verifiers.length && verifiers[next] < signer) next++;
            if (next == verifiers.length || verifiers[next] != signer) revert NotAVerifier(signer);
            previous = signer;
        }
        if (signatures.length < verifierThreshold) revert NotEnoughSignatures(signatures.length, verifierThreshold);
    }

    /// @return whether they are as many as the owners want; without a threshold approvers have nothing to say
    function _checkApprovals(bytes32 digest, bytes[] calldata signatures) private view returns (bool) {
        address previous;
        for (uint256 i = 0; i < signatures.length; i++) {
            address signer = _nextSigner(i, digest, signatures[i], previous);
            if (!isApprover[signer]) revert NotAnApprover(signer);
            previous = signer;
        }
        return approverThreshold != 0 && signatures.length >= approverThreshold;
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

    // -------------------------------------------------------------------------------------------------------- the calls

    function _executeCalls(Call[] calldata calls, Outflows.Ledger memory ledger) private {
        for (uint256 i = 0; i < calls.length; i++) {
            Call calldata call = calls[i];
            bytes4 selector = call.data.length >= 4 ? bytes4(call.data[:4]) : bytes4(0);
            // The Safe and this module are no targets even if a rule says so: a call there could change the rules.
            if (call.data.length < 4 || call.to == address(safe) || call.to == address(this)) {
                revert CallNotAllowed(i, call.to, selector);
            }
            bool isQuiet = _isPinnedAllowance(call, selector, ledger);
            if (!isQuiet) isQuiet = _checkRule(i, call, selector, ledger);
            bool success = safe.execTransactionFromModule(call.to, call.value, call.data, 0);
            if (!success) revert CallFailed(i, _reasonOf(call));
            // An allowance of a listed asset moves nothing; what fell all the same is measured with the next call.
            if (!isQuiet || i + 1 == calls.length) Outflows.measure(ledger);
        }
    }

    /// @dev Why a call failed: it is made again, for that alone, because the batch reverts.
    function _reasonOf(Call calldata call) private returns (bytes memory reason) {
        (, reason) = safe.execTransactionFromModuleReturnData(call.to, call.value, call.data, 0);
    }

    /// @dev An allowance of a listed asset for one of its spenders needs no rule, and is not counted.
    function _isPinnedAllowance(Call calldata call, bytes4 selector, Outflows.Ledger memory ledger)
        private
        view
        returns (bool)
    {
        return call.value == 0 && ApprovalEffects.isApprove(selector) && Outflows.placeOf(ledger, call.to) != 0
            && _spenders[call.to][ApprovalEffects.spenderOf(call.data)].level != 0;
    }

    /// @return isQuiet whether the call is an allowance of a listed asset
    function _checkRule(uint256 index, Call calldata call, bytes4 selector, Outflows.Ledger memory ledger)
        private
        view
        returns (bool isQuiet)
    {
        StoredRule memory rule = _rules[call.to][selector];
        if (!rule.allowed) revert CallNotAllowed(index, call.to, selector);
        if (rule.recipientWord != 0) {
            address recipient = address(uint160(uint256(_word(call.data, rule.recipientWord - 1))));
            if (recipient != address(safe) && _payeePlace[recipient] == 0) revert RecipientNotSafe(index, recipient);
        }
        if (call.value != 0) _countValue(index, call.value, rule.maxValue, ledger);
        if (rule.amountWord != 0) _countAmount(index, call, rule.amountWord, ledger);
        return ApprovalEffects.isGrant(selector) && _countGrant(call, ledger);
    }

    /// @dev Value counts in full, whatever comes back: only where the native coin is measured may a call carry any.
    function _countValue(uint256 index, uint256 value, uint256 most, Outflows.Ledger memory ledger) private pure {
        uint256 place = Outflows.placeOf(ledger, address(0));
        if (value > most || place == 0) revert ValueNotAllowed(index, value, most);
        Outflows.addValue(ledger, place - 1, value);
    }

    function _countAmount(uint256 index, Call calldata call, uint8 amountWord, Outflows.Ledger memory ledger)
        private
        pure
    {
        uint256 place = Outflows.placeOf(ledger, call.to);
        if (place == 0) revert AmountOfUnlistedTarget(index, call.to);
        Outflows.add(ledger, place - 1, uint256(_word(call.data, amountWord - 1)));
    }

    /// @dev In one call a token's hook can take, by an allowance, what the same call pays: no balance shows it. So what is
    ///      granted counts in full, unless the owners know the spender to take from nobody but its caller.
    /// @return isQuiet whether it is an allowance of a listed asset
    function _countGrant(Call calldata call, Outflows.Ledger memory ledger) private view returns (bool isQuiet) {
        ApprovalEffects.Grant memory grant = ApprovalEffects.givenBy(call.to, call.data);
        uint256 place = Outflows.placeOf(ledger, grant.token);
        bool isTakenBack = grant.overAll && grant.amount == 0;
        if (!isTakenBack && _spenders[grant.token][grant.spender].level == 0) {
            // What is not measured cannot be counted, nor can a power over every id.
            if (place == 0 || grant.overAll) revert SpenderNotListed(grant.token, grant.spender);
            Outflows.add(ledger, place - 1, grant.amount);
        }
        return place != 0 && grant.token == call.to && !grant.overAll && call.value == 0;
    }

    // --------------------------------------------------------------------------------------------------- after the calls

    /// @return starts what bounds on a change of assets that are not listed are measured from
    function _startsOf(Bound[] calldata bounds, Outflows.Ledger memory ledger)
        private
        view
        returns (uint256[] memory starts)
    {
        starts = new uint256[](bounds.length);
        for (uint256 i = 0; i < bounds.length; i++) {
            Bound calldata bound = bounds[i];
            if (bound.kind > HEALTH_FACTOR_AT_LEAST || (bound.id != 0 && bound.kind != ERC721_OWNED)) {
                revert UnknownBoundKind(i, bound.kind);
            }
            if (bound.kind == BALANCE_CHANGE_AT_LEAST && Outflows.placeOf(ledger, bound.target) == 0) {
                starts[i] = Outflows.balanceOf(address(safe), bound.target);
            }
        }
    }

    function _checkBounds(Bound[] calldata bounds, uint256[] memory starts, Outflows.Ledger memory ledger) private view {
        for (uint256 i = 0; i < bounds.length; i++) {
            Bound calldata bound = bounds[i];
            // What was measured: a change, a debt, whether the token is owned, a health factor.
            int256 actual;
            bool holds;
            if (bound.kind == BALANCE_CHANGE_AT_LEAST) {
                uint256 place = Outflows.placeOf(ledger, bound.target);
                actual = place == 0
                    ? _change(starts[i], Outflows.balanceOf(address(safe), bound.target))
                    : _change(ledger.start[place - 1], ledger.last[place - 1]);
                holds = actual >= bound.limit;
            } else if (bound.kind == DEBT_AT_MOST) {
                actual = _change(0, Outflows.balanceOf(address(safe), bound.target));
                holds = actual <= bound.limit;
            } else if (bound.kind == ERC721_OWNED) {
                actual = IERC721(bound.target).ownerOf(bound.id) == address(safe) ? int256(1) : int256(0);
                holds = actual == 1;
            } else {
                (,,,,, uint256 health) = ILendingPool(bound.target).getUserAccountData(address(safe));
                actual = health > uint256(type(int256).max) ? type(int256).max : int256(health);
                holds = actual >= bound.limit;
            }
            if (!holds) revert BoundViolated(i, bound.target, actual, bound.limit);
        }
    }

    /// @dev Every asset that fell must have a bound; what flowed out must fit into every limit.
    function _settle(
        Outflows.Ledger memory ledger,
        Bound[] calldata bounds,
        uint256 signatures,
        bool isApproved
    ) private {
        for (uint256 i = 0; i < ledger.assets.length; i++) {
            address asset = ledger.assets[i];
            if (ledger.last[i] < ledger.start[i] && !_isBound(bounds, asset)) {
                revert UnboundAssetFell(asset, _change(ledger.start[i], ledger.last[i]));
            }
            if (ledger.out[i] != 0) _spend(asset, ledger.out[i], signatures, isApproved);
        }
    }

    function _spend(address asset, uint256 outflow, uint256 signatures, bool isApproved) private {
        (bool fits, uint256 left) = Buckets.put(caps, asset, outflow);
        if (!fits) revert CapExceeded(asset, outflow, left);
        if (_approvalLimited != 0 && !isApproved) {
            (fits, left) = Buckets.put(approvalLimits, asset, outflow);
            if (!fits) revert ApprovalNeeded(asset, outflow, left);
        }
        if (_verifierLimited != 0 && signatures < verifiersAbove[asset]) {
            (fits, left) = Buckets.put(verifierLimits, asset, outflow);
            if (!fits) revert VerifiersNeeded(asset, outflow, left, verifiersAbove[asset]);
        }
    }

    function _checkApprovalsLeft(Call[] calldata calls) private view {
        for (uint256 i = 0; i < calls.length; i++) {
            Call calldata call = calls[i];
            bytes4 selector = bytes4(call.data[:4]);
            if (!ApprovalEffects.isGrant(selector)) continue;
            ApprovalEffects.Grant memory grant = ApprovalEffects.givenBy(call.to, call.data);
            uint256 left = ApprovalEffects.left(address(safe), call.to, selector, grant);
            if (left != 0 && _spenders[grant.token][grant.spender].level != MAY_OUTLIVE) {
                revert ApprovalOutlivesBatch(grant.token, grant.spender, left);
            }
        }
    }

    function _isBound(Bound[] calldata bounds, address asset) private pure returns (bool) {
        for (uint256 i = 0; i < bounds.length; i++) {
            if (bounds[i].target == asset && bounds[i].kind == BALANCE_CHANGE_AT_LEAST) return true;
        }
        return false;
    }

    function _change(uint256 start, uint256 end) private pure returns (int256) {
        uint256 most = uint256(type(int256).max);
        if (start > most || end > most) revert BadConfiguration("balance");
        return int256(end) - int256(start);
    }

    /// @dev The argument word `index` after the selector; reverts when the data is shorter.
    function _word(bytes calldata data, uint256 index) private pure returns (bytes32) {
        return bytes32(data[4 + 32 * index:36 + 32 * index]);
    }
}
