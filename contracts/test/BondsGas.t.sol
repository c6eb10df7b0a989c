// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BondsTest} from "./BondsTest.sol";
import {vm} from "./EscrowTest.sol";

/// Gas of what providers, claimants and judges call, kept in git: whole transactions.
contract BondsGasTest is BondsTest {
    function spent(string memory name) private {
        vm.snapshotGasLastCall("MizanBonds", name);
    }

    function test_gas_of_a_bond() public {
        vm.prank(provider);
        bonds.deposit(50);
        spent("deposit by approval");
        vm.prank(provider);
        bonds.thaw(50);
        spent("thaw");
        wait(THAW);
        vm.prank(provider);
        bonds.withdraw(address(0xCAFE));
        spent("withdraw, new holder");
    }

    function test_gas_of_a_claim() public {
        bytes32 id = file(400);
        spent("claim, first");
        answer(id);
        spent("answer");
        rule(arbiter, id, 300);
        spent("rule");
        appeal(provider, id);
        spent("appeal");
        rule(court, id, 200);
        spent("rule, by the court");
        bonds.close(id);
        spent("close");
        wait(THAW);
        vm.prank(claimant);
        bonds.collect(id, claimant);
        spent("collect");
    }
}
