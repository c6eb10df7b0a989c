// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IDepositIntake} from "../src/IDepositIntake.sol";
import {Claim, IMizanBonds} from "../src/IMizanBonds.sol";
import {MizanBonds} from "../src/MizanBonds.sol";
import {TestDollar} from "../src/TestDollar.sol";
import {BondsTest} from "./BondsTest.sol";
import {vm} from "./EscrowTest.sol";
import {HostileDollar, LateToll, TollToken} from "./Tokens.sol";

/// A bond is slashed by nothing but a claim that was open to an answer, ruled on and final.
contract ClaimsTest is BondsTest {
    function collect(bytes32 id) private {
        vm.prank(claimant);
        bonds.collect(id, claimant);
    }

    function test_a_granted_claim_takes_nine_tenths_for_the_claimant_and_burns_the_rest() public {
        bytes32 id = file(400);
        eq(token.balanceOf(claimant), 980, "a twentieth at stake");
        answer(id);
        rule(arbiter, id, 300);
        wait(ANSWER + 1);
        bonds.close(id);
        eq(unitsOf(provider), 700, "slashed");
        eq(bonds.burnt(), 30, "burnt");
        eq(bonds.claimOf(id).due, 270 + 20, "due with the stake");
        eq(bonds.bondOf(provider).held, 0, "released");
        wait(THAW - ANSWER - 2);
        vm.prank(claimant);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.TooEarly.selector, 1_800_000_000 + THAW));
        bonds.collect(id, claimant);
        wait(1);
        collect(id);
        eq(token.balanceOf(claimant), 980 + 290, "collected");
        vm.prank(claimant);
        vm.expectRevert(IDepositIntake.AmountZero.selector);
        bonds.collect(id, claimant);
    }

    function test_a_rejected_claim_loses_its_stake_to_the_bond() public {
        bytes32 id = file(401);
        answer(id);
        rule(arbiter, id, 0);
        wait(ANSWER + 1);
        bonds.close(id);
        eq(unitsOf(provider), BOND + 21, "the stake, rounded up");
        eq(bonds.claimOf(id).due, 0, "nothing due");
    }

    function test_a_silent_arbiter_costs_nobody_anything() public {
        bytes32 id = file(400);
        wait(ANSWER + RULING);
        vm.expectPartialRevert(IMizanBonds.TooEarly.selector);
        bonds.close(id);
        wait(1);
        vm.prank(arbiter);
        vm.expectPartialRevert(IMizanBonds.TooLate.selector);
        bonds.rule(id, 400);
        bonds.close(id);
        collect(id);
        eq(token.balanceOf(claimant), 1_000, "stake back");
        eq(unitsOf(provider), BOND, "whole");
    }

    function test_the_provider_is_heard_before_the_arbiter_rules() public {
        bytes32 id = file(400);
        wait(ANSWER);
        vm.prank(arbiter);
        vm.expectPartialRevert(IMizanBonds.TooEarly.selector);
        bonds.rule(id, 400);
        wait(1);
        vm.prank(provider);
        vm.expectPartialRevert(IMizanBonds.TooLate.selector);
        bonds.answer(id, "late");
        rule(arbiter, id, 400);
        vm.prank(arbiter);
        vm.expectRevert(IMizanBonds.AlreadyDone.selector);
        bonds.rule(id, 0);
    }

    function test_only_the_named_judges_rule_and_only_the_provider_answers() public {
        bytes32 id = file(400);
        vm.prank(claimant);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.NotYours.selector, claimant));
        bonds.answer(id, "");
        answer(id);
        vm.prank(provider);
        vm.expectRevert(IMizanBonds.AlreadyDone.selector);
        bonds.answer(id, "again");
        address[3] memory others = [court, claimant, provider];
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(IMizanBonds.NotYours.selector, others[i]));
            bonds.rule(id, 1);
        }
        vm.prank(arbiter);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.ClaimTooLarge.selector, 400, 401));
        bonds.rule(id, 401);
        rule(arbiter, id, 400);
        appeal(provider, id);
        vm.prank(arbiter);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.NotYours.selector, arbiter));
        bonds.rule(id, 400);
    }

    function test_an_appeal_that_wins_gets_its_stake_back_and_one_that_loses_pays_the_other_side() public {
        bytes32 id = file(400, "a");
        answer(id);
        rule(arbiter, id, 400);
        appeal(provider, id);
        rule(court, id, 0);
        bonds.close(id);
        eq(unitsOf(provider), BOND + 20 + 20, "both stakes");
        eq(bonds.claimOf(id).due, 0, "nothing");

        id = file(400, "b");
        answer(id);
        rule(arbiter, id, 400);
        appeal(provider, id);
        rule(court, id, 400);
        bonds.close(id);
        eq(bonds.claimOf(id).due, 360 + 20 + 20, "award and both stakes");

        id = file(100, "c");
        answer(id);
        rule(arbiter, id, 50);
        appeal(claimant, id);
        rule(court, id, 100);
        bonds.close(id);
        eq(bonds.claimOf(id).due, 90 + 5 + 5, "more, and both stakes");

        uint128 before = unitsOf(provider);
        id = file(100, "d");
        answer(id);
        rule(arbiter, id, 50);
        appeal(claimant, id);
        rule(court, id, 10);
        bonds.close(id);
        eq(bonds.claimOf(id).due, 9 + 5, "less, and the appeal's stake is lost");
        eq(unitsOf(provider), before - 10 + 5, "to the bond");
    }

    function test_a_silent_court_leaves_the_ruling_and_gives_the_stake_back() public {
        bytes32 id = file(400);
        answer(id);
        rule(arbiter, id, 100);
        appeal(provider, id);
        wait(RULING);
        vm.expectPartialRevert(IMizanBonds.TooEarly.selector);
        bonds.close(id);
        wait(1);
        vm.prank(court);
        vm.expectPartialRevert(IMizanBonds.TooLate.selector);
        bonds.rule(id, 0);
        bonds.close(id);
        eq(unitsOf(provider), BOND - 100 + 20, "slashed, stake back");
        eq(bonds.claimOf(id).due, 90 + 20, "due");
    }

    function test_a_ruling_waits_for_an_appeal() public {
        bytes32 id = file(400);
        answer(id);
        rule(arbiter, id, 400);
        wait(ANSWER);
        vm.expectPartialRevert(IMizanBonds.TooEarly.selector);
        bonds.close(id);
        appeal(provider, id); // at the last second
    }

    function test_only_who_lost_something_appeals_once_and_in_time() public {
        bytes32 id = file(400);
        vm.prank(provider);
        vm.expectPartialRevert(IMizanBonds.TooEarly.selector);
        bonds.appeal(id);
        answer(id);
        rule(arbiter, id, 400);
        address[2] memory others = [claimant, arbiter];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(IMizanBonds.NotYours.selector, others[i]));
            bonds.appeal(id);
        }
        appeal(provider, id);
        vm.prank(provider);
        vm.expectRevert(IMizanBonds.AlreadyDone.selector);
        bonds.appeal(id);
        rule(court, id, 100);
        vm.prank(court);
        vm.expectRevert(IMizanBonds.AlreadyDone.selector);
        bonds.rule(id, 0);

        bytes32 other = file(400, "other");
        answer(other);
        rule(arbiter, other, 0);
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.NotYours.selector, provider));
        bonds.appeal(other);
        wait(ANSWER + 1);
        vm.prank(claimant);
        vm.expectPartialRevert(IMizanBonds.TooLate.selector);
        bonds.appeal(other);
    }

    function test_without_a_court_a_ruling_is_final_at_once() public {
        provider = address(0xB0E);
        vm.prank(provider);
        bonds.setTerms(arbiter, address(0), 500);
        post(provider, 500);
        bytes32 id = file(400);
        answer(id);
        rule(arbiter, id, 400);
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.NotYours.selector, provider));
        bonds.appeal(id);
        bonds.close(id);
        eq(unitsOf(provider), 100, "slashed");
    }

    function test_a_claim_is_bounded_by_terms_and_bond_and_made_once() public {
        vm.prank(claimant);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.ClaimTooLarge.selector, CLAIM_MAX, CLAIM_MAX + 1));
        bonds.claim(provider, CLAIM_MAX + 1, "a");
        vm.prank(claimant);
        vm.expectRevert(IDepositIntake.AmountZero.selector);
        bonds.claim(provider, 0, "a");
        vm.prank(claimant);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.ClaimTooLarge.selector, 0, 1));
        bonds.claim(address(0xDEAD), 1, "a");
        bytes32 id = file(1, "a");
        require(id == bonds.claimId(provider, claimant, "a"), "named by what it says");
        vm.prank(claimant);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.AlreadyClaimed.selector, id));
        bonds.claim(provider, 1, "a");
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.ClaimUnknown.selector, bytes32("x")));
        bonds.close("x");
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.ClaimUnknown.selector, bytes32("x")));
        bonds.claimOf("x");
    }

    function test_thawing_bond_is_slashable_and_held_until_the_claim_is_closed() public {
        vm.prank(provider);
        bonds.thaw(BOND);
        wait(THAW - 1);
        bytes32 id = file(700);
        wait(1);
        vm.prank(provider);
        bonds.withdraw(provider);
        eq(unitsOf(provider), 700, "the free part left");
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.BondHeld.selector, 700));
        bonds.withdraw(provider);
        wait(ANSWER);
        rule(arbiter, id, 700);
        wait(ANSWER + 1);
        bonds.close(id);
        eq(unitsOf(provider), 0, "slashed while it thawed");
        eq(bonds.bondOf(provider).thawing, 0, "nothing thaws");
        post(provider, 10);
        vm.prank(provider);
        vm.expectRevert(IDepositIntake.AmountZero.selector);
        bonds.withdraw(provider);
    }

    function test_nobody_holds_a_provider_back_for_ever() public {
        vm.prank(provider);
        bonds.thaw(600);
        wait(THAW - 1);
        bytes32 id = file(700, "last second");
        wait(1);
        vm.prank(claimant);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.BondInsufficient.selector, 400, 701));
        bonds.claim(provider, 1, "after the thaw");
        wait(ANSWER + RULING);
        bonds.close(id);
        file(400, "on what stays");
        vm.prank(claimant);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.BondInsufficient.selector, 400, 401));
        bonds.claim(provider, 1, "on what has thawed");
        vm.prank(provider);
        bonds.withdraw(provider);
        eq(unitsOf(provider), 400, "left");
    }

    function test_claims_above_the_bond_take_what_is_there_and_never_fail() public {
        bytes32 first = file(CLAIM_MAX, "a");
        bytes32 second = file(CLAIM_MAX, "b");
        eq(bonds.securedOf(provider), 0, "secured");
        wait(ANSWER + 1);
        rule(arbiter, first, CLAIM_MAX);
        rule(arbiter, second, CLAIM_MAX);
        wait(ANSWER + 1);
        bonds.close(second);
        bonds.close(first);
        eq(unitsOf(provider), 0, "all of it");
        eq(bonds.claimOf(second).due, 720 + 40, "first closed");
        eq(bonds.claimOf(first).due, 180 + 40, "the rest");
        eq(bonds.burnt(), 100, "burnt");
    }

    /// A provider that claims from itself with a judge of its own is out no sooner than by a thaw, and a tenth poorer.
    function test_slashing_oneself_is_no_way_out() public {
        address friend = address(0xF4);
        provider = address(0xB0E);
        vm.prank(provider);
        bonds.setTerms(friend, address(0), 500);
        post(provider, 500);
        uint256 began = vm.getBlockTimestamp();
        bytes32 id = file(500);
        answer(id);
        rule(friend, id, 500);
        bonds.close(id);
        vm.warp(began + THAW - 1);
        vm.prank(claimant);
        vm.expectPartialRevert(IMizanBonds.TooEarly.selector);
        bonds.collect(id, claimant);
        wait(1);
        collect(id);
        eq(token.balanceOf(claimant), 1_000 + 450, "a tenth poorer");
    }

    function test_only_the_claimant_collects_and_a_blocked_one_names_another_account() public {
        HostileDollar hostile = new HostileDollar();
        token = hostile;
        bonds = new MizanBonds(IERC20Metadata(address(token)), 1, THAW, ANSWER, RULING);
        setTerms(provider);
        post(provider, BOND);
        allow(claimant, 1_000);
        bytes32 id = file(100);
        wait(ANSWER + 1);
        rule(arbiter, id, 100);
        hostile.set(claimant, address(bonds), abi.encodeCall(bonds.collect, (id, claimant)));
        wait(THAW);
        bonds.close(id);
        vm.prank(arbiter);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.NotYours.selector, arbiter));
        bonds.collect(id, arbiter);
        vm.prank(claimant);
        vm.expectRevert("blocked");
        bonds.collect(id, claimant);
        vm.prank(claimant);
        bonds.collect(id, address(0xCAFE));
        require(hostile.callbackFailed(), "reentered");
        eq(token.balanceOf(address(0xCAFE)), 90 + 5, "once");
    }

    function test_a_token_that_takes_a_toll_is_refused_as_bond_and_as_stake() public {
        token = new TollToken();
        bonds = new MizanBonds(IERC20Metadata(address(token)), 1, THAW, ANSWER, RULING);
        setTerms(provider);
        allow(provider, 1_000);
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IDepositIntake.TokenAmountWrong.selector, 1_000, 990));
        bonds.deposit(1_000);
    }

    function test_a_stake_counts_in_units_and_arrives_whole() public {
        LateToll late = new LateToll();
        token = late;
        bonds = new MizanBonds(IERC20Metadata(address(token)), 100, THAW, ANSWER, RULING);
        setTerms(provider);
        token.mint(provider, 100_000);
        vm.prank(provider);
        token.approve(address(bonds), type(uint256).max);
        vm.prank(provider);
        bonds.deposit(1_000);
        allow(claimant, 10_000);
        file(40);
        eq(token.balanceOf(claimant), 10_000 - 200, "two units of a hundred");
        late.begin();
        vm.prank(claimant);
        vm.expectRevert(abi.encodeWithSelector(IDepositIntake.TokenAmountWrong.selector, 200, 198));
        bonds.claim(provider, 40, "b");
    }
}
