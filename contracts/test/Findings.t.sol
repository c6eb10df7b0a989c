// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {MizanEscrow} from "../src/MizanEscrow.sol";
import {TestDollar} from "../src/TestDollar.sol";
import {EpochStatement, EscrowTest, IDepositIntake, IMizanEscrow, Item, Statements, vm} from "./EscrowTest.sol";
import {EagerDollar} from "./Tokens.sol";

/// What auditors found in contracts like this one, where no other file has a test of it; contracts/README.md lists all of them.
contract FindingsTest is EscrowTest {
    function test_a_payer_that_pays_itself_takes_nothing_that_others_were_credited() public {
        settle(two(0, 30, 1, 12), 1, 42);
        vm.prank(payer);
        uint32 own = escrow.register(payer);
        // Known and bounded off chain: free deposit goes around the thaw. Credited money does not.
        Item[] memory items = new Item[](1);
        items[0] = Item(own, uint64(DEPOSIT) - 42);
        settle(items, 2, DEPOSIT);
        vm.prank(payer);
        escrow.withdraw(payers(), own, payer);
        eq(token.balanceOf(payer), DEPOSIT - 42, "its own");
        bytes memory list = Statements.pack(items);
        items[0].cumulative += 1;
        list = Statements.pack(items);
        settleFails(
            list,
            statementOver(list, 3, DEPOSIT + 1),
            abi.encodeWithSelector(IMizanEscrow.DepositInsufficient.selector, 0, 1)
        );
        for (uint32 i = 0; i < 2; ++i) {
            vm.prank(payees[i]);
            escrow.withdraw(payers(), i, payees[i]);
        }
        eq(token.balanceOf(payees[0]), 30, "first");
        eq(token.balanceOf(payees[1]), 12, "second");
        eq(token.balanceOf(address(escrow)), 0, "nothing is left");
    }

    function test_a_statement_of_one_payer_is_worth_nothing_for_another() public {
        address other = vm.addr(0xD0D0);
        fund(other, DEPOSIT);
        bytes memory list = Statements.pack(one(0, 5));
        EpochStatement memory s = statementOver(list, 1, 5);
        bytes memory signature = signed(s);
        s.payer = other;
        vm.expectRevert(IMizanEscrow.SignatureWrong.selector);
        escrow.settle(s, list, signature);
        eq(escrow.payerOf(other).available, DEPOSIT, "untouched");
    }

    function test_a_statement_that_a_later_epoch_overtook_never_lands() public {
        bytes memory list = Statements.pack(one(0, 5));
        EpochStatement memory late = statementOver(list, 2, 5);
        bytes memory signature = signed(late);
        settle(one(0, 9), 3, 9);
        vm.expectRevert(abi.encodeWithSelector(IMizanEscrow.EpochStale.selector, 3, 2));
        escrow.settle(late, list, signature);
    }

    function test_after_a_fork_each_chain_takes_its_own_signatures_only() public {
        bytes memory list = Statements.pack(one(0, 5));
        EpochStatement memory s = statementOver(list, 1, 5);
        bytes memory before = signed(s);
        vm.chainId(block.chainid + 1);
        vm.expectRevert(IMizanEscrow.SignatureWrong.selector);
        escrow.settle(s, list, before);
        // The domain is of the chain as it is now, not of the one that the contract was deployed on.
        escrow.settle(s, list, Statements.sign(PAYER_KEY, s, address(escrow)));
        eq(creditOf(0), 5, "credit");
    }

    function test_money_on_its_way_out_is_not_counted_on() public {
        vm.prank(payer);
        escrow.thaw(uint64(DEPOSIT));
        eq(escrow.payerOf(payer).thawing, DEPOSIT, "said from its first second on");
        // Until its last second a statement takes it all the same.
        vm.warp(block.timestamp + THAW);
        settle(one(0, uint64(DEPOSIT)), 1, DEPOSIT);
        vm.prank(payer);
        vm.expectRevert(IDepositIntake.AmountZero.selector);
        escrow.withdrawDeposit(payer);
    }

    function test_nobody_owns_pauses_or_upgrades() public {
        settle(one(0, 5), 1, 5);
        bytes[6] memory orders = [
            abi.encodeWithSignature("pause()"),
            abi.encodeWithSignature("transferOwnership(address)", address(this)),
            abi.encodeWithSignature("upgradeTo(address)", address(this)),
            abi.encodeWithSignature("upgradeToAndCall(address,bytes)", address(this), ""),
            abi.encodeWithSignature("setThawSeconds(uint64)", 0),
            abi.encodeWithSignature("rescue(address,address,uint256)", address(token), address(this), 5)
        ];
        for (uint256 i = 0; i < orders.length; ++i) {
            (bool done,) = address(escrow).call(orders[i]);
            require(!done, "an order of an owner");
        }
        vm.prank(payees[0]);
        escrow.withdraw(payers(), 0, payees[0]);
        eq(token.balanceOf(payees[0]), 5, "paid");
    }

    function test_a_token_that_calls_back_while_it_arrives_is_counted_once() public {
        EagerDollar eager = new EagerDollar();
        token = TestDollar(address(eager));
        escrow = new MizanEscrow(IERC20Metadata(address(eager)), 1, THAW);
        eager.mint(payer, 200);
        eager.mint(address(eager), 200);
        vm.prank(payer);
        eager.approve(address(escrow), 200);
        eager.callBack(address(escrow), abi.encodeCall(escrow.deposit, (100)));
        vm.prank(payer);
        escrow.deposit(100);
        require(eager.called() && eager.failed(), "reentered");
        eq(escrow.payerOf(payer).available, 100, "the payer's");
        eq(escrow.payerOf(address(eager)).available, 0, "not the token's");
        eq(eager.balanceOf(address(escrow)), 100, "held");
    }
}
