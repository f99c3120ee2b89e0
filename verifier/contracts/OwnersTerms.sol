// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title What the owners set and every execution reads, as the code of an account: one cold account costs 2,600 gas,
///        each of its words 3, where a slot for each value would cost 2,100.
/// @dev Replaced whole. The code is what the two lists are in memory, and the digest: it is used where it is copied to. It
///      starts with the length of a short list, so with STOP, and does nothing.
library OwnersTerms {
    /// @param assets what must not fall unless a bound names it; 0 is the native coin
    /// @param verifiers ascending
    struct Terms {
        address[] assets;
        address[] verifiers;
        bytes32 policyDigest;
    }

    function store(Terms memory terms) internal returns (address) {
        return address(
            new TermsData(
                abi.encodePacked(
                    terms.assets.length, terms.assets, terms.verifiers.length, terms.verifiers, terms.policyDigest
                )
            )
        );
    }

    function load(address data) internal view returns (Terms memory terms) {
        address[] memory assets;
        address[] memory verifiers;
        bytes32 policyDigest;
        assembly ("memory-safe") {
            let size := extcodesize(data)
            assets := mload(0x40)
            extcodecopy(data, assets, 0, size)
            mstore(0x40, add(assets, size))
            verifiers := add(assets, shl(5, add(mload(assets), 1)))
            policyDigest := mload(add(verifiers, shl(5, add(mload(verifiers), 1))))
        }
        (terms.assets, terms.verifiers, terms.policyDigest) = (assets, verifiers, policyDigest);
    }
}

/// @dev An account whose code is `data`.
contract TermsData {
    constructor(bytes memory data) {
        assembly {
            return(add(data, 32), mload(data))
        }
    }
}
