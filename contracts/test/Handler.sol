// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MizanEscrow} from "../src/MizanEscrow.sol";
import {TestDollar} from "../src/TestDollar.sol";
import {EpochStatement, Item, Payer, Statements, vm} from "./EscrowTest.sol";

/// What of a statement may be odd.
struct Odd {
    uint256 key;
    bytes32 registry;
    uint64 growth;
}

/// Plays three payers, six payees and their enemies, and keeps its own books. A bad statement that lands is
/// remembered in `crime`.
contract Handler {
    uint256 public constant PAYERS = 3;
    uint32 public constant PAYEES = 6;
    /// Longer than all the time that passes in a run: what is handed out does not expire.
    uint256 private constant LIFE = 3650 days;

    MizanEscrow public immutable escrow;
    TestDollar public immutable token;
    string public crime;

    uint256 public deposited;
    uint256 public depositWithdrawn;
    uint256 public paidOut;
    mapping(uint256 payer => mapping(uint32 payee => uint64)) public cumulative;
    mapping(uint256 payer => mapping(uint32 payee => uint64)) public drawn;
    mapping(uint256 payer => uint256) public deposits;
    mapping(uint256 payer => uint64) public epochs;
    mapping(uint256 payer => uint64) public auditSizes;
    mapping(uint256 payer => uint256) public withdrawnDeposits;
    /// The registry before the last payee came.
    bytes32 private immutable stale;
    /// The last statement of each payer that landed, as it was sent.
    mapping(uint256 payer => bytes) internal landed;

    constructor(MizanEscrow escrow_, TestDollar token_) {
        (escrow, token) = (escrow_, token_);
        for (uint32 i = 0; i < PAYEES - 1; ++i) {
            escrow.register(payeeAddress(i));
        }
        stale = escrow.registryHash();
        escrow.register(payeeAddress(PAYEES - 1));
    }

    function payerKey(uint256 payer) public pure returns (uint256) {
        return 0xA11CE + payer;
    }

    function payerAddress(uint256 payer) public pure returns (address) {
        return vm.addr(payerKey(payer));
    }

    function payeeAddress(uint32 payee) public pure returns (address) {
        return vm.addr(0xB0B0 + payee);
    }

    function totalOf(uint256 payer) public view returns (uint128 total) {
        for (uint32 i = 0; i < PAYEES; ++i) {
            total += cumulative[payer][i];
        }
    }

    function deposit(uint256 payer, uint64 units) external {
        payer %= PAYERS;
        units = units % 1e9 + 1;
        address account = payerAddress(payer);
        token.mint(account, units);
        vm.prank(account);
        token.approve(address(escrow), units);
        vm.prank(account);
        escrow.deposit(units);
        deposited += units;
        deposits[payer] += units;
    }

    /// A right statement over a random subset of payees.
    function settle(uint256 payer, uint64[6] calldata raises, uint8 subset) external {
        payer %= PAYERS;
        (Item[] memory items, uint128 total) = plan(payer, raises, subset);
        relay(payer, items, total, true, "");
        bookSettled(payer, items, 1);
    }

    /// A wrong statement, signed all the same: a payer may be malicious too.
    function cheat(uint256 payer, uint64[6] calldata raises, uint8 trick) external {
        payer %= PAYERS;
        (Item[] memory items, uint128 total) = plan(payer, raises, 0x3f);
        trick %= 11;
        if (trick == 0) {
            uint64 stored = cumulative[payer][0];
            if (stored == 0) return;
            items[0].cumulative = stored - 1;
            total = sum(payer, items);
            if (total < totalOf(payer)) items[1].cumulative += 1; // hide the fall in a rise elsewhere
            relay(payer, items, sum(payer, items), false, "a cumulative total fell");
        } else if (trick == 1) {
            items[1] = items[0];
            relay(payer, items, total, false, "a payee was named twice");
        } else if (trick == 2) {
            (items[2], items[3]) = (items[3], items[2]);
            relay(payer, items, total, false, "the list was not in order");
        } else if (trick == 3) {
            relay(payer, items, total + 1, false, "the total was above the list");
        } else if (trick == 4) {
            if (total == totalOf(payer)) return;
            relay(payer, items, total - 1, false, "the total was below the list");
        } else if (trick == 5) {
            relay(payer, items, total, Odd(payerKey(payer), stale, 3), false, "a payee was credited that the signed registry does not have");
        } else if (trick == 6) {
            relay(payer, items, total, Odd(payerKey(payer), keccak256(abi.encode(raises)), 3), false, "a registry was believed that never was");
        } else if (trick == 7) {
            if (auditSizes[payer] == 0) return;
            relay(payer, items, total, Odd(payerKey(payer), escrow.registryHash(), 0), false, "the audit log was rolled back");
        } else if (trick == 8) {
            if (landed[payer].length == 0) return;
            (bool again,) = address(escrow).call(landed[payer]);
            if (again) crime = "a statement landed twice";
        } else if (trick == 9) {
            // Under another payer's name, whose deposit might bear it.
            uint256 other = (payer + 1) % PAYERS;
            relay(other, items, total, Odd(payerKey(payer), escrow.registryHash(), 3), false, "one payer spent another's deposit");
        } else {
            items[0].cumulative += uint64(escrow.payerOf(payerAddress(payer)).available) + 1;
            relay(payer, items, sum(payer, items), false, "more than the deposit was credited");
        }
    }

    function withdraw(uint32 payee) external {
        payee %= PAYEES;
        uint256 due = dueTo(payee);
        if (due == 0) return;
        vm.prank(payeeAddress(payee));
        escrow.withdraw(allPayers(), payee, payeeAddress(payee));
        book(payee, due);
    }

    function push(uint32 payee) external {
        payee %= PAYEES;
        uint256 due = dueTo(payee);
        uint32[] memory indices = new uint32[](1);
        indices[0] = payee;
        escrow.pushMany(allPayers(), indices);
        book(payee, due);
    }

    function thaw(uint256 payer, uint64 units) external {
        address account = payerAddress(payer % PAYERS);
        Payer memory state = escrow.payerOf(account);
        uint128 free = state.available - state.thawing;
        if (free == 0) return;
        vm.prank(account);
        escrow.thaw(uint64(units % free + 1));
    }

    function withdrawDeposit(uint256 payer, uint16 wait) external {
        payer %= PAYERS;
        address account = payerAddress(payer);
        Payer memory state = escrow.payerOf(account);
        vm.warp(block.timestamp + wait);
        bool may = state.thawing > 0 && block.timestamp >= state.thawEndsAt;
        vm.prank(account);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.withdrawDeposit, (account)));
        if (done && !may) crime = "a deposit left before its thaw";
        if (!done) return;
        depositWithdrawn += state.thawing;
        withdrawnDeposits[payer] += state.thawing;
    }

    function allPayers() public pure returns (address[] memory list) {
        list = new address[](PAYERS);
        for (uint256 i = 0; i < PAYERS; ++i) {
            list[i] = payerAddress(i);
        }
    }

    function plan(uint256 payer, uint64[6] calldata raises, uint8 subset)
        internal
        view
        returns (Item[] memory items, uint128 total)
    {
        uint256 free = escrow.payerOf(payerAddress(payer)).available;
        Item[6] memory chosen;
        uint256 count = 0;
        for (uint32 i = 0; i < PAYEES; ++i) {
            if (subset & (1 << i) == 0) continue;
            uint64 raise = uint64(raises[i] % (free / 2 + 1));
            free -= raise;
            chosen[count++] = Item(i, cumulative[payer][i] + raise);
        }
        items = new Item[](count);
        for (uint256 i = 0; i < count; ++i) {
            items[i] = chosen[i];
        }
        total = sum(payer, items);
    }

    /// The payer's total if the items replaced its books.
    function sum(uint256 payer, Item[] memory items) private view returns (uint128 total) {
        total = totalOf(payer);
        for (uint256 i = 0; i < items.length; ++i) {
            total = total + items[i].cumulative - cumulative[payer][items[i].index];
        }
    }

    function relay(uint256 payer, Item[] memory items, uint128 total, bool right, string memory what) private {
        relay(payer, items, total, Odd(payerKey(payer), escrow.registryHash(), 3), right, what);
    }

    /// Signed by `key`; `growth`: entries that the audit log grew by each epoch.
    function relay(uint256 payer, Item[] memory items, uint128 total, Odd memory odd, bool right, string memory what)
        private
    {
        bytes memory order = orderOf(payer, items, total, odd, 1);
        (bool done,) = address(escrow).call(order);
        if (done && !right) crime = what;
        if (!done && right) crime = "a right statement was refused";
        if (done) landed[payer] = order;
    }

    /// Call data of the statement that is `step` epochs above the payer's last.
    function orderOf(uint256 payer, Item[] memory items, uint128 total, Odd memory odd, uint64 step)
        internal
        view
        returns (bytes memory)
    {
        bytes memory list = Statements.pack(items);
        EpochStatement memory s = statementOver(payer, keccak256(list), total, odd, epochs[payer] + step);
        return abi.encodeCall(escrow.settle, (s, list, Statements.sign(odd.key, s, address(escrow))));
    }

    function statementOver(uint256 payer, bytes32 listHash, uint128 total, Odd memory odd, uint64 epoch)
        private
        view
        returns (EpochStatement memory)
    {
        return EpochStatement({
            payer: payerAddress(payer),
            epoch: epoch,
            listHash: listHash,
            cumulativeTotal: total,
            registryHash: odd.registry,
            auditRoot: keccak256(abi.encode(payer, epoch)),
            auditSize: epoch * odd.growth,
            validUntil: uint64(block.timestamp + LIFE)
        });
    }

    /// What a statement that landed says of its payer.
    function bookSettled(uint256 payer, Item[] memory items, uint64 step) internal {
        for (uint256 i = 0; i < items.length; ++i) {
            cumulative[payer][items[i].index] = items[i].cumulative;
        }
        epochs[payer] += step;
        auditSizes[payer] = epochs[payer] * 3;
    }

    function dueTo(uint32 payee) private view returns (uint256 due) {
        for (uint256 i = 0; i < PAYERS; ++i) {
            due += cumulative[i][payee] - drawn[i][payee];
        }
    }

    function book(uint32 payee, uint256 due) private {
        for (uint256 i = 0; i < PAYERS; ++i) {
            drawn[i][payee] = cumulative[i][payee];
        }
        paidOut += due;
    }
}
