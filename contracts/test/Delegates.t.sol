// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EpochStatement, EscrowTest, IDelegation, IMizanEscrow, Item, Limits, Statements, vm} from "./EscrowTest.sol";

/// A delegate that is live, may credit payees 0 to 2 and at most 100 units every ten minutes.
contract DelegatesTest is EscrowTest {
    uint256 private constant HOT_KEY = 0x407;
    uint64 private constant CAP = 100;
    uint32 private constant INTERVAL = 10 minutes;

    address private hot;

    function setUp() public override {
        super.setUp();
        hot = vm.addr(HOT_KEY);
        vm.prank(payer);
        escrow.addDelegate(hot);
        vm.prank(payer);
        escrow.setLimits(CAP, INTERVAL);
        vm.prank(payer);
        escrow.allowPayees(0, 7);
        vm.warp(block.timestamp + THAW);
        escrow.admitPayees(payer, 0);
    }

    function hotSigned(Item[] memory items, uint64 epoch, uint128 total)
        private
        view
        returns (EpochStatement memory s, bytes memory list, bytes memory signature)
    {
        list = Statements.pack(items);
        s = statementOver(list, epoch, total);
        s.validUntil = type(uint64).max;
        signature = Statements.sign(HOT_KEY, s, address(escrow));
    }

    function settleHot(Item[] memory items, uint64 epoch, uint128 total) private {
        (EpochStatement memory s, bytes memory list, bytes memory signature) = hotSigned(items, epoch, total);
        escrow.settle(s, list, signature);
    }

    function hotFails(Item[] memory items, uint64 epoch, uint128 total, bytes memory failure) private {
        (EpochStatement memory s, bytes memory list, bytes memory signature) = hotSigned(items, epoch, total);
        vm.expectRevert(failure);
        escrow.settle(s, list, signature);
    }

    function wrong() private pure returns (bytes memory) {
        return abi.encodeWithSelector(IMizanEscrow.SignatureWrong.selector);
    }

    function test_a_delegate_signs_statements_within_its_limits() public {
        settleHot(two(0, 60, 2, 40), 1, 100);
        eq(creditOf(0), 60, "first");
        eq(creditOf(2), 40, "second");
        eq(escrow.limitsOf(payer).lastAt, block.timestamp, "last");
    }

    function test_a_delegate_cannot_do_what_only_the_payer_may() public {
        vm.prank(hot);
        vm.expectRevert(abi.encodeWithSelector(IMizanEscrow.DepositInsufficient.selector, 0, 1));
        escrow.thaw(1);
        vm.prank(hot);
        escrow.setLimits(1e6, 0);
        vm.prank(hot);
        escrow.allowPayees(0, 31);
        eq(escrow.limitsOf(payer).epochCap, CAP, "the payer's limits stay");
        (uint256 bits,,) = escrow.allowedPayees(payer, 0);
        eq(bits, 7, "the payer's list stays");
    }

    function test_a_delegate_cannot_credit_a_payee_that_is_not_on_the_list() public {
        hotFails(two(0, 1, 3, 1), 1, 2, abi.encodeWithSelector(IDelegation.PayeeNotAllowed.selector, 3));
        for (uint160 i = 5; i < 260; ++i) {
            escrow.register(address(0x10000 + i));
        }
        hotFails(one(256, 1), 1, 1, abi.encodeWithSelector(IDelegation.PayeeNotAllowed.selector, 256));
        settle(two(0, 1, 3, 1), 1, 2);
        eq(creditOf(3), 1, "the payer itself may");
    }

    function test_every_allowed_payee_and_no_other_can_be_credited_over_words() public {
        for (uint160 i = 5; i < 520; ++i) {
            escrow.register(address(0x10000 + i));
        }
        vm.prank(payer);
        escrow.allowPayees(1, 1 << 255);
        vm.prank(payer);
        escrow.allowPayees(2, 1);
        vm.warp(block.timestamp + THAW);
        escrow.admitPayees(payer, 1);
        escrow.admitPayees(payer, 2);
        settleHot(two(511, 1, 512, 1), 1, 2);
        vm.warp(block.timestamp + INTERVAL);
        hotFails(two(510, 1, 512, 2), 2, 4, abi.encodeWithSelector(IDelegation.PayeeNotAllowed.selector, 510));
    }

    function test_a_delegate_is_held_to_the_cap_and_the_interval_and_the_payer_is_not() public {
        hotFails(one(0, 101), 1, 101, abi.encodeWithSelector(IDelegation.EpochCapExceeded.selector, 100, 101));
        settleHot(one(0, 100), 1, 100);
        uint256 endsAt = block.timestamp + INTERVAL;
        vm.warp(endsAt - 1);
        hotFails(one(0, 101), 2, 101, abi.encodeWithSelector(IDelegation.IntervalNotOver.selector, endsAt));
        settle(one(0, 700), 2, 700);
        vm.warp(endsAt);
        settleHot(one(0, 800), 3, 800);
    }

    function test_a_new_delegate_waits_for_the_thaw_time() public {
        address other = vm.addr(0x408);
        vm.prank(payer);
        escrow.addDelegate(other);
        EpochStatement memory s = statementOver(Statements.pack(one(0, 1)), 1, 1);
        s.validUntil = type(uint64).max;
        bytes memory signature = Statements.sign(0x408, s, address(escrow));
        uint256 liveFrom = block.timestamp + THAW;
        vm.warp(liveFrom - 1);
        vm.expectRevert(IMizanEscrow.SignatureWrong.selector);
        escrow.settle(s, Statements.pack(one(0, 1)), signature);
        vm.warp(liveFrom);
        escrow.settle(s, Statements.pack(one(0, 1)), signature);
    }

    function test_without_a_deposit_there_is_nothing_to_wait_for() public {
        address fresh = vm.addr(0xF2E);
        vm.prank(fresh);
        escrow.addDelegate(hot);
        vm.prank(fresh);
        escrow.setLimits(5, 1);
        vm.prank(fresh);
        escrow.allowPayees(0, 3);
        (uint64 liveFrom,) = escrow.delegateOf(fresh, hot);
        eq(liveFrom, block.timestamp, "live");
        eq(escrow.limitsOf(fresh).epochCap, 5, "cap");
        (uint256 bits, uint256 announced,) = escrow.allowedPayees(fresh, 0);
        eq(bits, 3, "allowed");
        eq(announced, 0, "announced");
    }

    function test_raised_limits_wait_and_lowered_ones_hold_at_once() public {
        vm.prank(payer);
        escrow.setLimits(500, INTERVAL);
        uint256 nextAt = block.timestamp + THAW;
        vm.warp(nextAt - 1);
        hotFails(one(0, 101), 1, 101, abi.encodeWithSelector(IDelegation.EpochCapExceeded.selector, 100, 101));
        vm.warp(nextAt);
        settleHot(one(0, 500), 1, 500);
        vm.prank(payer);
        escrow.setLimits(20, INTERVAL);
        vm.warp(block.timestamp + INTERVAL);
        hotFails(one(0, 521), 2, 521, abi.encodeWithSelector(IDelegation.EpochCapExceeded.selector, 20, 21));
        settleHot(one(0, 520), 2, 520);
    }

    function test_a_change_that_lowers_one_limit_and_raises_the_other_does_each_in_its_time() public {
        vm.prank(payer);
        escrow.setLimits(50, 1 minutes);
        Limits memory now_ = escrow.limitsOf(payer);
        eq(now_.epochCap, 50, "lower cap at once");
        eq(now_.minInterval, INTERVAL, "shorter interval later");
        vm.warp(block.timestamp + THAW);
        now_ = escrow.limitsOf(payer);
        eq(now_.epochCap, 50, "cap");
        eq(now_.minInterval, 1 minutes, "interval");
        eq(now_.nextAt, 0, "nothing announced");
        vm.prank(payer);
        escrow.setLimits(60, 2 minutes);
        now_ = escrow.limitsOf(payer);
        eq(now_.epochCap, 50, "higher cap later");
        eq(now_.minInterval, 2 minutes, "longer interval at once");
    }

    function test_lowering_drops_a_raise_that_was_announced() public {
        vm.prank(payer);
        escrow.setLimits(500, INTERVAL);
        vm.prank(payer);
        escrow.setLimits(10, INTERVAL);
        vm.warp(block.timestamp + 2 * THAW);
        eq(escrow.limitsOf(payer).epochCap, 10, "cap");
    }

    function test_a_wider_list_waits_and_a_narrower_one_holds_at_once() public {
        vm.prank(payer);
        escrow.allowPayees(0, 8);
        uint256 at = block.timestamp + THAW;
        vm.warp(at - 1);
        vm.expectRevert(abi.encodeWithSelector(IDelegation.NotYet.selector, at));
        escrow.admitPayees(payer, 0);
        hotFails(one(3, 1), 1, 1, abi.encodeWithSelector(IDelegation.PayeeNotAllowed.selector, 3));
        vm.warp(at);
        escrow.admitPayees(payer, 0);
        settleHot(one(3, 1), 1, 1);
        vm.prank(payer);
        escrow.dropPayees(0, 1);
        vm.warp(block.timestamp + INTERVAL);
        hotFails(one(0, 1), 2, 2, abi.encodeWithSelector(IDelegation.PayeeNotAllowed.selector, 0));
    }

    function test_a_second_announcement_restarts_the_clock_and_a_dropped_one_is_never_admitted() public {
        vm.prank(payer);
        escrow.allowPayees(0, 8);
        vm.warp(block.timestamp + THAW - 1);
        vm.prank(payer);
        escrow.allowPayees(0, 16);
        (, uint256 announced, uint64 at) = escrow.allowedPayees(payer, 0);
        eq(announced, 24, "both");
        eq(at, block.timestamp + THAW, "clock");
        vm.prank(payer);
        escrow.dropPayees(0, 24);
        vm.warp(at);
        vm.expectRevert(IDelegation.NothingChanged.selector);
        escrow.admitPayees(payer, 0);
        vm.prank(payer);
        vm.expectRevert(IDelegation.NothingChanged.selector);
        escrow.allowPayees(0, 7);
        vm.prank(payer);
        vm.expectRevert(IDelegation.NothingChanged.selector);
        escrow.dropPayees(0, 8);
    }

    function test_what_a_revoked_delegate_handed_out_lands_until_its_thaw_ends() public {
        (EpochStatement memory s, bytes memory list, bytes memory signature) = hotSigned(one(0, 5), 1, 5);
        vm.prank(payer);
        escrow.revokeDelegate(hot);
        uint256 until = block.timestamp + THAW;
        vm.warp(until);
        escrow.settle(s, list, signature);
        vm.warp(until + 1);
        hotFails(one(0, 6), 2, 6, wrong());
    }

    function test_a_revoked_delegate_is_revoked_once_and_one_never_live_ends_at_once() public {
        vm.prank(payer);
        escrow.revokeDelegate(hot);
        (, uint64 until) = escrow.delegateOf(payer, hot);
        vm.warp(block.timestamp + 100);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IDelegation.DelegateInvalid.selector, hot));
        escrow.revokeDelegate(hot);
        address other = vm.addr(0x408);
        vm.prank(payer);
        escrow.addDelegate(other);
        vm.prank(payer);
        escrow.revokeDelegate(other);
        vm.warp(until + THAW);
        EpochStatement memory s = statementOver(Statements.pack(one(0, 1)), 1, 1);
        bytes memory signature = Statements.sign(0x408, s, address(escrow));
        vm.expectRevert(IMizanEscrow.SignatureWrong.selector);
        escrow.settle(s, Statements.pack(one(0, 1)), signature);
    }

    function test_a_delegate_added_again_does_not_make_an_old_statement_land_twice() public {
        (EpochStatement memory s, bytes memory list, bytes memory signature) = hotSigned(one(0, 5), 1, 5);
        escrow.settle(s, list, signature);
        vm.prank(payer);
        escrow.revokeDelegate(hot);
        vm.warp(block.timestamp + THAW + 1);
        vm.prank(payer);
        escrow.addDelegate(hot);
        vm.warp(block.timestamp + THAW - 1);
        hotFails(one(0, 6), 2, 6, wrong());
        vm.warp(block.timestamp + 1);
        vm.expectRevert(abi.encodeWithSelector(IMizanEscrow.EpochStale.selector, 1, 1));
        escrow.settle(s, list, signature);
        settleHot(one(0, 6), 2, 6);
    }

    function test_a_delegate_added_again_within_its_thaw_stays_live() public {
        vm.prank(payer);
        escrow.revokeDelegate(hot);
        vm.prank(payer);
        escrow.addDelegate(hot);
        settleHot(one(0, 5), 1, 5);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IDelegation.DelegateInvalid.selector, hot));
        escrow.addDelegate(hot);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IDelegation.DelegateInvalid.selector, address(0)));
        escrow.addDelegate(address(0));
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IDelegation.DelegateInvalid.selector, payer));
        escrow.addDelegate(payer);
    }

    function test_a_delegate_of_one_payer_signs_for_no_other() public {
        address other = vm.addr(0x0735);
        fund(other, 100);
        bytes memory list = Statements.pack(one(0, 5));
        EpochStatement memory s = statementOver(list, 1, 5);
        s.payer = other;
        bytes memory signature = Statements.sign(HOT_KEY, s, address(escrow));
        vm.expectRevert(IMizanEscrow.SignatureWrong.selector);
        escrow.settle(s, list, signature);
    }

    function test_nobody_uses_up_the_epochs_or_the_audit_size_at_one_stroke() public {
        bytes memory list = Statements.pack(one(0, 5));
        EpochStatement memory s = statementOver(list, 1, 5);
        s.epoch = 2 ** 32 + 1;
        settleFails(list, s, abi.encodeWithSelector(IMizanEscrow.StepTooLarge.selector));
        s.epoch = 2 ** 32;
        s.auditSize = 2 ** 40 + 1;
        settleFails(list, s, abi.encodeWithSelector(IMizanEscrow.StepTooLarge.selector));
        s.auditSize = 2 ** 40;
        escrow.settle(s, list, signed(s));
    }

    function testFuzz_a_stolen_delegate_takes_no_more_than_a_cap_an_interval(uint8 tries, uint16 gap) public {
        uint256 elapsed = 0;
        uint256 start = vm.getBlockTimestamp(); // the compiler takes block.timestamp for constant
        uint64 taken = 0;
        for (uint64 i = 1; i <= uint64(tries) % 20 + 1; ++i) {
            (EpochStatement memory s, bytes memory list, bytes memory signature) =
                hotSigned(one(0, taken + CAP), i, taken + CAP);
            (bool landed,) = address(escrow).call(abi.encodeCall(IMizanEscrow.settle, (s, list, signature)));
            if (landed) taken += CAP;
            elapsed += gap % 1_000;
            vm.warp(start + elapsed);
        }
        require(taken <= CAP * (elapsed / INTERVAL + 1), "more than the limits");
        eq(escrow.payerOf(payer).available, DEPOSIT - taken, "available");
    }

    function testFuzz_exactly_the_lists_without_a_payee_off_the_list_land(uint256 allowed, uint256 named) public {
        address fresh = vm.addr(0xF2E);
        vm.prank(fresh);
        escrow.addDelegate(hot);
        vm.prank(fresh);
        escrow.setLimits(type(uint64).max, 0);
        for (uint160 i = 5; i < 300; ++i) {
            escrow.register(address(0x10000 + i));
        }
        allowed |= 1; // one at least, or nothing would change
        vm.prank(fresh);
        escrow.allowPayees(0, allowed);
        vm.prank(fresh);
        escrow.allowPayees(1, allowed >> 212 | 1);
        fund(fresh, 1_000);
        bytes memory list;
        uint128 total = 0;
        bool right = true;
        for (uint32 i = 0; i < 300; ++i) {
            // A subset of the allowed payees, and now and then one that is not.
            bool may = (i < 256 ? allowed >> i : (allowed >> 212 | 1) >> (i - 256)) & 1 == 1;
            if ((named >> (i % 256)) & 1 == 0 || (!may && uint256(keccak256(abi.encode(named, i))) % 100 != 0)) continue;
            list = abi.encodePacked(list, i, uint64(1));
            total += 1;
            right = right && may;
        }
        EpochStatement memory s = statementOver(list, 1, total);
        s.payer = fresh;
        bytes memory signature = Statements.sign(HOT_KEY, s, address(escrow));
        (bool landed,) = address(escrow).call(abi.encodeCall(IMizanEscrow.settle, (s, list, signature)));
        require(landed == right, "landed");
    }
}
