// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {MizanEscrow} from "../src/MizanEscrow.sol";
import {TestDollar} from "../src/TestDollar.sol";
import {LimitBook} from "./DelegateBooks.sol";
import {DelegatesHandler} from "./DelegatesHandler.sol";
import {Limits, Payer, vm} from "./EscrowTest.sol";

contract InvariantsTest {
    MizanEscrow private escrow;
    TestDollar private token;
    DelegatesHandler private handler;

    function setUp() public {
        vm.warp(1_800_000_000);
        token = new TestDollar();
        escrow = new MizanEscrow(IERC20Metadata(address(token)), 1, 1 hours);
        handler = new DelegatesHandler(escrow, token);
    }

    /// Read by forge: only the handler is called.
    function targetContracts() public view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    function invariant_no_wrong_statement_lands() public view {
        require(bytes(handler.crime()).length == 0, handler.crime());
    }

    function invariant_the_escrow_holds_exactly_what_it_owes() public view {
        uint256 owed = 0;
        for (uint256 i = 0; i < handler.PAYERS(); ++i) {
            owed += escrow.payerOf(handler.payerAddress(i)).available;
            for (uint32 j = 0; j < handler.PAYEES(); ++j) {
                (uint64 cumulative, uint64 drawn) = escrow.creditOf(handler.payerAddress(i), j);
                require(drawn <= cumulative, "drawn above cumulative");
                owed += cumulative - drawn;
            }
        }
        uint256 held = token.balanceOf(address(escrow));
        require(held == owed, "held != owed");
        require(
            handler.deposited() == held + handler.paidOut() + handler.depositWithdrawn(), "money came or went"
        );
    }

    function invariant_the_chain_agrees_with_the_books_of_every_payer_and_payee() public view {
        for (uint256 i = 0; i < handler.PAYERS(); ++i) {
            Payer memory state = escrow.payerOf(handler.payerAddress(i));
            uint128 total = handler.totalOf(i);
            require(state.cumulativeTotal == total, "total");
            require(
                state.available + total + handler.withdrawnDeposits(i) == handler.deposits(i), "available"
            );
            require(state.thawing <= state.available, "thawing");
            require(state.epoch == handler.epochs(i), "epoch");
            require(state.auditSize == handler.auditSizes(i), "audit size");
            for (uint32 j = 0; j < handler.PAYEES(); ++j) {
                (uint64 cumulative, uint64 drawn) = escrow.creditOf(handler.payerAddress(i), j);
                require(cumulative == handler.cumulative(i, j), "cumulative");
                require(drawn == handler.drawn(i, j), "drawn");
            }
        }
    }

    function invariant_a_credited_payee_can_always_withdraw() public {
        for (uint32 j = 0; j < handler.PAYEES(); ++j) {
            uint256 due = 0;
            for (uint256 i = 0; i < handler.PAYERS(); ++i) {
                due += handler.cumulative(i, j) - handler.drawn(i, j);
            }
            if (due == 0) continue;
            address payee = handler.payeeAddress(j);
            uint256 before = token.balanceOf(payee);
            address[] memory payers = handler.allPayers();
            vm.prank(payee);
            escrow.withdraw(payers, j, payee);
            require(token.balanceOf(payee) == before + due, "withdrawn");
        }
    }

    function invariant_delegates_may_do_what_their_payers_said_and_no_more() public view {
        for (uint256 i = 0; i < handler.PAYERS(); ++i) {
            address payer = handler.payerAddress(i);
            for (uint256 j = 0; j < handler.DELEGATES(); ++j) {
                (uint64 liveFrom, uint64 liveUntil) = escrow.delegateOf(payer, handler.delegateAddress(j));
                (uint256 from, uint256 until) = handler.keys(i, j);
                require(liveFrom == from && liveUntil == until, "delegate");
            }
            Limits memory limits = escrow.limitsOf(payer);
            LimitBook memory said = handler.limitsOf(i);
            require(limits.epochCap == said.cap && limits.minInterval == said.interval, "limits");
            require(
                limits.nextCap == said.nextCap && limits.nextMinInterval == said.nextInterval
                    && limits.nextAt == said.nextAt,
                "next limits"
            );
            require(limits.lastAt == said.lastAt, "last delegated statement");
            (uint256 allowed, uint256 announced, uint64 admissibleAt) = escrow.allowedPayees(payer, 0);
            (uint256 saidAllowed, uint256 saidAnnounced, uint256 saidAt) = handler.payeesOf(i);
            require(allowed == saidAllowed && announced == saidAnnounced, "payees");
            require(announced == 0 || admissibleAt == saidAt, "admissible");
        }
    }
}
