// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {MizanEscrow} from "../src/MizanEscrow.sol";
import {TestDollar} from "../src/TestDollar.sol";
import {DepositAuthorisations} from "./DepositAuthorisations.sol";
import {EpochStatement, Item, Statements, vm} from "./EscrowTest.sol";

/// Gas of the calls that cost, kept in git and held to their ceilings: whole transactions, base and calldata included. The token
/// stands behind a proxy, as dollar tokens do.
contract GasTest is DepositAuthorisations {
    uint256 private constant HOT_KEY = 0x407;
    uint32 private constant PAYEES = 1_000;
    uint256 private constant RECEIPTS = 10_000;

    function setUp() public override {
        super.setUp();
        bytes memory first = abi.encodeCall(TestDollar.mint, (address(1), 1));
        token = TestDollar(address(new ERC1967Proxy(address(new TestDollar()), first)));
        escrow = new MizanEscrow(IERC20Metadata(address(token)), 1, THAW);
        vm.prank(payer);
        escrow.addDelegate(vm.addr(HOT_KEY));
        vm.prank(payer);
        escrow.setLimits(type(uint64).max, 0);
        for (uint256 word = 0; word < 4; ++word) {
            vm.prank(payer);
            escrow.allowPayees(word, type(uint256).max);
        }
        for (uint160 i = 0; i < PAYEES; ++i) {
            escrow.register(address(0x10000 + i));
        }
        fund(payer, 4 * DEPOSIT);
    }

    /// One epoch over the first `count` payees, each a cent or more above the epoch before.
    function cost(uint256 key, uint32 count, uint64 epoch, string memory name) private returns (uint256) {
        Item[] memory items = new Item[](count);
        uint128 total = 0;
        for (uint32 i = 0; i < count; ++i) {
            items[i] = Item(i, 1e6 + epoch * 1_000 + i);
            total += items[i].cumulative;
        }
        for (uint32 i = count; i < PAYEES; ++i) {
            total += credited(i);
        }
        bytes memory list = Statements.pack(items);
        EpochStatement memory s = statementOver(list, epoch, total);
        bytes memory signature = Statements.sign(key, s, address(escrow));
        escrow.settle(s, list, signature);
        return vm.snapshotGasLastCall("MizanEscrow", name);
    }

    function credited(uint32 index) private view returns (uint64) {
        return creditOf(index);
    }

    function atMost(uint256 actual, uint256 ceiling, string memory what) private pure {
        require(actual <= ceiling, what);
    }

    function test_gas_of_statements() public {
        cost(PAYER_KEY, 0, 1, "settle, nobody, anchor only, first");
        cost(HOT_KEY, 0, 2, "settle, nobody, anchor only, by a delegate, first");
        uint256 nobody = cost(PAYER_KEY, 0, 3, "settle, nobody, anchor only");
        uint256 nobodyHot = cost(HOT_KEY, 0, 4, "settle, nobody, anchor only, by a delegate");
        cost(PAYER_KEY, 200, 5, "settle, 200 new payees");
        uint256 owner = cost(PAYER_KEY, 200, 6, "settle, 200 payees");
        uint256 hot = cost(HOT_KEY, 200, 7, "settle, 200 payees, by a delegate");
        cost(PAYER_KEY, 1_000, 8, "settle, 1,000 payees, 800 of them new");
        uint256 ownerMany = cost(PAYER_KEY, 1_000, 9, "settle, 1,000 payees");
        uint256 hotMany = cost(HOT_KEY, 1_000, 10, "settle, 1,000 payees, by a delegate");

        atMost(owner, 45 * RECEIPTS, "45 a receipt");
        atMost(hot, 47 * RECEIPTS, "47 a receipt by a delegate");
        atMost((owner - nobody) / 200, 1_850, "1,850 a payee of 200");
        atMost((ownerMany - nobody) / 1_000, 1_850, "1,850 a payee of 1,000");
        atMost((hot - nobodyHot) / 200, 1_900, "1,900 a payee of 200 by a delegate");
        atMost((hotMany - nobodyHot) / 1_000, 1_900, "1,900 a payee of 1,000 by a delegate");
    }

    /// Thirty epochs and one bulk payout; the payees are paid every month and hold the token.
    function month(uint256 key, string memory name, string memory payout) private returns (uint256 total) {
        uint32[] memory indices = new uint32[](200);
        for (uint32 i = 0; i < 200; ++i) {
            indices[i] = i;
        }
        cost(key, 200, 1, name);
        escrow.pushMany(payers(), indices);
        for (uint64 epoch = 2; epoch <= 31; ++epoch) {
            total += cost(key, 200, epoch, name);
        }
        escrow.pushMany(payers(), indices);
        total += vm.snapshotGasLastCall("MizanEscrow", payout);
    }

    function test_gas_of_a_month() public {
        uint256 total = month(PAYER_KEY, "settle, 30th epoch of a month", "pushMany, 200 holders");
        atMost(total / (30 * RECEIPTS), 55, "55 a receipt");
    }

    function test_gas_of_a_month_by_a_delegate() public {
        uint256 total = month(
            HOT_KEY, "settle, 30th epoch of a month, by a delegate", "pushMany, 200 holders, after a delegate"
        );
        atMost(total / (30 * RECEIPTS), 58, "58 a receipt by a delegate");
    }

    function test_gas_of_payouts() public {
        escrow.register(address(0xFEED));
        vm.snapshotGasLastCall("MizanEscrow", "register");
        cost(PAYER_KEY, 200, 1, "settle, 200 payees, all new, first");
        uint256 later = 0;
        for (uint64 i = 0; i < 2; ++i) {
            vm.prank(address(0x10000));
            escrow.withdraw(payers(), 0, address(0x10000));
            later = vm.snapshotGasLastCall("MizanEscrow", i == 0 ? "withdraw, first" : "withdraw");
            cost(PAYER_KEY, 200, 2 + i, "settle, 200 payees, after a withdrawal");
        }
        atMost(later, 68_000, "withdraw");
        uint32[] memory indices = new uint32[](50);
        for (uint32 i = 0; i < 50; ++i) {
            indices[i] = 100 + i;
        }
        escrow.pushMany(payers(), indices);
        vm.snapshotGasLastCall("MizanEscrow", "pushMany, 50 new holders");
    }

    function test_gas_of_deposits() public {
        address fresh = payer;
        escrow = new MizanEscrow(IERC20Metadata(address(token)), 1, THAW);
        token.mint(fresh, 1_000e6);
        token.mint(address(escrow), 1); // other payers' deposits are there already
        uint256 first = authorised("a", "deposit by EIP-3009, first");
        uint256 later = authorised("b", "deposit by EIP-3009");
        atMost(first, 118_000, "first by EIP-3009");
        atMost(later, 84_000, "later by EIP-3009");
        for (uint256 i = 0; i < 2; ++i) {
            (uint8 v, bytes32 r, bytes32 s) = permitFor(5e6, block.timestamp);
            escrow.depositWithPermit(fresh, 5e6, block.timestamp, v, r, s);
            vm.snapshotGasLastCall("MizanEscrow", "deposit by EIP-2612");
        }
        placePermit2();
        escrow.depositWithPermit2(fresh, 5e6, 1, block.timestamp, permit2For(5e6, 1));
        vm.snapshotGasLastCall("MizanEscrow", "deposit by Permit2, stand-in, new nonce word");
    }

    function authorised(bytes32 nonce, string memory name) private returns (uint256) {
        (uint8 v, bytes32 r, bytes32 s) = authorisationFor(5e6, nonce);
        escrow.depositWithAuthorization(payer, 5e6, 0, block.timestamp + 1, nonce, v, r, s);
        return vm.snapshotGasLastCall("MizanEscrow", name);
    }

    function test_gas_of_a_payers_orders() public {
        vm.prank(payer);
        escrow.thaw(5);
        vm.snapshotGasLastCall("MizanEscrow", "thaw");
        vm.prank(payer);
        escrow.addDelegate(address(0x408));
        vm.snapshotGasLastCall("MizanEscrow", "addDelegate");
        vm.prank(payer);
        escrow.revokeDelegate(address(0x408));
        vm.snapshotGasLastCall("MizanEscrow", "revokeDelegate");
        vm.prank(payer);
        escrow.allowPayees(9, type(uint256).max);
        vm.snapshotGasLastCall("MizanEscrow", "allowPayees, a word");
    }

    function test_the_largest_epoch_fits_a_transaction() public {
        uint256 gas_ = cost(PAYER_KEY, PAYEES, 1, "settle, 1,000 new payees, first");
        // 2^24 is the cap of one transaction.
        require(gas_ < 2 ** 23, "too dear");
    }

    /// The service puts at most this many payees into a statement, whoever they are: here nobody shares a storage slot.
    function test_the_longest_list_of_strangers_fits_a_transaction() public {
        uint32 strangers = 588;
        for (uint160 i = PAYEES; i < 4 * strangers; ++i) {
            escrow.register(address(0x10000 + i));
        }
        for (uint256 word = 4; word <= 4 * uint256(strangers) / 256; ++word) {
            vm.prank(payer);
            escrow.allowPayees(word, type(uint256).max);
        }
        vm.warp(block.timestamp + THAW);
        for (uint256 word = 4; word <= 4 * uint256(strangers) / 256; ++word) {
            escrow.admitPayees(payer, word);
        }
        Item[] memory items = new Item[](strangers);
        for (uint32 i = 0; i < strangers; ++i) {
            items[i] = Item(4 * i, 1e6);
        }
        bytes memory list = Statements.pack(items);
        EpochStatement memory s = statementOver(list, 1, 1e6 * uint128(strangers));
        bytes memory signature = Statements.sign(HOT_KEY, s, address(escrow));
        escrow.settle(s, list, signature);
        uint256 gas_ = vm.snapshotGasLastCall("MizanEscrow", "settle, 588 new payees in slots of their own, by a delegate");
        // A fifth above the estimate must be below 2^24.
        require(gas_ < uint256(2 ** 24 - 1) * 5 / 6, "too dear");
    }
}
