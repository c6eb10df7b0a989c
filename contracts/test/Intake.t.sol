// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IPermit2} from "../src/IPermit2.sol";
import {MizanEscrow} from "../src/MizanEscrow.sol";
import {TestDollar} from "../src/TestDollar.sol";
import {DepositAuthorisations} from "./DepositAuthorisations.sol";
import {IDepositIntake, Payer, vm} from "./EscrowTest.sol";
import {OtherDollar, TollToken} from "./Tokens.sol";

contract IntakeTest is DepositAuthorisations {
    uint128 private constant MORE = 250;
    address private constant RELAYER = address(0x4E1A);

    function setUp() public override {
        super.setUp();
        token.mint(payer, 1_000);
    }

    function permitted(uint128 units) private {
        (uint8 v, bytes32 r, bytes32 s) = permitFor(units, block.timestamp);
        vm.prank(RELAYER);
        escrow.depositWithPermit(payer, units, block.timestamp, v, r, s);
    }

    function authorised(uint128 units, bytes32 nonce) private {
        (uint8 v, bytes32 r, bytes32 s) = authorisationFor(units, nonce);
        vm.prank(RELAYER);
        escrow.depositWithAuthorization(payer, units, 0, block.timestamp + 1, nonce, v, r, s);
    }

    function test_anyone_relays_a_permit_and_the_payer_gets_the_deposit() public {
        permitted(MORE);
        eq(escrow.payerOf(payer).available, DEPOSIT + MORE, "available");
        eq(escrow.payerOf(RELAYER).available, 0, "not the relayer's");
        eq(token.balanceOf(payer), 1_000 - MORE, "paid");
    }

    function test_a_permit_that_a_front_runner_spent_does_not_stop_the_payer() public {
        (uint8 v, bytes32 r, bytes32 s) = permitFor(MORE, block.timestamp);
        token.permit(payer, address(escrow), MORE, block.timestamp, v, r, s);
        vm.prank(RELAYER);
        vm.expectRevert(IDepositIntake.PermitUnusable.selector);
        escrow.depositWithPermit(payer, MORE, block.timestamp, v, r, s);
        vm.prank(payer);
        escrow.depositWithPermit(payer, MORE, block.timestamp, v, r, s);
        eq(escrow.payerOf(payer).available, DEPOSIT + MORE, "available");
    }

    function test_nobody_draws_an_old_allowance_into_a_deposit() public {
        vm.prank(payer);
        token.approve(address(escrow), type(uint256).max);
        vm.prank(RELAYER);
        vm.expectRevert(IDepositIntake.PermitUnusable.selector);
        escrow.depositWithPermit(payer, MORE, block.timestamp, 27, bytes32(uint256(1)), bytes32(uint256(2)));
    }

    function test_anyone_relays_an_authorisation_once() public {
        authorised(MORE, "a");
        eq(escrow.payerOf(payer).available, DEPOSIT + MORE, "available");
        (uint8 v, bytes32 r, bytes32 s) = authorisationFor(MORE, "a");
        vm.expectRevert(TestDollar.AuthorizationSpent.selector);
        escrow.depositWithAuthorization(payer, MORE, 0, block.timestamp + 1, "a", v, r, s);
    }

    function test_an_authorisation_cannot_be_front_run_nor_changed() public {
        (uint8 v, bytes32 r, bytes32 s) = authorisationFor(MORE, "a");
        vm.expectRevert(TestDollar.CallerNotReceiver.selector);
        token.receiveWithAuthorization(payer, address(escrow), MORE, 0, block.timestamp + 1, "a", v, r, s);
        vm.expectRevert(TestDollar.AuthorizationSignatureWrong.selector);
        escrow.depositWithAuthorization(payer, MORE + 1, 0, block.timestamp + 1, "a", v, r, s);
        vm.expectRevert(TestDollar.AuthorizationSignatureWrong.selector);
        escrow.depositWithAuthorization(RELAYER, MORE, 0, block.timestamp + 1, "a", v, r, s);
    }

    function test_anyone_relays_a_permit2_transfer_once() public {
        placePermit2();
        bytes memory signature = permit2For(MORE, 7);
        vm.prank(RELAYER);
        escrow.depositWithPermit2(payer, MORE, 7, block.timestamp, signature);
        eq(escrow.payerOf(payer).available, DEPOSIT + MORE, "available");
        vm.expectRevert("nonce");
        escrow.depositWithPermit2(payer, MORE, 7, block.timestamp, signature);
        vm.expectRevert("signature");
        escrow.depositWithPermit2(payer, MORE - 1, 8, block.timestamp, signature);
    }

    function test_a_permit2_transfer_signed_for_the_escrow_serves_no_other_spender() public {
        IPermit2 permit2 = placePermit2();
        bytes memory signature = permit2For(MORE, 7);
        vm.prank(RELAYER);
        vm.expectRevert("signature");
        permit2.permitTransferFrom(
            IPermit2.PermitTransferFrom(IPermit2.TokenPermissions(address(token), MORE), 7, block.timestamp),
            IPermit2.SignatureTransferDetails(RELAYER, MORE),
            payer,
            signature
        );
    }

    function test_no_way_in_takes_nothing_or_touches_a_thaw() public {
        vm.prank(payer);
        escrow.thaw(7);
        Payer memory before = escrow.payerOf(payer);
        vm.warp(block.timestamp + 5);
        permitted(1);
        authorised(1, "a");
        placePermit2();
        escrow.depositWithPermit2(payer, 1, 7, block.timestamp, permit2For(1, 7));
        Payer memory later = escrow.payerOf(payer);
        eq(later.thawing, before.thawing, "thawing");
        eq(later.thawEndsAt, before.thawEndsAt, "clock");
        eq(later.available, before.available + 3, "available");
        vm.expectRevert(IDepositIntake.AmountZero.selector);
        escrow.depositWithPermit(payer, 0, 0, 0, 0, 0);
        vm.expectRevert(IDepositIntake.AmountZero.selector);
        escrow.depositWithAuthorization(payer, 0, 0, 0, 0, 0, 0, 0);
        vm.expectRevert(IDepositIntake.AmountZero.selector);
        escrow.depositWithPermit2(payer, 0, 0, 0, "");
    }

    function test_a_token_that_takes_a_toll_is_refused_on_every_way_in() public {
        token = new TollToken();
        escrow = new MizanEscrow(IERC20Metadata(address(token)), 1, THAW);
        token.mint(payer, 10_000);
        bytes memory failure = abi.encodeWithSelector(IDepositIntake.TokenAmountWrong.selector, 1_000, 990);
        (uint8 v, bytes32 r, bytes32 s) = permitFor(1_000, block.timestamp);
        vm.expectRevert(failure);
        escrow.depositWithPermit(payer, 1_000, block.timestamp, v, r, s);
        (v, r, s) = authorisationFor(1_000, "a");
        vm.expectRevert(failure);
        escrow.depositWithAuthorization(payer, 1_000, 0, block.timestamp + 1, "a", v, r, s);
        placePermit2();
        bytes memory signature = permit2For(1_000, 7);
        vm.expectRevert(failure);
        escrow.depositWithPermit2(payer, 1_000, 7, block.timestamp, signature);
    }

    function test_tokens_of_6_8_and_18_decimals_count_in_units_and_other_ones_cannot_be_deployed() public {
        uint8[3] memory places = [6, 8, 18];
        for (uint256 i = 0; i < places.length; ++i) {
            token = TestDollar(address(new OtherDollar(places[i])));
            uint256 unit = 10 ** (places[i] - 6);
            escrow = new MizanEscrow(IERC20Metadata(address(token)), unit, THAW);
            token.mint(payer, 5 * unit);
            vm.prank(payer);
            token.approve(address(escrow), 5 * unit);
            vm.prank(payer);
            escrow.deposit(5);
            eq(escrow.payerOf(payer).available, 5, "units");
            eq(token.balanceOf(address(escrow)), 5 * unit, "base units");
        }
        IERC20Metadata odd = IERC20Metadata(address(new OtherDollar(19)));
        vm.expectRevert(abi.encodeWithSelector(IDepositIntake.DecimalsUnsupported.selector, 19));
        new MizanEscrow(odd, 1, THAW);
        odd = IERC20Metadata(address(new OtherDollar(6)));
        vm.expectRevert(IDepositIntake.ParameterOutOfRange.selector);
        new MizanEscrow(odd, 1e6 + 1, THAW);
    }
}
