// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EpochStatement, EscrowTest, Item, Statements, vm} from "./EscrowTest.sol";

/// Execution gas (without the transaction's own base and calldata) of the calls that cost; kept in git.
contract GasTest is EscrowTest {
    function settleMany(uint32 count, uint64 epoch, string memory name) private {
        Item[] memory items = new Item[](count);
        uint128 total = 0;
        for (uint32 i = 0; i < count; ++i) {
            items[i] = Item(i, epoch * (1_000 + i));
            total += items[i].cumulative;
        }
        bytes memory list = Statements.pack(items);
        EpochStatement memory s = statementOver(list, epoch, total);
        bytes memory signature = signed(s);
        escrow.settle(s, list, signature);
        vm.snapshotGasLastCall("MizanEscrow", name);
    }

    function test_gas() public {
        for (uint160 i = 0; i < 995; ++i) {
            escrow.register(address(0x10000 + i));
        }
        vm.snapshotGasLastCall("MizanEscrow", "register");
        settleMany(0, 1, "settle, nobody, anchor only");
        settleMany(200, 2, "settle, 200 new payees");
        settleMany(200, 3, "settle, 200 payees");
        settleMany(1_000, 4, "settle, 1,000 payees, 800 of them new");
        vm.prank(payees[0]);
        escrow.withdraw(payers(), 0, payees[0]);
        vm.snapshotGasLastCall("MizanEscrow", "withdraw");
        uint32[] memory indices = new uint32[](50);
        for (uint32 i = 0; i < 50; ++i) {
            indices[i] = 100 + i;
        }
        escrow.pushMany(payers(), indices);
        vm.snapshotGasLastCall("MizanEscrow", "pushMany, 50 new holders");
    }

    function test_the_largest_epoch_fits_a_transaction() public {
        for (uint160 i = 0; i < 995; ++i) {
            escrow.register(address(0x10000 + i));
        }
        Item[] memory items = new Item[](1_000);
        for (uint32 i = 0; i < 1_000; ++i) {
            items[i] = Item(i, 1);
        }
        bytes memory list = Statements.pack(items);
        EpochStatement memory s = statementOver(list, 1, 1_000);
        bytes memory signature = signed(s);
        uint256 before = gasleft();
        escrow.settle(s, list, signature);
        // 2^24 is the cap of one transaction; the rest of it is for calldata.
        require(before - gasleft() < 2 ** 23, "too dear");
    }
}
