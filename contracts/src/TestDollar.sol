// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title Test money without value
/// @notice A dollar token with 6 decimals that anyone may mint. For local chains and test networks only.
contract TestDollar is ERC20("Mizan Test Dollar", "tUSD") {
    /// @notice Creates `amount` base units (1e-6 of a test dollar) for `to`.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice As in most dollar tokens: 6.
    function decimals() public pure override returns (uint8) {
        return 6;
    }
}
