// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IWarrantModule} from "./interfaces/IWarrantModule.sol";

/// @title EIP-712 hashes of verdicts and approvals, and signer recovery.
library VerdictHash {
    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant CALL = keccak256("Call(address to,uint256 value,bytes data)");
    bytes32 private constant BOUND = keccak256("Bound(uint8 kind,address target,uint256 id,int256 limit)");
    bytes32 private constant VERDICT = keccak256(
        "Verdict(address safe,uint256 nonce,Call[] calls,Bound[] bounds,bytes32 proposalDigest,bytes32 policyDigest,address executor,uint64 refBlock,bytes32 refBlockHash,uint64 validUntil)Bound(uint8 kind,address target,uint256 id,int256 limit)Call(address to,uint256 value,bytes data)"
    );
    bytes32 private constant APPROVAL = keccak256(
        "Approval(address safe,Call[] calls,Bound[] bounds,uint256 nonce,uint64 validUntil)Bound(uint8 kind,address target,uint256 id,int256 limit)Call(address to,uint256 value,bytes data)"
    );
    /// @dev Half the order of secp256k1: a higher s is the same signature in another form (EIP-2).
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    function domain(uint256 chainId, address module) internal pure returns (bytes32) {
        return keccak256(abi.encode(DOMAIN, keccak256("Warrant"), keccak256("1"), chainId, module));
    }

    function typed(bytes32 domainSeparator, bytes32 structHash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domainSeparator, structHash));
    }

    /// @notice What verdicts and approvals have in common, hashed once.
    function contents(IWarrantModule.Call[] calldata calls, IWarrantModule.Bound[] calldata bounds)
        internal
        pure
        returns (bytes32 callsHash, bytes32 boundsHash)
    {
        bytes32[] memory hashes = new bytes32[](calls.length);
        for (uint256 i = 0; i < calls.length; i++) hashes[i] = _call(calls[i]);
        callsHash = keccak256(abi.encodePacked(hashes));
        hashes = new bytes32[](bounds.length);
        for (uint256 i = 0; i < bounds.length; i++) hashes[i] = _bound(bounds[i]);
        boundsHash = keccak256(abi.encodePacked(hashes));
    }

    /// @dev keccak256(abi.encode(CALL, to, value, keccak256(data))), where the memory is free.
    function _call(IWarrantModule.Call calldata call) private pure returns (bytes32 hash) {
        (bytes32 typeHash, address to, uint256 value, bytes calldata data) = (CALL, call.to, call.value, call.data);
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, data.offset, data.length)
            let dataHash := keccak256(free, data.length)
            mstore(free, typeHash)
            mstore(add(free, 0x20), to)
            mstore(add(free, 0x40), value)
            mstore(add(free, 0x60), dataHash)
            hash := keccak256(free, 0x80)
        }
    }

    /// @dev keccak256(abi.encode(BOUND, kind, target, id, limit)): its four words stand in the calldata as they are hashed.
    function _bound(IWarrantModule.Bound calldata bound) private pure returns (bytes32 hash) {
        bytes32 typeHash = BOUND;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            calldatacopy(add(free, 0x20), bound, 0x80)
            hash := keccak256(free, 0xa0)
        }
    }

    function approval(address safe, bytes32 callsHash, bytes32 boundsHash, uint256 nonce, uint64 validUntil)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(APPROVAL, safe, callsHash, boundsHash, nonce, validUntil));
    }

    function verdict(IWarrantModule.Verdict calldata v, bytes32 callsHash, bytes32 boundsHash)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                VERDICT,
                v.safe,
                v.nonce,
                callsHash,
                boundsHash,
                v.proposalDigest,
                v.policyDigest,
                v.executor,
                v.refBlock,
                v.refBlockHash,
                v.validUntil
            )
        );
    }

    /// @return signer zero when the signature is not 65 bytes, not canonical, or not one at all
    function recover(bytes32 digest, bytes calldata signature) internal pure returns (address signer) {
        if (signature.length != 65) return address(0);
        bytes32 r = bytes32(signature[0:32]);
        bytes32 s = bytes32(signature[32:64]);
        if (uint256(s) > HALF_ORDER) return address(0);
        return ecrecover(digest, uint8(signature[64]), r, s);
    }
}
