// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title What the owners set and every execution reads, as the code of an account: one cold account costs 2,600 gas,
///        each of its words 3, where a slot for each value would cost 2,100.
/// @dev Replaced whole. The encoding starts with the offset of an array, so the code starts with STOP and does nothing.
library OwnersTerms {
    /// @param assets what must not fall unless a bound names it; 0 is the native coin
    /// @param verifiers ascending
    struct Terms {
        address[] assets;
        address[] verifiers;
        bytes32 policyDigest;
    }

    function store(Terms memory terms) internal returns (address) {
        return address(new TermsData(abi.encode(terms.assets, terms.verifiers, terms.policyDigest)));
    }

    function load(address data) internal view returns (Terms memory terms) {
        (terms.assets, terms.verifiers, terms.policyDigest) = abi.decode(data.code, (address[], address[], bytes32));
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
