// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IArbSys} from "./interfaces/IArbSys.sol";

/// @title Numbers and hashes of the blocks that verdicts name: those of the chain whose nodes verifiers ask.
library ReferenceBlock {
    /// @dev On Arbitrum `block.number` and `blockhash` are Ethereum's; its own are told by this precompile.
    address private constant ARB_SYS = address(0x64);
    /// @dev EIP-2935: the hashes of the last 8,191 blocks (on Arbitrum of more), by a call with the number alone.
    address private constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    /// @return whether this chain's blocks are told by ArbSys
    function isArbitrum() internal view returns (bool) {
        (bool success, bytes memory result) = ARB_SYS.staticcall(abi.encodeCall(IArbSys.arbBlockNumber, ()));
        return success && result.length == 32;
    }

    function current(bool arbitrum) internal view returns (uint256) {
        return arbitrum ? IArbSys(ARB_SYS).arbBlockNumber() : block.number;
    }

    /// @return hash 0 where the chain does not know it any more
    function hashOf(uint256 number, bool arbitrum) internal view returns (bytes32 hash) {
        hash = arbitrum
            ? _ask(ARB_SYS, abi.encodeCall(IArbSys.arbBlockHash, (number)))
            : blockhash(number);
        if (hash == 0) hash = _ask(HISTORY, abi.encode(number));
    }

    function _ask(address who, bytes memory data) private view returns (bytes32) {
        (bool success, bytes memory result) = who.staticcall(data);
        return success && result.length == 32 ? abi.decode(result, (bytes32)) : bytes32(0);
    }
}
