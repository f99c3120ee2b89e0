// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

interface IPool {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function slot0() external view returns (uint160 sqrtPriceX96, int24, uint16, uint16, uint16, uint8, bool);
    function mint(address recipient, int24 tickLower, int24 tickUpper, uint128 amount, bytes calldata data)
        external
        returns (uint256, uint256);
    function swap(address recipient, bool zeroForOne, int256 amount, uint160 limit, bytes calldata data)
        external
        returns (int256, int256);
}

interface IToken {
    function transfer(address to, uint256 amount) external returns (bool);
}

/// @title The devnet's liquidity and its arbitrageur: moves a real Uniswap v3 pool to the price of each market bar.
contract DevMarketMaker {
    address public immutable arbitrageur;
    IPool public immutable pool;

    error NotTheArbitrageur(address caller);
    error NotThePool(address caller);

    constructor(address arbitrageur_, IPool pool_) {
        arbitrageur = arbitrageur_;
        pool = pool_;
    }

    modifier onlyArbitrageur() {
        if (msg.sender != arbitrageur) revert NotTheArbitrageur(msg.sender);
        _;
    }

    /// @param liquidity exact liquidity of one full-range position
    function seed(uint128 liquidity, int24 tickLower, int24 tickUpper) external onlyArbitrageur {
        pool.mint(address(this), tickLower, tickUpper, liquidity, "");
    }

    /// @notice Swaps until the pool's price is exactly `sqrtPriceX96`.
    function moveTo(uint160 sqrtPriceX96) external onlyArbitrageur {
        (uint160 current,,,,,,) = pool.slot0();
        if (current == sqrtPriceX96) return;
        pool.swap(address(this), sqrtPriceX96 < current, type(int128).max, sqrtPriceX96, "");
    }

    function uniswapV3MintCallback(uint256 owed0, uint256 owed1, bytes calldata) external {
        _pay(owed0, owed1);
    }

    function uniswapV3SwapCallback(int256 delta0, int256 delta1, bytes calldata) external {
        _pay(delta0 > 0 ? uint256(delta0) : 0, delta1 > 0 ? uint256(delta1) : 0);
    }

    function _pay(uint256 owed0, uint256 owed1) private {
        if (msg.sender != address(pool)) revert NotThePool(msg.sender);
        if (owed0 > 0) IToken(pool.token0()).transfer(msg.sender, owed0);
        if (owed1 > 0) IToken(pool.token1()).transfer(msg.sender, owed1);
    }
}
