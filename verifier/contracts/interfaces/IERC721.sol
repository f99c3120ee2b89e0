// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title The two reads of ERC-721 that bounds and approval checks need.
interface IERC721 {
    function ownerOf(uint256 id) external view returns (address);
    function isApprovedForAll(address owner, address operator) external view returns (bool);
}
