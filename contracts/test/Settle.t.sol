// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {MizanEscrow} from "../src/MizanEscrow.sol";
import {EpochStatement, EscrowTest, IMizanEscrow, Item, Payer, Statements, vm} from "./EscrowTest.sol";

contract SettleTest is EscrowTest {
    uint256 private constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;
    uint256 private constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    function list(Item[] memory items) private pure returns (bytes memory) {
        return Statements.pack(items);
    }

    function test_a_statement_credits_everybody_and_anchors_the_audit_head() public {
        settle(two(0, 30, 4, 12), 1, 42);
        eq(creditOf(0), 30, "first");
        eq(creditOf(4), 12, "last");
        Payer memory state = escrow.payerOf(payer);
        eq(state.available, DEPOSIT - 42, "available");
        eq(state.cumulativeTotal, 42, "total");
        eq(state.epoch, 1, "epoch");
        eq(state.auditSize, 10, "size");
        require(state.auditRoot == keccak256(abi.encode(uint64(1))), "root");
    }

    function test_later_statements_pay_only_what_rose() public {
        settle(two(0, 30, 4, 12), 1, 42);
        settle(two(0, 30, 1, 8), 7, 50);
        eq(creditOf(0), 30, "unchanged");
        eq(creditOf(1), 8, "new");
        eq(creditOf(4), 12, "not named");
        eq(escrow.payerOf(payer).available, DEPOSIT - 50, "available");
    }

    function test_an_empty_list_anchors_and_pays_nothing() public {
        settle(new Item[](0), 1, 0);
        eq(escrow.payerOf(payer).auditSize, 10, "size");
        eq(escrow.payerOf(payer).available, DEPOSIT, "available");
    }

    function test_the_same_statement_lands_once() public {
        bytes memory items = list(one(0, 5));
        EpochStatement memory s = statementOver(items, 1, 5);
        escrow.settle(s, items, signed(s));
        settleFails(items, s, abi.encodeWithSelector(IMizanEscrow.EpochStale.selector, 1, 1));
    }

    function test_only_the_payers_own_signature_counts() public {
        bytes memory items = list(one(0, 5));
        EpochStatement memory s = statementOver(items, 1, 5);
        bytes memory signature = Statements.sign(0xBAD, s, address(escrow));
        vm.expectRevert(IMizanEscrow.SignatureWrong.selector);
        escrow.settle(s, items, signature);
        vm.expectRevert(IMizanEscrow.SignatureWrong.selector);
        escrow.settle(s, items, "");
        s.payer = address(0);
        vm.expectRevert(IMizanEscrow.SignatureWrong.selector);
        escrow.settle(s, items, new bytes(65));
    }

    function test_a_signature_for_another_chain_or_contract_is_worth_nothing() public {
        bytes memory items = list(one(0, 5));
        EpochStatement memory s = statementOver(items, 1, 5);
        bytes memory signature = signed(s);
        uint256 home = block.chainid;
        vm.chainId(home + 1);
        vm.expectRevert(IMizanEscrow.SignatureWrong.selector);
        escrow.settle(s, items, signature);
        vm.chainId(home);
        MizanEscrow other = new MizanEscrow(IERC20Metadata(address(token)), 1, THAW);
        vm.expectRevert(IMizanEscrow.SignatureWrong.selector);
        other.settle(s, items, signature);
    }

    function test_the_high_s_twin_and_the_short_form_of_a_signature_are_refused() public {
        bytes memory items = list(one(0, 5));
        EpochStatement memory s = statementOver(items, 1, 5);
        (uint8 v, bytes32 r, bytes32 low) =
            vm.sign(PAYER_KEY, Statements.digest(s, block.chainid, address(escrow)));
        require(uint256(low) <= HALF_ORDER, "low");
        bytes memory high = abi.encodePacked(r, ORDER - uint256(low), v == 27 ? 28 : 27);
        vm.expectRevert(IMizanEscrow.SignatureWrong.selector);
        escrow.settle(s, items, high);
        bytes memory short = abi.encodePacked(r, uint256(low) | (uint256(v - 27) << 255));
        vm.expectRevert(IMizanEscrow.SignatureWrong.selector);
        escrow.settle(s, items, short);
    }

    function testFuzz_one_flipped_byte_anywhere_lands_nothing(uint256 at, uint8 flip) public {
        bytes memory items = list(two(0, 30, 4, 12));
        EpochStatement memory s = statementOver(items, 1, 42);
        bytes memory data = abi.encodeCall(IMizanEscrow.settle, (s, items, signed(s)));
        // Words 0..7 are the statement; the rest is offsets, the list, the signature and padding.
        at = 4 + (at % (8 * 32));
        if (flip == 0) flip = 1;
        data[at] ^= bytes1(flip);
        (bool landed,) = address(escrow).call(data);
        require(!landed, "landed");
    }

    function test_an_expired_statement_is_refused() public {
        bytes memory items = list(one(0, 5));
        EpochStatement memory s = statementOver(items, 1, 5);
        vm.warp(s.validUntil + 1);
        settleFails(items, s, abi.encodeWithSelector(IMizanEscrow.StatementExpired.selector, s.validUntil));
    }

    function test_the_list_must_be_the_signed_one() public {
        bytes memory items = list(one(0, 5));
        EpochStatement memory s = statementOver(items, 1, 5);
        bytes memory other = list(one(1, 5));
        settleFails(other, s, abi.encodeWithSelector(IMizanEscrow.ListHashWrong.selector, keccak256(other)));
    }

    function test_indices_must_strictly_ascend() public {
        bytes memory items = list(two(2, 5, 1, 5));
        settleFails(
            items, statementOver(items, 1, 10), abi.encodeWithSelector(IMizanEscrow.IndicesNotAscending.selector, 1)
        );
        items = list(two(2, 5, 2, 10));
        settleFails(
            items, statementOver(items, 1, 10), abi.encodeWithSelector(IMizanEscrow.IndicesNotAscending.selector, 2)
        );
    }

    function test_no_cumulative_total_falls() public {
        settle(two(0, 30, 1, 30), 1, 60);
        bytes memory items = list(two(0, 29, 1, 31));
        settleFails(
            items,
            statementOver(items, 2, 60),
            abi.encodeWithSelector(IMizanEscrow.CumulativeFell.selector, 0, 30, 29)
        );
        items = list(one(0, 30));
        settleFails(
            items, statementOver(items, 2, 59), abi.encodeWithSelector(IMizanEscrow.TotalFell.selector, 60, 59)
        );
    }

    function test_the_signed_total_is_the_sum_of_the_list() public {
        bytes memory items = list(two(0, 30, 1, 30));
        settleFails(
            items, statementOver(items, 1, 61), abi.encodeWithSelector(IMizanEscrow.TotalWrong.selector, 60, 61)
        );
        settleFails(
            items, statementOver(items, 1, 59), abi.encodeWithSelector(IMizanEscrow.TotalWrong.selector, 60, 59)
        );
    }

    function test_a_broken_list_is_refused() public {
        bytes memory items = abi.encodePacked(list(one(0, 5)), hex"00");
        settleFails(
            items, statementOver(items, 1, 5), abi.encodeWithSelector(IMizanEscrow.ListLengthWrong.selector, 13)
        );
    }

    function test_only_payees_under_the_signed_registry_can_be_credited() public {
        bytes memory items = list(one(5, 5));
        settleFails(
            items, statementOver(items, 1, 5), abi.encodeWithSelector(IMizanEscrow.PayeeUnknown.selector, 5)
        );
        EpochStatement memory older = statementOver(items, 1, 5);
        escrow.register(address(0xF00D));
        settleFails(items, older, abi.encodeWithSelector(IMizanEscrow.PayeeUnknown.selector, 5));
        EpochStatement memory never = statementOver(items, 1, 5);
        never.registryHash = keccak256("never");
        settleFails(
            items, never, abi.encodeWithSelector(IMizanEscrow.RegistryUnknown.selector, never.registryHash)
        );
        settle(one(5, 5), 1, 5);
    }

    function test_no_more_than_the_deposit_can_be_credited() public {
        bytes memory items = list(one(0, uint64(DEPOSIT) + 1));
        settleFails(
            items,
            statementOver(items, 1, DEPOSIT + 1),
            abi.encodeWithSelector(IMizanEscrow.DepositInsufficient.selector, DEPOSIT, DEPOSIT + 1)
        );
        settle(one(0, uint64(DEPOSIT)), 1, DEPOSIT);
    }

    function test_the_audit_head_neither_falls_nor_forks() public {
        settle(one(0, 5), 2, 5);
        bytes memory items = list(one(0, 6));
        EpochStatement memory smaller = statementOver(items, 3, 6);
        smaller.auditSize = 19;
        settleFails(items, smaller, abi.encodeWithSelector(IMizanEscrow.AuditRolledBack.selector, 20, 19));
        EpochStatement memory forked = statementOver(items, 3, 6);
        forked.auditSize = 20;
        settleFails(items, forked, abi.encodeWithSelector(IMizanEscrow.AuditRolledBack.selector, 20, 20));
        EpochStatement memory same = statementOver(items, 3, 6);
        same.auditSize = 20;
        same.auditRoot = escrow.payerOf(payer).auditRoot;
        escrow.settle(same, items, signed(same));
    }

    function testFuzz_payees_in_one_word_never_touch_each_other(uint64[5] memory first, uint64[5] memory more)
        public
    {
        uint128 total = 0;
        Item[] memory items = new Item[](5);
        for (uint32 i = 0; i < 5; ++i) {
            items[i] = Item(i, first[i] % 1e8);
            total += items[i].cumulative;
        }
        settle(items, 1, total);
        for (uint32 i = 0; i < 5; ++i) {
            items[i].cumulative += more[i] % 1e8;
            total += more[i] % 1e8;
        }
        settle(items, 2, total);
        for (uint32 i = 0; i < 5; ++i) {
            eq(creditOf(i), items[i].cumulative, "credit");
        }
    }
}
