// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Bond, Claim} from "../src/IMizanBonds.sol";
import {MizanBonds} from "../src/MizanBonds.sol";
import {TestDollar} from "../src/TestDollar.sol";
import {vm} from "./EscrowTest.sol";

/// Plays two providers, their judges and two claimants, at any time and in any order, and keeps its own books. What must never
/// succeed is remembered in `crime`.
contract BondsHandler {
    uint64 private constant THAW = 40;
    uint64 private constant ANSWER = 5;
    uint64 private constant RULING = 7;
    /// More would only make the sums slower.
    uint256 private constant CLAIMS_MAX = 12;

    MizanBonds public immutable bonds;
    TestDollar public immutable token;
    string public crime;

    bytes32[] public ids;
    uint256 public arrived;
    uint256 public left;
    /// Largest sum that a provider can have lost to claims: what was granted, as it was ruled last.
    uint256 public granted;
    mapping(bytes32 id => uint64) public filedAt;
    mapping(bytes32 id => uint128) public dueAtClose;
    mapping(bytes32 id => uint128) public collected;

    constructor(TestDollar token_, MizanBonds bonds_) {
        (token, bonds) = (token_, bonds_);
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(provider(i));
            bonds.setTerms(arbiter(), i == 0 ? court() : address(0), 1e9);
        }
    }

    function provider(uint256 number) public pure returns (address) {
        return address(uint160(0xB000 + number % 2));
    }

    function claimant(uint256 number) public pure returns (address) {
        return address(uint160(0xC000 + number % 2));
    }

    function arbiter() public pure returns (address) {
        return address(0xA4B);
    }

    function court() public pure returns (address) {
        return address(0xC0A);
    }

    function count() external view returns (uint256) {
        return ids.length;
    }

    function post(uint256 who, uint64 units) external {
        units = units % 1e6 + 1;
        give(provider(who), units);
        vm.prank(provider(who));
        bonds.deposit(units);
        arrived += units;
    }

    function thaw(uint256 who, uint64 units) external {
        Bond memory bond = bonds.bondOf(provider(who));
        uint128 free = bond.units - bond.thawing;
        if (free == 0) return;
        vm.prank(provider(who));
        bonds.thaw(units % free + 1);
    }

    function withdraw(uint256 who, uint8 wait) external {
        pass(wait);
        address account = provider(who);
        Bond memory before = bonds.bondOf(account);
        uint256 balance = token.balanceOf(account);
        vm.prank(account);
        (bool done,) = address(bonds).call(abi.encodeCall(bonds.withdraw, (account)));
        if (!done) return;
        uint256 paid = token.balanceOf(account) - balance;
        left += paid;
        if (vm.getBlockTimestamp() < before.thawEndsAt) crime = "a bond left before its thaw";
        if (paid > before.thawing) crime = "more left than had thawed";
        if (before.held + paid > before.units && paid > 0) crime = "what a claim holds left";
    }

    function claim(uint256 who, uint256 by, uint64 units) external {
        Bond memory bond = bonds.bondOf(provider(who));
        if (bond.units == 0 || ids.length == CLAIMS_MAX) return;
        uint128 asked = units % bond.units + 1;
        address from = claimant(by);
        give(from, asked);
        bytes memory call = abi.encodeCall(bonds.claim, (provider(who), asked, bytes32(ids.length)));
        vm.prank(from);
        (bool done,) = address(bonds).call(call);
        if (!done) return;
        bytes32 id = bonds.claimId(provider(who), from, bytes32(ids.length));
        arrived += bonds.claimOf(id).stake;
        filedAt[id] = uint64(vm.getBlockTimestamp());
        ids.push(id);
    }

    function answer(uint256 which) external {
        if (ids.length == 0) return;
        bytes32 id = pick(which);
        vm.prank(bonds.claimOf(id).provider);
        (bool done,) = address(bonds).call(abi.encodeCall(bonds.answer, (id, "")));
        if (done && vm.getBlockTimestamp() > filedAt[id] + ANSWER) crime = "an answer was late";
    }

    /// Anybody tries to rule.
    function rule(uint256 which, uint8 who, uint64 units, uint8 wait) external {
        if (ids.length == 0) return;
        pass(wait % 8);
        bytes32 id = pick(which);
        Claim memory before = bonds.claimOf(id);
        address by = who % 4 == 0 ? court() : who % 4 == 1 ? claimant(who) : arbiter();
        uint128 part = units % (before.units + 1);
        vm.prank(by);
        (bool done,) = address(bonds).call(abi.encodeCall(bonds.rule, (id, part)));
        if (!done) return;
        if (by == claimant(who)) crime = "a claimant ruled";
        if (by == court() && before.appealedAt == 0) crime = "the court ruled unasked";
        if (by == arbiter() && before.ruledAt != 0) crime = "the arbiter ruled twice";
        bool heard = before.answeredAt != 0 || vm.getBlockTimestamp() > filedAt[id] + ANSWER;
        if (!heard) crime = "a ruling before the answer";
        if (before.closedAt != 0) crime = "a closed claim was ruled on";
        granted = granted + part - before.granted;
    }

    function appeal(uint256 which, bool byProvider) external {
        if (ids.length == 0) return;
        bytes32 id = pick(which);
        Claim memory before = bonds.claimOf(id);
        address from = byProvider ? before.provider : before.claimant;
        give(from, before.stake);
        vm.prank(from);
        (bool done,) = address(bonds).call(abi.encodeCall(bonds.appeal, (id)));
        if (!done) return;
        arrived += before.stake;
        if (byProvider ? before.granted == 0 : before.granted == before.units) crime = "a winner appealed";
        if (vm.getBlockTimestamp() > before.ruledAt + ANSWER) crime = "an appeal was late";
    }

    function close(uint256 which, uint8 wait) external {
        if (ids.length == 0) return;
        pass(wait % 16);
        bytes32 id = pick(which);
        Claim memory before = bonds.claimOf(id);
        uint128 bonded = bonds.bondOf(before.provider).units;
        (bool done,) = address(bonds).call(abi.encodeCall(bonds.close, (id)));
        bool over = vm.getBlockTimestamp() > filedAt[id] + 2 * (ANSWER + RULING);
        if (!done && over && before.closedAt == 0) crime = "a claim whose time is over was not closed";
        if (!done) return;
        if (before.closedAt != 0) crime = "closed twice";
        Claim memory later = bonds.claimOf(id);
        dueAtClose[id] = later.due;
        uint128 slashed = before.granted < bonded ? before.granted : bonded;
        if (later.due > slashed + 2 * before.stake) crime = "more is due than was granted and staked";
        if (slashed > 0 && later.due >= slashed + 2 * before.stake) crime = "nothing was burnt";
    }

    function collect(uint256 which, uint8 wait) external {
        if (ids.length == 0) return;
        pass(wait % 16);
        bytes32 id = pick(which);
        Claim memory before = bonds.claimOf(id);
        vm.prank(before.claimant);
        (bool done,) = address(bonds).call(abi.encodeCall(bonds.collect, (id, before.claimant)));
        if (!done) return;
        left += before.due;
        collected[id] += before.due;
        if (collected[id] > dueAtClose[id]) crime = "collected twice";
        if (before.granted > 0 && vm.getBlockTimestamp() < filedAt[id] + THAW) crime = "slashed money left before a thaw";
    }

    function pick(uint256 which) private view returns (bytes32) {
        return ids[which % ids.length];
    }

    function pass(uint64 time) private {
        vm.warp(vm.getBlockTimestamp() + time);
    }

    function give(address account, uint128 units) private {
        token.mint(account, units);
        vm.prank(account);
        token.approve(address(bonds), type(uint256).max);
    }
}
