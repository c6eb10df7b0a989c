// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IDepositIntake} from "../src/IDepositIntake.sol";
import {Bond, IMizanBonds} from "../src/IMizanBonds.sol";
import {MizanBonds} from "../src/MizanBonds.sol";
import {BondsTest} from "./BondsTest.sol";
import {vm} from "./EscrowTest.sol";

/// A bond comes, thaws and leaves.
contract BondTest is BondsTest {
    function test_a_bond_is_the_callers_under_the_terms_it_named() public view {
        Bond memory bond = bonds.bondOf(provider);
        eq(bond.units, BOND, "units");
        eq(bond.claimMax, CLAIM_MAX, "claimMax");
        require(bond.arbiter == arbiter && bond.court == court, "judges");
        eq(bonds.securedOf(provider), BOND, "secured");
        eq(token.balanceOf(address(bonds)), BOND, "held");
    }

    function test_no_bond_is_taken_without_terms() public {
        allow(claimant, 5);
        vm.prank(claimant);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.TermsMissing.selector, claimant));
        bonds.deposit(5);
    }

    function test_anyone_relays_a_permit_and_the_signer_gets_the_bond() public {
        uint256 key = 0xA11CE;
        address signer = vm.addr(key);
        setTerms(signer);
        token.mint(signer, 50);
        bytes32 body = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                signer,
                address(bonds),
                50,
                0,
                block.timestamp
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), body)));
        bonds.depositWithPermit(signer, 50, block.timestamp, v, r, s);
        eq(unitsOf(signer), 50, "bond");
    }

    function test_terms_change_only_while_nothing_is_bonded_or_claimed() public {
        vm.prank(provider);
        vm.expectRevert(IMizanBonds.BondNotEmpty.selector);
        bonds.setTerms(claimant, address(0), 1);
        bytes32[3] memory ids = [file(CLAIM_MAX), file(200, "more"), file(1, "open")];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(provider);
            bonds.answer(ids[i], "");
            rule(arbiter, ids[i], i == 0 ? CLAIM_MAX : 200);
        }
        wait(ANSWER + 1);
        bonds.close(ids[0]);
        bonds.close(ids[1]);
        eq(unitsOf(provider), 0, "slashed");
        vm.prank(provider);
        vm.expectRevert(IMizanBonds.BondNotEmpty.selector);
        bonds.setTerms(claimant, address(0), 1); // a claim is open
        wait(RULING);
        bonds.close(ids[2]); // nobody ruled
        vm.prank(provider);
        bonds.setTerms(claimant, address(0), 1);
        require(bonds.bondOf(provider).arbiter == claimant, "changed");
    }

    function test_terms_without_a_judge_a_limit_or_a_second_opinion_are_refused() public {
        address fresh = address(0xF2E);
        address[3] memory wrong = [address(0), fresh, address(bonds)];
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(fresh);
            vm.expectRevert(abi.encodeWithSelector(IMizanBonds.AddressInvalid.selector, wrong[i]));
            bonds.setTerms(wrong[i], court, 1);
        }
        vm.prank(fresh);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.AddressInvalid.selector, fresh));
        bonds.setTerms(arbiter, fresh, 1);
        vm.prank(fresh);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.AddressInvalid.selector, arbiter));
        bonds.setTerms(arbiter, arbiter, 1);
        vm.prank(fresh);
        vm.expectRevert(IDepositIntake.AmountZero.selector);
        bonds.setTerms(arbiter, court, 0);
    }

    function test_periods_that_would_let_a_bond_out_before_a_claim_ends_cannot_be_deployed() public {
        IERC20Metadata dollar = IERC20Metadata(address(token));
        uint64[3][5] memory wrong = [
            [THAW - 1, ANSWER, RULING],
            [THAW, 0, RULING],
            [THAW, ANSWER, 0],
            [90 days + 1, ANSWER, RULING],
            [THAW, type(uint64).max, type(uint64).max]
        ];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(IDepositIntake.ParameterOutOfRange.selector);
            new MizanBonds(dollar, 1, wrong[i][0], wrong[i][1], wrong[i][2]);
        }
        eq(bonds.thawSeconds(), THAW, "thaw");
        eq(bonds.answerSeconds(), ANSWER, "answer");
        eq(bonds.rulingSeconds(), RULING, "ruling");
    }

    function test_a_bond_leaves_only_after_its_thaw_and_only_to_its_provider() public {
        vm.prank(provider);
        bonds.thaw(400);
        eq(bonds.securedOf(provider), 600, "secured");
        uint64 endsAt = uint64(vm.getBlockTimestamp()) + THAW;
        wait(THAW - 1);
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.ThawNotOver.selector, endsAt));
        bonds.withdraw(provider);
        wait(1);
        vm.expectRevert(IDepositIntake.AmountZero.selector);
        bonds.withdraw(provider);
        vm.prank(provider);
        bonds.withdraw(address(0xCAFE));
        eq(token.balanceOf(address(0xCAFE)), 400, "paid");
        eq(unitsOf(provider), 600, "left");
    }

    function test_a_second_thaw_restarts_the_clock_and_a_deposit_does_not_touch_it() public {
        vm.prank(provider);
        bonds.thaw(100);
        wait(THAW - 1);
        post(provider, 50);
        eq(bonds.bondOf(provider).thawing, 100, "untouched");
        vm.prank(provider);
        bonds.thaw(1);
        wait(1);
        vm.prank(provider);
        vm.expectPartialRevert(IMizanBonds.ThawNotOver.selector);
        bonds.withdraw(provider);
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IMizanBonds.BondInsufficient.selector, 1_050, 1_051));
        bonds.thaw(950);
        vm.prank(provider);
        bonds.cancelThaw();
        eq(bonds.securedOf(provider), 1_050, "cancelled");
        vm.prank(provider);
        vm.expectRevert(IDepositIntake.AmountZero.selector);
        bonds.withdraw(provider);
    }

    function test_nothing_leaves_to_nobody_or_to_the_contract_itself() public {
        vm.prank(provider);
        bonds.thaw(1);
        wait(THAW);
        address[2] memory wrong = [address(0), address(bonds)];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(provider);
            vm.expectRevert(abi.encodeWithSelector(IMizanBonds.AddressInvalid.selector, wrong[i]));
            bonds.withdraw(wrong[i]);
        }
    }
}
