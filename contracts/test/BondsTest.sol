// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Bond, Claim, IMizanBonds} from "../src/IMizanBonds.sol";
import {MizanBonds} from "../src/MizanBonds.sol";
import {TestDollar} from "../src/TestDollar.sol";
import {vm} from "./EscrowTest.sol";

/// Bonds with one provider of 1,000 units, an arbiter, a court and somebody who claims.
abstract contract BondsTest {
    uint64 internal constant ANSWER = 2 days;
    uint64 internal constant RULING = 5 days;
    uint64 internal constant THAW = 14 days;
    uint128 internal constant BOND = 1_000;
    uint128 internal constant CLAIM_MAX = 800;

    address internal provider = address(0xB0D);
    address internal arbiter = address(0xA4B);
    address internal court = address(0xC0A);
    address internal claimant = address(0xC1A);

    TestDollar internal token;
    MizanBonds internal bonds;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        token = new TestDollar();
        bonds = new MizanBonds(IERC20Metadata(address(token)), 1, THAW, ANSWER, RULING);
        setTerms(provider);
        post(provider, BOND);
        allow(provider, 1_000);
        allow(claimant, 1_000);
    }

    function allow(address account, uint128 units) internal {
        token.mint(account, units);
        vm.prank(account);
        token.approve(address(bonds), type(uint256).max);
    }

    function setTerms(address account) internal {
        vm.prank(account);
        bonds.setTerms(arbiter, court, CLAIM_MAX);
    }

    function post(address account, uint128 units) internal {
        allow(account, units);
        vm.prank(account);
        bonds.deposit(units);
    }

    function file(uint128 units) internal returns (bytes32 id) {
        return file(units, "evidence");
    }

    function file(uint128 units, bytes32 evidence) internal returns (bytes32 id) {
        vm.prank(claimant);
        id = bonds.claim(provider, units, evidence);
    }

    function answer(bytes32 id) internal {
        vm.prank(provider);
        bonds.answer(id, "answer");
    }

    function rule(address judge, bytes32 id, uint128 granted) internal {
        vm.prank(judge);
        bonds.rule(id, granted);
    }

    function appeal(address by, bytes32 id) internal {
        vm.prank(by);
        bonds.appeal(id);
    }

    function wait(uint64 time) internal {
        vm.warp(vm.getBlockTimestamp() + time);
    }

    function unitsOf(address account) internal view returns (uint128) {
        return bonds.bondOf(account).units;
    }

    function eq(uint256 actual, uint256 expected, string memory what) internal pure {
        require(actual == expected, what);
    }
}
