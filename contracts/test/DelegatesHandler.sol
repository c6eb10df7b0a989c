// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MizanEscrow} from "../src/MizanEscrow.sol";
import {TestDollar} from "../src/TestDollar.sol";
import {DelegateBooks, KeyBook, LimitBook, PayeeBook} from "./DelegateBooks.sol";
import {Item, vm} from "./EscrowTest.sol";
import {Handler, Odd} from "./Handler.sol";

/// A signed statement that was not sent yet.
struct Handed {
    bytes order;
    Item[] items;
    uint256 delegate;
    uint64 epoch;
    uint128 units;
}

/// Plays the payers' delegates too: keys that every payer may name, that sign more than they may, hand statements out for later and are
/// changed, lowered and revoked meanwhile. What lands must be exactly what the books of {DelegateBooks} let land.
contract DelegatesHandler is Handler {
    using DelegateBooks for KeyBook;
    using DelegateBooks for LimitBook;
    using DelegateBooks for PayeeBook;

    uint256 public constant DELEGATES = 3;

    mapping(uint256 payer => mapping(uint256 delegate => KeyBook)) public keys;
    mapping(uint256 payer => LimitBook) private limits;
    mapping(uint256 payer => PayeeBook) public payeesOf;
    mapping(uint256 payer => Handed) private handed;

    /// Each payer begins with one delegate, which may credit all payees but the last.
    constructor(MizanEscrow escrow_, TestDollar token_) Handler(escrow_, token_) {
        for (uint256 payer = 0; payer < PAYERS; ++payer) {
            addDelegate(payer, payer);
            setLimits(payer, 8e8, 5 minutes);
            allowPayees(payer, 0x1f);
        }
    }

    function delegateKey(uint256 delegate) public pure returns (uint256) {
        return 0xDE1E + delegate;
    }

    function delegateAddress(uint256 delegate) public pure returns (address) {
        return vm.addr(delegateKey(delegate));
    }

    function limitsOf(uint256 payer) public view returns (LimitBook memory) {
        return limits[payer].present();
    }

    // ---------------------------------------------------------------- what payers say

    function addDelegate(uint256 payer, uint256 delegate) public {
        (payer, delegate) = (payer % PAYERS, delegate % DELEGATES);
        bool right = keys[payer][delegate].add(delayOf(payer));
        say(payer, abi.encodeCall(escrow.addDelegate, (delegateAddress(delegate))), right);
    }

    function revokeDelegate(uint256 payer, uint256 delegate) external {
        (payer, delegate) = (payer % PAYERS, delegate % DELEGATES);
        bool right = keys[payer][delegate].revoke(escrow.thawSeconds());
        say(payer, abi.encodeCall(escrow.revokeDelegate, (delegateAddress(delegate))), right);
    }

    /// One key ends and another begins.
    function rotate(uint256 payer, uint256 delegate) external {
        (payer, delegate) = (payer % PAYERS, delegate % DELEGATES);
        this.revokeDelegate(payer, delegate);
        addDelegate(payer, delegate + 1);
    }

    function setLimits(uint256 payer, uint64 cap, uint32 interval) public {
        payer %= PAYERS;
        (cap, interval) = (cap % 1e9, interval % 1 hours);
        limits[payer].set(cap, interval, delayOf(payer));
        say(payer, abi.encodeCall(escrow.setLimits, (cap, interval)), true);
    }

    function allowPayees(uint256 payer, uint8 bits) public {
        payer %= PAYERS;
        bool right = payeesOf[payer].allow(bits, delayOf(payer));
        say(payer, abi.encodeCall(escrow.allowPayees, (0, bits)), right);
    }

    function dropPayees(uint256 payer, uint8 bits) external {
        payer %= PAYERS;
        bool right = payeesOf[payer].drop(bits);
        say(payer, abi.encodeCall(escrow.dropPayees, (0, bits)), right);
    }

    /// By anybody; `wait`: in the first second in which it may be, or in the one before.
    function admitPayees(uint256 payer, bool wait, bool early) external {
        payer %= PAYERS;
        if (wait) passTo(payeesOf[payer].admissibleAt, early);
        bool right = payeesOf[payer].admit();
        say(DELEGATES + payer, abi.encodeCall(escrow.admitPayees, (payerAddress(payer), 0)), right);
    }

    function pass(uint16 time) external {
        vm.warp(block.timestamp + time % 2 hours);
    }

    /// To where a delegate's rights change, or the second before.
    function passToChange(uint256 payer, uint256 delegate, uint8 what, bool early) external {
        (payer, delegate) = (payer % PAYERS, delegate % DELEGATES);
        LimitBook memory now_ = limitsOf(payer);
        KeyBook memory key = keys[payer][delegate];
        if (what % 4 == 0) passTo(now_.nextAt, early);
        else if (what % 4 == 1) passTo(now_.lastAt + now_.interval, early);
        else if (what % 4 == 2) passTo(key.liveFrom, early);
        else if (key.liveUntil != DelegateBooks.FOREVER) passTo(key.liveUntil + 1, early);
    }

    // ---------------------------------------------------------------- what delegates do

    /// A statement over a random subset of payees, allowed or not, by a delegate or what was one.
    function settleByDelegate(uint256 payer, uint256 delegate, uint64[6] calldata raises, uint8 subset) external {
        (payer, delegate) = (payer % PAYERS, delegate % DELEGATES);
        (Item[] memory items, uint128 total) = plan(payer, raises, subset);
        uint128 units = total - totalOf(payer);
        bytes memory order = orderOf(payer, items, total, signedBy(delegate), 1);
        sendByDelegate(payer, delegate, items, units, order, 1);
    }

    /// Signed now, for whenever somebody sends it.
    function handOut(uint256 payer, uint256 delegate, uint64[6] calldata raises, uint8 subset) external {
        (payer, delegate) = (payer % PAYERS, delegate % DELEGATES);
        (Item[] memory items, uint128 total) = plan(payer, raises, subset);
        Handed storage kept = handed[payer];
        kept.order = orderOf(payer, items, total, signedBy(delegate), 1);
        delete kept.items;
        for (uint256 i = 0; i < items.length; ++i) {
            kept.items.push(items[i]);
        }
        (kept.delegate, kept.epoch, kept.units) = (delegate, epochs[payer] + 1, total - totalOf(payer));
    }

    /// What was handed out lands if no epoch overtook it, and by what its delegate may do now.
    function sendHanded(uint256 payer) external {
        payer %= PAYERS;
        Handed memory kept = handed[payer];
        if (kept.epoch == 0) return;
        bool stale = kept.epoch != epochs[payer] + 1;
        if (!stale) return sendByDelegate(payer, kept.delegate, kept.items, kept.units, kept.order, 1);
        (bool done,) = address(escrow).call(kept.order);
        if (done) crime = "a statement landed that another epoch overtook";
    }

    /// An empty statement takes the epoch above the one that was handed out: by the payer, or by a delegate that may.
    function voidHanded(uint256 payer, uint256 delegate, bool byPayer) external {
        (payer, delegate) = (payer % PAYERS, delegate % DELEGATES);
        Item[] memory none = new Item[](0);
        Odd memory signer = byPayer ? Odd(payerKey(payer), escrow.registryHash(), 3) : signedBy(delegate);
        bytes memory order = orderOf(payer, none, totalOf(payer), signer, 2);
        if (!byPayer) return sendByDelegate(payer, delegate, none, 0, order, 2);
        (bool done,) = address(escrow).call(order);
        if (!done) crime = "a payer could not void a statement";
        bookSent(payer, none, order, 2);
    }

    // ---------------------------------------------------------------- rules

    function passTo(uint256 time, bool early) private {
        if (early && time > 0) time -= 1;
        if (time > block.timestamp) vm.warp(time);
    }

    function sendByDelegate(
        uint256 payer,
        uint256 delegate,
        Item[] memory items,
        uint128 units,
        bytes memory order,
        uint64 step
    ) private {
        bool right = mayLand(payer, delegate, items, units);
        (bool done,) = address(escrow).call(order);
        if (done && !right) crime = "a delegate did what it may not";
        if (!done && right) crime = "a delegate could not do what it may";
        if (!done) return;
        limits[payer] = limits[payer].present();
        limits[payer].lastAt = block.timestamp;
        bookSent(payer, items, order, step);
    }

    function bookSent(uint256 payer, Item[] memory items, bytes memory order, uint64 step) private {
        landed[payer] = order;
        bookSettled(payer, items, step);
    }

    function mayLand(uint256 payer, uint256 delegate, Item[] memory items, uint128 units)
        private
        view
        returns (bool)
    {
        LimitBook memory now_ = limitsOf(payer);
        if (!keys[payer][delegate].isLive()) return false;
        if (units > now_.cap || block.timestamp < now_.lastAt + now_.interval) return false;
        if (units > escrow.payerOf(payerAddress(payer)).available) return false;
        for (uint256 i = 0; i < items.length; ++i) {
            if (payeesOf[payer].allowed & (1 << items[i].index) == 0) return false;
        }
        return true;
    }

    function signedBy(uint256 delegate) private view returns (Odd memory) {
        return Odd(delegateKey(delegate), escrow.registryHash(), 3);
    }

    function say(uint256 payer, bytes memory what, bool right) private {
        vm.prank(payerAddress(payer));
        (bool done,) = address(escrow).call(what);
        if (done != right) crime = right ? "a change was refused" : "a change of nothing was taken";
    }

    function delayOf(uint256 payer) private view returns (uint256) {
        return escrow.payerOf(payerAddress(payer)).available == 0 ? 0 : escrow.thawSeconds();
    }
}
