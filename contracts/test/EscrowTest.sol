// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IDelegation, Limits} from "../src/IDelegation.sol";
import {IDepositIntake} from "../src/IDepositIntake.sol";
import {EpochStatement, IMizanEscrow, Payer} from "../src/IMizanEscrow.sol";
import {MizanEscrow} from "../src/MizanEscrow.sol";
import {TestDollar} from "../src/TestDollar.sol";

/// The cheatcodes that these tests need.
interface Vm {
    function addr(uint256 key) external pure returns (address);
    function chainId(uint256 id) external;
    function etch(address target, bytes calldata code) external;
    function expectPartialRevert(bytes4 selector) external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata data) external;
    function getBlockTimestamp() external view returns (uint256);
    function prank(address sender) external;
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function snapshotGasLastCall(string calldata group, string calldata name) external returns (uint256);
    function warp(uint256 time) external;
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

/// One credit of a statement.
struct Item {
    uint32 index;
    uint64 cumulative;
}

/// Signs statements as a payer does, independently of the contract's own hashing.
library Statements {
    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant STATEMENT_TYPEHASH = keccak256(
        "EpochStatement(address payer,uint64 epoch,bytes32 listHash,uint128 cumulativeTotal,bytes32 registryHash,bytes32 auditRoot,uint64 auditSize,uint64 validUntil)"
    );

    function pack(Item[] memory items) internal pure returns (bytes memory list) {
        for (uint256 i = 0; i < items.length; ++i) {
            list = abi.encodePacked(list, items[i].index, items[i].cumulative);
        }
    }

    function digest(EpochStatement memory s, uint256 chainId, address escrow) internal pure returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("MizanEscrow"), keccak256("1"), chainId, escrow)
        );
        bytes32 body = keccak256(abi.encode(STATEMENT_TYPEHASH, s));
        return keccak256(abi.encodePacked(hex"1901", domain, body));
    }

    function sign(uint256 key, EpochStatement memory s, address escrow) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 sig) = vm.sign(key, digest(s, block.chainid, escrow));
        return abi.encodePacked(r, sig, v);
    }
}

/// An escrow with one payer of 1,000 dollars and five payees.
abstract contract EscrowTest {
    uint64 internal constant THAW = 1 days;
    uint256 internal constant PAYER_KEY = 0xA11CE;
    uint128 internal constant DEPOSIT = 1_000e6;

    TestDollar internal token;
    MizanEscrow internal escrow;
    address internal payer;
    address[5] internal payees;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        token = new TestDollar();
        escrow = new MizanEscrow(IERC20Metadata(address(token)), 1, THAW);
        payer = vm.addr(PAYER_KEY);
        fund(payer, DEPOSIT);
        for (uint32 i = 0; i < 5; ++i) {
            payees[i] = vm.addr(0xB0B + i);
            escrow.register(payees[i]);
        }
    }

    function fund(address account, uint128 units) internal {
        token.mint(account, units);
        vm.prank(account);
        token.approve(address(escrow), units);
        vm.prank(account);
        escrow.deposit(units);
    }

    function one(uint32 index, uint64 cumulative) internal pure returns (Item[] memory items) {
        items = new Item[](1);
        items[0] = Item(index, cumulative);
    }

    function two(uint32 a, uint64 cumulativeA, uint32 b, uint64 cumulativeB)
        internal
        pure
        returns (Item[] memory items)
    {
        items = new Item[](2);
        items[0] = Item(a, cumulativeA);
        items[1] = Item(b, cumulativeB);
    }

    /// A right statement over `list` with the given epoch and total.
    function statementOver(bytes memory list, uint64 epoch, uint128 total)
        internal
        view
        returns (EpochStatement memory)
    {
        return EpochStatement({
            payer: payer,
            epoch: epoch,
            listHash: keccak256(list),
            cumulativeTotal: total,
            registryHash: escrow.registryHash(),
            auditRoot: keccak256(abi.encode(epoch)),
            auditSize: epoch * 10,
            validUntil: uint64(block.timestamp + 1 hours)
        });
    }

    function signed(EpochStatement memory s) internal view returns (bytes memory) {
        return Statements.sign(PAYER_KEY, s, address(escrow));
    }

    /// Signs and relays.
    function settle(Item[] memory items, uint64 epoch, uint128 total) internal {
        bytes memory list = Statements.pack(items);
        EpochStatement memory s = statementOver(list, epoch, total);
        escrow.settle(s, list, signed(s));
    }

    /// Signs and relays a statement that must fail.
    function settleFails(bytes memory list, EpochStatement memory s, bytes memory failure) internal {
        bytes memory signature = signed(s);
        vm.expectRevert(failure);
        escrow.settle(s, list, signature);
    }

    function creditOf(uint32 index) internal view returns (uint64 cumulative) {
        (cumulative,) = escrow.creditOf(payer, index);
    }

    function payers() internal view returns (address[] memory list) {
        list = new address[](1);
        list[0] = payer;
    }

    function eq(uint256 actual, uint256 expected, string memory what) internal pure {
        require(actual == expected, what);
    }
}
