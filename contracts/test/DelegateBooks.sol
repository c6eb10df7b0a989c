// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// A payer's word on one delegate; both zero: never one.
struct KeyBook {
    uint256 liveFrom;
    uint256 liveUntil;
}

/// Limits as they are, and those that begin at `nextAt` (zero: none).
struct LimitBook {
    uint64 cap;
    uint32 interval;
    uint64 nextCap;
    uint32 nextInterval;
    uint256 nextAt;
    uint256 lastAt;
}

/// Payees that delegates may credit, by bit, and those that they may from `admissibleAt`.
struct PayeeBook {
    uint256 allowed;
    uint256 announced;
    uint256 admissibleAt;
}

/// What delegates may do, by the rules of IDelegation and apart from the contract's own code. `delay`: until what gives a delegate more
/// begins. Each change returns whether it is one.
library DelegateBooks {
    uint256 internal constant FOREVER = type(uint64).max;

    function add(KeyBook storage key, uint256 delay) internal returns (bool) {
        if (key.liveUntil == FOREVER) return false;
        if (!isLive(key)) key.liveFrom = block.timestamp + delay;
        key.liveUntil = FOREVER;
        return true;
    }

    /// `thaw`: how long what it handed out may still land.
    function revoke(KeyBook storage key, uint256 thaw) internal returns (bool) {
        if (key.liveUntil != FOREVER) return false;
        key.liveUntil = isLive(key) ? block.timestamp + thaw : block.timestamp - 1;
        return true;
    }

    function isLive(KeyBook storage key) internal view returns (bool) {
        return key.liveFrom <= block.timestamp && block.timestamp <= key.liveUntil;
    }

    /// As they are now.
    function present(LimitBook storage book) internal view returns (LimitBook memory limits) {
        limits = book;
        if (limits.nextAt != 0 && block.timestamp >= limits.nextAt) {
            limits = LimitBook(limits.nextCap, limits.nextInterval, 0, 0, 0, limits.lastAt);
        }
    }

    function set(LimitBook storage book, uint64 cap, uint32 interval, uint256 delay) internal {
        LimitBook memory now_ = present(book);
        if (delay == 0) {
            (book.cap, book.interval) = (cap, interval);
        } else {
            book.cap = cap < now_.cap ? cap : now_.cap;
            book.interval = interval > now_.interval ? interval : now_.interval;
        }
        (book.nextCap, book.nextInterval, book.nextAt) = (0, 0, 0);
        bool isLate = cap != book.cap || interval != book.interval;
        if (isLate) (book.nextCap, book.nextInterval, book.nextAt) = (cap, interval, block.timestamp + delay);
    }

    function allow(PayeeBook storage book, uint256 bits, uint256 delay) internal returns (bool) {
        bits = (bits | book.announced) & ~book.allowed;
        if (bits == 0) return false;
        if (delay == 0) (book.allowed, book.announced) = (book.allowed | bits, 0);
        else (book.announced, book.admissibleAt) = (bits, block.timestamp + delay);
        return true;
    }

    function admit(PayeeBook storage book) internal returns (bool) {
        if (book.announced == 0 || block.timestamp < book.admissibleAt) return false;
        (book.allowed, book.announced) = (book.allowed | book.announced, 0);
        return true;
    }

    function drop(PayeeBook storage book, uint256 bits) internal returns (bool) {
        if ((book.allowed | book.announced) & bits == 0) return false;
        (book.allowed, book.announced) = (book.allowed & ~bits, book.announced & ~bits);
        return true;
    }
}
