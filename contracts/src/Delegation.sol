// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IDelegation, Limits} from "./IDelegation.sol";

/// @title Delegates, their limits and the payees they may credit
/// @notice See IDelegation for every function.
abstract contract Delegation is IDelegation {
    using SafeCast for uint256;

    uint64 private constant FOREVER = type(uint64).max;

    struct DelegateKey {
        uint64 liveFrom;
        uint64 liveUntil;
    }

    struct Announcement {
        uint256 bits;
        uint64 admissibleAt;
    }

    mapping(address payer => mapping(address delegate => DelegateKey)) private _delegates;
    mapping(address payer => Limits) private _limits;
    mapping(address payer => mapping(uint256 word => uint256)) private _allowed;
    mapping(address payer => mapping(uint256 word => Announcement)) private _announced;

    // ---------------------------------------------------------------- the payer's changes

    /// @inheritdoc IDelegation
    function addDelegate(address delegate) external {
        DelegateKey storage key = _delegates[msg.sender][delegate];
        if (delegate == address(0) || delegate == msg.sender || key.liveUntil == FOREVER) {
            revert DelegateInvalid(delegate);
        }
        // One that is still live after its revocation stays live.
        if (block.timestamp > key.liveUntil) key.liveFrom = uint64(block.timestamp + _delayOf(msg.sender));
        key.liveUntil = FOREVER;
        emit DelegateAdded(msg.sender, delegate, key.liveFrom);
    }

    /// @inheritdoc IDelegation
    function revokeDelegate(address delegate) external {
        DelegateKey storage key = _delegates[msg.sender][delegate];
        if (key.liveUntil != FOREVER) revert DelegateInvalid(delegate);
        bool wasLive = block.timestamp >= key.liveFrom;
        key.liveUntil = wasLive ? uint64(block.timestamp) + _thawSeconds() : uint64(block.timestamp) - 1;
        emit DelegateRevoked(msg.sender, delegate, key.liveUntil);
    }

    /// @inheritdoc IDelegation
    function setLimits(uint64 epochCap, uint32 minInterval) external {
        Limits memory limits = limitsOf(msg.sender);
        uint64 delay = _delayOf(msg.sender);
        bool raises = epochCap > limits.epochCap || minInterval < limits.minInterval;
        if (delay == 0 || epochCap < limits.epochCap) limits.epochCap = epochCap;
        if (delay == 0 || minInterval > limits.minInterval) limits.minInterval = minInterval;
        (limits.nextCap, limits.nextMinInterval, limits.nextAt) = (0, 0, 0);
        if (delay != 0 && raises) {
            limits.nextCap = epochCap;
            limits.nextMinInterval = minInterval;
            limits.nextAt = (block.timestamp + delay).toUint32();
        }
        _limits[msg.sender] = limits;
        emit LimitsChanged(
            msg.sender,
            limits.epochCap,
            limits.minInterval,
            limits.nextCap,
            limits.nextMinInterval,
            limits.nextAt
        );
    }

    /// @inheritdoc IDelegation
    function allowPayees(uint256 word, uint256 bits) external {
        Announcement storage announced = _announced[msg.sender][word];
        bits |= announced.bits;
        bits &= ~_allowed[msg.sender][word];
        if (bits == 0) revert NothingChanged();
        uint64 delay = _delayOf(msg.sender);
        if (delay == 0) {
            delete _announced[msg.sender][word];
            _allow(msg.sender, word, _allowed[msg.sender][word] | bits);
            return;
        }
        announced.bits = bits;
        announced.admissibleAt = uint64(block.timestamp) + delay;
        emit PayeesAnnounced(msg.sender, word, bits, announced.admissibleAt);
    }

    /// @inheritdoc IDelegation
    function admitPayees(address payer, uint256 word) external {
        Announcement memory announced = _announced[payer][word];
        if (announced.bits == 0) revert NothingChanged();
        if (block.timestamp < announced.admissibleAt) revert NotYet(announced.admissibleAt);
        delete _announced[payer][word];
        _allow(payer, word, _allowed[payer][word] | announced.bits);
    }

    /// @inheritdoc IDelegation
    function dropPayees(uint256 word, uint256 bits) external {
        uint256 allowed = _allowed[msg.sender][word];
        Announcement storage announced = _announced[msg.sender][word];
        if ((allowed | announced.bits) & bits == 0) revert NothingChanged();
        announced.bits &= ~bits;
        _allow(msg.sender, word, allowed & ~bits);
    }

    // ---------------------------------------------------------------- reads

    /// @inheritdoc IDelegation
    function delegateOf(address payer, address delegate)
        external
        view
        returns (uint64 liveFrom, uint64 liveUntil)
    {
        DelegateKey memory key = _delegates[payer][delegate];
        return (key.liveFrom, key.liveUntil);
    }

    /// @inheritdoc IDelegation
    function limitsOf(address payer) public view returns (Limits memory limits) {
        limits = _limits[payer];
        if (limits.nextAt == 0 || block.timestamp < limits.nextAt) return limits;
        (limits.epochCap, limits.minInterval) = (limits.nextCap, limits.nextMinInterval);
        (limits.nextCap, limits.nextMinInterval, limits.nextAt) = (0, 0, 0);
    }

    /// @inheritdoc IDelegation
    function allowedPayees(address payer, uint256 word)
        external
        view
        returns (uint256 bits, uint256 announced, uint64 admissibleAt)
    {
        Announcement memory next = _announced[payer][word];
        return (_allowed[payer][word], next.bits, next.bits == 0 ? 0 : next.admissibleAt);
    }

    // ---------------------------------------------------------------- rules

    /// @dev Whether statements of this key can land now.
    function _isLive(address payer, address delegate) internal view returns (bool) {
        DelegateKey memory key = _delegates[payer][delegate];
        return key.liveUntil != 0 && key.liveFrom <= block.timestamp && block.timestamp <= key.liveUntil;
    }

    /// @dev Takes a delegated statement of `units` off the limits.
    function _requireWithinLimits(address payer, uint256 units) internal {
        Limits memory limits = limitsOf(payer);
        if (units > limits.epochCap) revert EpochCapExceeded(limits.epochCap, units);
        uint256 endsAt = uint256(limits.lastAt) + limits.minInterval;
        if (block.timestamp < endsAt) revert IntervalNotOver(endsAt);
        limits.lastAt = block.timestamp.toUint32();
        _limits[payer] = limits;
    }

    /// @dev Every payee of the list is allowed. The list's length is a multiple of an item's. The first pass only says whether, two
    /// items at a time; it is what every delegated statement pays for.
    function _requireAllowed(address payer, bytes calldata list) internal view {
        mapping(uint256 => uint256) storage allowed = _allowed[payer];
        bool all;
        assembly ("memory-safe") {
            let bits := 0
            let word := not(0) // whose bits are in hand; no index has this one
            let at := list.offset
            let end := add(at, list.length)
            mstore(0x20, allowed.slot)
            let every := 1
            if mod(div(list.length, 12), 2) {
                let index := shr(224, calldataload(at))
                word := shr(8, index)
                mstore(0, word)
                bits := sload(keccak256(0, 0x40))
                every := shr(and(index, 0xff), bits)
                at := add(at, 12)
            }
            for {} lt(at, end) { at := add(at, 24) } {
                let pair := calldataload(at)
                let first := shr(224, pair)
                let second := and(shr(128, pair), 0xffffffff)
                if or(xor(shr(8, first), word), xor(shr(8, second), word)) {
                    mstore(0, shr(8, first))
                    every := and(every, shr(and(first, 0xff), sload(keccak256(0, 0x40))))
                    word := shr(8, second)
                    mstore(0, word)
                    bits := sload(keccak256(0, 0x40))
                    first := second
                }
                every := and(every, and(shr(and(first, 0xff), bits), shr(and(second, 0xff), bits)))
            }
            all := and(every, 1)
        }
        if (all) return;
        for (uint256 at = 0; at < list.length; at += 12) {
            uint32 index = uint32(bytes4(list[at:at + 4]));
            if ((allowed[index >> 8] >> (index & 0xff)) & 1 == 0) revert PayeeNotAllowed(index);
        }
    }

    /// @dev Seconds until a change begins that gives a delegate more. Without a deposit there is nothing to guard.
    function _delayOf(address payer) private view returns (uint64) {
        return _depositOf(payer) == 0 ? 0 : _thawSeconds();
    }

    function _allow(address payer, uint256 word, uint256 bits) private {
        _allowed[payer][word] = bits;
        emit PayeesAllowed(payer, word, bits);
    }

    function _depositOf(address payer) internal view virtual returns (uint128);

    function _thawSeconds() internal view virtual returns (uint64);
}
