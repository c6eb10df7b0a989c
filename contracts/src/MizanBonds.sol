// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {DepositIntake} from "./DepositIntake.sol";
import {Bond, Claim, IMizanBonds} from "./IMizanBonds.sol";

/// @title Bonds of providers, and claims on them
/// @notice See IMizanBonds for every function.
contract MizanBonds is IMizanBonds, DepositIntake {
    using SafeERC20 for IERC20Metadata;

    uint64 private constant THAW_SECONDS_MAX = 90 days;
    /// @dev A claim's stake is this part of it, rounded up.
    uint128 private constant STAKE_PART = 20;
    /// @dev This part of what is slashed is nobody's: a provider that slashes itself through friends loses it.
    uint128 private constant BURNT_PART = 10;

    /// @notice Seconds from asking a bond back to getting it: no claim of before takes longer, however often it is appealed.
    uint64 public immutable thawSeconds;
    /// @notice Seconds for an answer to a claim, and for an appeal against a ruling.
    uint64 public immutable answerSeconds;
    /// @notice Seconds for a ruling, of the arbiter and of the court.
    uint64 public immutable rulingSeconds;

    /// @notice Units that were slashed and are nobody's.
    uint256 public burnt;

    mapping(address provider => Bond) private _bonds;
    mapping(bytes32 id => Claim) private _claims;

    /// @param token_ ERC-20 with at most 18 decimals
    /// @param unit_ base units of the token in one unit, at least 1
    /// @param thawSeconds_ at least twice answer and ruling together, at most 90 days
    constructor(IERC20Metadata token_, uint256 unit_, uint64 thawSeconds_, uint64 answerSeconds_, uint64 rulingSeconds_)
        DepositIntake(token_, unit_)
    {
        bool none = answerSeconds_ == 0 || rulingSeconds_ == 0;
        if (none || thawSeconds_ > THAW_SECONDS_MAX) revert ParameterOutOfRange();
        if (uint256(thawSeconds_) < 2 * (uint256(answerSeconds_) + rulingSeconds_)) revert ParameterOutOfRange();
        thawSeconds = thawSeconds_;
        answerSeconds = answerSeconds_;
        rulingSeconds = rulingSeconds_;
    }

    // ---------------------------------------------------------------- bonds

    /// @inheritdoc IMizanBonds
    function setTerms(address arbiter, address court, uint128 claimMax) external {
        _requireOther(arbiter);
        if (court != address(0)) _requireOther(court);
        if (court == arbiter) revert AddressInvalid(court);
        if (claimMax == 0) revert AmountZero();
        Bond storage bond = _bonds[msg.sender];
        if (bond.units != 0 || bond.held != 0) revert BondNotEmpty();
        (bond.arbiter, bond.court, bond.claimMax) = (arbiter, court, claimMax);
        emit TermsSet(msg.sender, arbiter, court, claimMax);
    }

    /// @inheritdoc IMizanBonds
    function thaw(uint128 units) external {
        if (units == 0) revert AmountZero();
        Bond storage bond = _bonds[msg.sender];
        uint128 thawing = bond.thawing + units;
        if (thawing > bond.units) revert BondInsufficient(bond.units, thawing);
        uint64 endsAt = uint64(block.timestamp) + thawSeconds;
        (bond.thawing, bond.thawEndsAt) = (thawing, endsAt);
        emit ThawStarted(msg.sender, units, thawing, endsAt);
    }

    /// @inheritdoc IMizanBonds
    function cancelThaw() external {
        Bond storage bond = _bonds[msg.sender];
        if (bond.thawing == 0) revert AmountZero();
        bond.thawing = 0;
        emit ThawCancelled(msg.sender);
    }

    /// @inheritdoc IMizanBonds
    function withdraw(address to) external nonReentrant {
        _requireOutside(to);
        Bond storage bond = _bonds[msg.sender];
        if (bond.thawing == 0) revert AmountZero();
        if (block.timestamp < bond.thawEndsAt) revert ThawNotOver(bond.thawEndsAt);
        uint128 units = _lesser(bond.thawing, bond.units - _lesser(bond.held, bond.units));
        if (units == 0) revert BondHeld(bond.held);
        bond.thawing -= units;
        bond.units -= units;
        emit BondWithdrawn(msg.sender, to, units);
        token.safeTransfer(to, units * unit);
    }

    // ---------------------------------------------------------------- claims

    /// @inheritdoc IMizanBonds
    function claim(address provider, uint128 units, bytes32 evidenceHash)
        external
        nonReentrant
        returns (bytes32 id)
    {
        if (units == 0) revert AmountZero();
        Bond storage bond = _bonds[provider];
        if (units > bond.claimMax) revert ClaimTooLarge(bond.claimMax, units);
        _requireClaimable(bond, units);
        id = claimId(provider, msg.sender, evidenceHash);
        if (_claims[id].filedAt != 0) revert AlreadyClaimed(id);
        uint128 stake = (units + STAKE_PART - 1) / STAKE_PART;
        Claim storage filed = _claims[id];
        (filed.provider, filed.claimant, filed.filedAt) = (provider, msg.sender, uint64(block.timestamp));
        (filed.units, filed.stake) = (units, stake);
        bond.held += units;
        emit ClaimFiled(id, provider, msg.sender, units, evidenceHash);
        _take(stake);
    }

    /// @inheritdoc IMizanBonds
    function answer(bytes32 id, bytes32 answerHash) external {
        Claim storage filed = _open(id);
        if (msg.sender != filed.provider) revert NotYours(msg.sender);
        if (filed.answeredAt != 0 || filed.ruledAt != 0) revert AlreadyDone();
        _requireUntil(filed.filedAt + answerSeconds);
        filed.answeredAt = uint64(block.timestamp);
        emit ClaimAnswered(id, answerHash);
    }

    /// @inheritdoc IMizanBonds
    function rule(bytes32 id, uint128 granted) external {
        Claim storage filed = _open(id);
        if (granted > filed.units) revert ClaimTooLarge(filed.units, granted);
        if (filed.appealedAt == 0) _ruleFirst(filed, granted);
        else _ruleOnAppeal(filed, granted);
        emit ClaimRuled(id, msg.sender, granted);
    }

    /// @inheritdoc IMizanBonds
    function appeal(bytes32 id) external nonReentrant {
        Claim storage filed = _open(id);
        if (filed.ruledAt == 0) revert TooEarly(0);
        if (filed.appealedAt != 0) revert AlreadyDone();
        bool byProvider = msg.sender == filed.provider;
        bool lost = byProvider ? filed.granted > 0 : msg.sender == filed.claimant && filed.granted < filed.units;
        if (!lost || _bonds[filed.provider].court == address(0)) revert NotYours(msg.sender);
        _requireUntil(filed.ruledAt + answerSeconds);
        filed.appealedAt = uint64(block.timestamp);
        filed.appealedByProvider = byProvider;
        emit ClaimAppealed(id, msg.sender);
        _take(filed.stake);
    }

    /// @inheritdoc IMizanBonds
    function close(bytes32 id) external {
        Claim storage filed = _open(id);
        _requireFinal(filed);
        Bond storage bond = _bonds[filed.provider];
        uint128 slashed = _lesser(filed.granted, bond.units);
        uint128 lost = (slashed + BURNT_PART - 1) / BURNT_PART;
        (uint128 toClaimant, uint128 toBond) = _stakes(filed);
        filed.closedAt = uint64(block.timestamp);
        filed.due = slashed - lost + toClaimant;
        burnt += lost;
        bond.held -= filed.units;
        uint128 left = bond.units - slashed;
        // What was slashed cannot thaw, and what comes instead does not inherit the clock.
        if (bond.thawing > left) bond.thawing = left;
        bond.units = left + toBond;
        emit ClaimClosed(id, slashed, lost, filed.due);
    }

    /// @inheritdoc IMizanBonds
    function collect(bytes32 id, address to) external nonReentrant {
        _requireOutside(to);
        Claim storage filed = _claims[id];
        if (msg.sender != filed.claimant) revert NotYours(msg.sender);
        uint128 units = filed.due;
        if (units == 0) revert AmountZero();
        uint64 from = filed.granted == 0 ? 0 : filed.filedAt + thawSeconds;
        if (block.timestamp < from) revert TooEarly(from);
        filed.due = 0;
        emit Collected(id, to, units);
        token.safeTransfer(to, units * unit);
    }

    // ---------------------------------------------------------------- reads

    /// @inheritdoc IMizanBonds
    function bondOf(address provider) external view returns (Bond memory) {
        return _bonds[provider];
    }

    /// @inheritdoc IMizanBonds
    function securedOf(address provider) external view returns (uint128) {
        Bond storage bond = _bonds[provider];
        uint128 still = bond.units - bond.thawing;
        return still - _lesser(bond.held, still);
    }

    /// @inheritdoc IMizanBonds
    function claimOf(bytes32 id) external view returns (Claim memory found) {
        found = _claims[id];
        if (found.filedAt == 0) revert ClaimUnknown(id);
    }

    /// @inheritdoc IMizanBonds
    function claimId(address provider, address claimant, bytes32 evidenceHash) public pure returns (bytes32) {
        return keccak256(abi.encode(provider, claimant, evidenceHash));
    }

    // ---------------------------------------------------------------- rules

    function _ruleFirst(Claim storage filed, uint128 granted) private {
        if (msg.sender != _bonds[filed.provider].arbiter) revert NotYours(msg.sender);
        if (filed.ruledAt != 0) revert AlreadyDone();
        uint64 answerEndsAt = filed.filedAt + answerSeconds;
        if (filed.answeredAt == 0 && block.timestamp <= answerEndsAt) revert TooEarly(answerEndsAt + 1);
        _requireUntil(answerEndsAt + rulingSeconds);
        (filed.ruledAt, filed.granted) = (uint64(block.timestamp), granted);
    }

    function _ruleOnAppeal(Claim storage filed, uint128 granted) private {
        if (msg.sender != _bonds[filed.provider].court) revert NotYours(msg.sender);
        if (filed.courtRuledAt != 0) revert AlreadyDone();
        _requireUntil(filed.appealedAt + rulingSeconds);
        filed.appealWon = filed.appealedByProvider ? granted < filed.granted : granted > filed.granted;
        (filed.courtRuledAt, filed.granted) = (uint64(block.timestamp), granted);
    }

    /// @dev Nobody can rule or appeal any more.
    function _requireFinal(Claim storage filed) private view {
        uint64 until = 0;
        if (filed.ruledAt == 0) until = filed.filedAt + answerSeconds + rulingSeconds;
        else if (filed.courtRuledAt != 0 || _bonds[filed.provider].court == address(0)) return;
        else if (filed.appealedAt == 0) until = filed.ruledAt + answerSeconds;
        else until = filed.appealedAt + rulingSeconds;
        if (block.timestamp <= until) revert TooEarly(until + 1);
    }

    /// @dev Who gets the stakes: a claim's goes back unless it was rejected, an appeal's unless the court did not agree.
    function _stakes(Claim storage filed) private view returns (uint128 toClaimant, uint128 toBond) {
        if (filed.ruledAt != 0 && filed.granted == 0) toBond = filed.stake;
        else toClaimant = filed.stake;
        if (filed.appealedAt == 0) return (toClaimant, toBond);
        bool back = filed.courtRuledAt == 0 || filed.appealWon;
        if (back == filed.appealedByProvider) toBond += filed.stake;
        else toClaimant += filed.stake;
    }

    /// @dev Bond whose thaw is over is still there until it is fetched, but no new claim can count on it: else anybody could hold
    /// a provider back for ever, one claim after the other.
    function _requireClaimable(Bond storage bond, uint128 units) private view {
        bool thawed = bond.thawing > 0 && block.timestamp >= bond.thawEndsAt;
        uint128 available = thawed ? bond.units - bond.thawing : bond.units;
        uint128 needed = thawed ? bond.held + units : units;
        if (needed > available) revert BondInsufficient(available, needed);
    }

    function _open(bytes32 id) private view returns (Claim storage filed) {
        filed = _claims[id];
        if (filed.filedAt == 0) revert ClaimUnknown(id);
        if (filed.closedAt != 0) revert AlreadyDone();
    }

    function _requireUntil(uint64 until) private view {
        if (block.timestamp > until) revert TooLate(until);
    }

    function _requireOutside(address account) private view {
        if (account == address(0) || account == address(this)) revert AddressInvalid(account);
    }

    function _requireOther(address judge) private view {
        _requireOutside(judge);
        if (judge == msg.sender) revert AddressInvalid(judge);
    }

    function _lesser(uint128 a, uint128 b) private pure returns (uint128) {
        return a < b ? a : b;
    }

    /// @dev A stake, measured as a deposit is.
    function _take(uint128 units) private {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), units * unit);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != units * unit) revert TokenAmountWrong(units * unit, received);
    }

    function _addDeposit(address provider, uint128 units) internal override returns (uint128 available) {
        Bond storage bond = _bonds[provider];
        if (bond.arbiter == address(0)) revert TermsMissing(provider);
        available = bond.units + units;
        bond.units = available;
    }
}
