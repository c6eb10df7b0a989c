// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {MizanEscrow} from "../src/MizanEscrow.sol";
import {TestDollar} from "../src/TestDollar.sol";
import {EscrowTest, IDepositIntake, IMizanEscrow, vm} from "./EscrowTest.sol";
import {HostileDollar} from "./Tokens.sol";

contract PayoutTest is EscrowTest {
    HostileDollar private hostile;

    function setUp() public override {
        super.setUp();
        hostile = new HostileDollar();
        token = TestDollar(address(hostile));
        escrow = new MizanEscrow(IERC20Metadata(address(token)), 1, THAW);
        fund(payer, DEPOSIT);
        for (uint32 i = 0; i < 5; ++i) {
            escrow.register(payees[i]);
        }
        settle(two(0, 30, 1, 12), 1, 42);
    }

    function indices(uint32 a, uint32 b) private pure returns (uint32[] memory list) {
        list = new uint32[](2);
        (list[0], list[1]) = (a, b);
    }

    function test_a_payee_withdraws_all_its_credit_to_where_it_says() public {
        vm.prank(payees[0]);
        escrow.withdraw(payers(), 0, address(0xCAFE));
        eq(token.balanceOf(address(0xCAFE)), 30, "paid");
        (uint64 cumulative, uint64 drawn) = escrow.creditOf(payer, 0);
        eq(cumulative, 30, "cumulative stays");
        eq(drawn, 30, "drawn");
    }

    function test_a_credit_is_withdrawn_once_even_when_a_payer_is_named_twice() public {
        address[] memory twice = new address[](2);
        (twice[0], twice[1]) = (payer, payer);
        vm.prank(payees[0]);
        escrow.withdraw(twice, 0, payees[0]);
        eq(token.balanceOf(payees[0]), 30, "once");
        vm.prank(payees[0]);
        vm.expectRevert(IDepositIntake.AmountZero.selector);
        escrow.withdraw(payers(), 0, payees[0]);
    }

    function test_nobody_withdraws_for_a_payee() public {
        vm.prank(payees[1]);
        vm.expectRevert(abi.encodeWithSelector(IMizanEscrow.NotPayee.selector, 0, payees[1]));
        escrow.withdraw(payers(), 0, payees[1]);
        vm.expectRevert(IMizanEscrow.NotSelf.selector);
        escrow.push(payers(), 0, address(this));
    }

    function test_anyone_pushes_to_payout_addresses_and_to_no_others() public {
        vm.prank(payees[1]);
        escrow.setPayoutAddress(address(0xCAFE));
        escrow.pushMany(payers(), indices(0, 1));
        eq(token.balanceOf(payees[0]), 30, "own address");
        eq(token.balanceOf(address(0xCAFE)), 12, "payout address");
    }

    function test_a_failing_push_leaves_the_credit_and_does_not_stop_the_others() public {
        hostile.set(payees[0], address(0), "");
        escrow.pushMany(payers(), indices(0, 1));
        eq(token.balanceOf(payees[1]), 12, "the other is paid");
        (, uint64 drawn) = escrow.creditOf(payer, 0);
        eq(drawn, 0, "credit stays");
        vm.prank(payees[0]);
        escrow.withdraw(payers(), 0, address(0xCAFE));
        eq(token.balanceOf(address(0xCAFE)), 30, "and can be withdrawn elsewhere");
    }

    function test_a_push_to_an_unknown_payee_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IMizanEscrow.PayeeUnknown.selector, 9));
        escrow.pushMany(payers(), indices(0, 9));
    }

    function test_a_starved_push_leaves_the_credit() public {
        uint32[] memory first = new uint32[](1);
        (bool done,) = address(escrow).call{gas: 60_000}(abi.encodeCall(escrow.pushMany, (payers(), first)));
        (, uint64 drawn) = escrow.creditOf(payer, 0);
        eq(drawn, 0, "credit");
        eq(token.balanceOf(payees[0]), 0, "balance");
        done; // either way
    }

    function test_a_token_that_calls_back_gets_nothing_twice() public {
        bytes memory again = abi.encodeCall(escrow.pushMany, (payers(), indices(0, 1)));
        hostile.set(address(0), address(escrow), again);
        vm.prank(payees[0]);
        escrow.withdraw(payers(), 0, payees[0]);
        require(hostile.callbackFailed(), "reentered");
        eq(token.balanceOf(payees[0]), 30, "once");
        eq(token.balanceOf(payees[1]), 0, "not pushed from inside");
    }
}
