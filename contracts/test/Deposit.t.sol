// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {MizanEscrow} from "../src/MizanEscrow.sol";
import {EscrowTest, IDepositIntake, IMizanEscrow, Payer, vm} from "./EscrowTest.sol";
import {TollToken} from "./Tokens.sol";

contract DepositTest is EscrowTest {
    function test_a_deposit_is_the_callers_and_counts_in_units() public view {
        eq(escrow.payerOf(payer).available, DEPOSIT, "available");
        eq(token.balanceOf(address(escrow)), DEPOSIT, "held");
    }

    function test_units_are_scaled_by_the_unit() public {
        escrow = new MizanEscrow(IERC20Metadata(address(token)), 1_000, THAW);
        token.mint(payer, 5_000);
        vm.prank(payer);
        token.approve(address(escrow), 5_000);
        vm.prank(payer);
        escrow.deposit(5);
        eq(escrow.payerOf(payer).available, 5, "available");
        eq(token.balanceOf(address(escrow)), 5_000, "held");
    }

    function test_nothing_cannot_be_deposited() public {
        vm.expectRevert(IDepositIntake.AmountZero.selector);
        escrow.deposit(0);
    }

    function test_a_token_that_takes_a_toll_is_refused() public {
        TollToken toll = new TollToken();
        escrow = new MizanEscrow(IERC20Metadata(address(toll)), 1, THAW);
        toll.mint(payer, 1_000);
        vm.prank(payer);
        toll.approve(address(escrow), 1_000);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IDepositIntake.TokenAmountWrong.selector, 1_000, 990));
        escrow.deposit(1_000);
    }

    function test_parameters_out_of_range_cannot_be_deployed() public {
        IERC20Metadata dollar = IERC20Metadata(address(token));
        vm.expectRevert(IDepositIntake.ParameterOutOfRange.selector);
        new MizanEscrow(dollar, 0, THAW);
        vm.expectRevert(IDepositIntake.ParameterOutOfRange.selector);
        new MizanEscrow(dollar, 1, 0);
        vm.expectRevert(IDepositIntake.ParameterOutOfRange.selector);
        new MizanEscrow(dollar, 1, type(uint64).max);
    }

    function test_immutables_are_what_was_given() public view {
        eq(uint160(address(escrow.token())), uint160(address(token)), "token");
        eq(escrow.unit(), 1, "unit");
        eq(escrow.thawSeconds(), THAW, "thaw");
    }

    function test_deposit_leaves_only_after_its_thaw() public {
        vm.prank(payer);
        escrow.thaw(300e6);
        uint256 endsAt = block.timestamp + THAW;
        vm.warp(endsAt - 1);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IMizanEscrow.ThawNotOver.selector, endsAt));
        escrow.withdrawDeposit(payer);
        vm.warp(endsAt);
        vm.prank(payer);
        escrow.withdrawDeposit(payer);
        eq(token.balanceOf(payer), 300e6, "paid");
        eq(escrow.payerOf(payer).available, DEPOSIT - 300e6, "left");
        vm.prank(payer);
        vm.expectRevert(IDepositIntake.AmountZero.selector);
        escrow.withdrawDeposit(payer);
    }

    function test_a_second_thaw_restarts_the_clock_for_all_of_it() public {
        vm.prank(payer);
        escrow.thaw(100e6);
        vm.warp(block.timestamp + THAW - 1);
        vm.prank(payer);
        escrow.thaw(1);
        Payer memory state = escrow.payerOf(payer);
        eq(state.thawing, 100e6 + 1, "thawing");
        eq(state.thawEndsAt, block.timestamp + THAW, "clock");
    }

    function test_more_than_the_deposit_cannot_thaw() public {
        vm.prank(payer);
        escrow.thaw(1);
        vm.prank(payer);
        vm.expectRevert(
            abi.encodeWithSelector(IMizanEscrow.DepositInsufficient.selector, DEPOSIT, DEPOSIT + 1)
        );
        escrow.thaw(uint64(DEPOSIT));
    }

    function test_a_cancelled_thaw_pays_nothing() public {
        vm.prank(payer);
        escrow.thaw(1);
        vm.prank(payer);
        escrow.cancelThaw();
        vm.warp(block.timestamp + THAW);
        vm.prank(payer);
        vm.expectRevert(IDepositIntake.AmountZero.selector);
        escrow.withdrawDeposit(payer);
    }

    function test_a_deposit_never_touches_a_thaw_nor_does_anybody_elses() public {
        vm.prank(payer);
        escrow.thaw(7);
        Payer memory before = escrow.payerOf(payer);
        vm.warp(block.timestamp + 5);
        fund(payer, 50);
        fund(address(0xD00D), 50);
        Payer memory later = escrow.payerOf(payer);
        eq(later.thawing, before.thawing, "thawing");
        eq(later.thawEndsAt, before.thawEndsAt, "clock");
    }

    function test_a_statement_eats_thawing_deposit_and_a_later_deposit_does_not_inherit_the_thaw() public {
        vm.prank(payer);
        escrow.thaw(uint64(DEPOSIT));
        settle(one(0, uint64(DEPOSIT) - 10), 1, DEPOSIT - 10);
        fund(payer, 500);
        vm.warp(block.timestamp + THAW);
        vm.prank(payer);
        escrow.withdrawDeposit(payer);
        eq(token.balanceOf(payer), 10, "only what stayed thawing");
        eq(escrow.payerOf(payer).available, 500, "the new deposit stays");
    }
}
