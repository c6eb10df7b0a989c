// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Bond, Claim} from "../src/IMizanBonds.sol";
import {MizanBonds} from "../src/MizanBonds.sol";
import {TestDollar} from "../src/TestDollar.sol";
import {BondsHandler} from "./BondsHandler.sol";
import {vm} from "./EscrowTest.sol";

contract BondsInvariantsTest {
    MizanBonds private bonds;
    TestDollar private token;
    BondsHandler private handler;

    function setUp() public {
        vm.warp(1_800_000_000);
        token = new TestDollar();
        bonds = new MizanBonds(IERC20Metadata(address(token)), 1, 40, 5, 7);
        handler = new BondsHandler(token, bonds);
    }

    /// Read by forge: only the handler is called.
    function targetContracts() public view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    function invariant_nothing_forbidden_happens() public view {
        require(bytes(handler.crime()).length == 0, handler.crime());
    }

    function invariant_the_contract_holds_bonds_stakes_dues_and_what_is_burnt_to_the_unit() public view {
        uint256 owed = bonds.burnt();
        for (uint256 i = 0; i < 2; ++i) {
            owed += bonds.bondOf(handler.provider(i)).units;
        }
        for (uint256 i = 0; i < handler.count(); ++i) {
            Claim memory claim = bonds.claimOf(handler.ids(i));
            if (claim.closedAt != 0) owed += claim.due;
            else owed += claim.appealedAt == 0 ? claim.stake : 2 * claim.stake;
        }
        uint256 held = token.balanceOf(address(bonds));
        require(held == owed, "held != owed");
        require(handler.arrived() == held + handler.left(), "money came or went");
    }

    function invariant_a_bond_is_held_by_its_open_claims_and_by_nothing_else() public view {
        uint256[2] memory open;
        for (uint256 i = 0; i < handler.count(); ++i) {
            Claim memory claim = bonds.claimOf(handler.ids(i));
            if (claim.closedAt != 0) continue;
            open[claim.provider == handler.provider(0) ? 0 : 1] += claim.units;
        }
        for (uint256 i = 0; i < 2; ++i) {
            Bond memory bond = bonds.bondOf(handler.provider(i));
            require(bond.held == open[i], "held");
            require(bond.thawing <= bond.units, "thawing");
        }
        require(bonds.burnt() <= handler.granted() / 10 + handler.count(), "burnt");
    }
}
