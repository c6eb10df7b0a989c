// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What a payer's delegates may spend. One slot; times are Unix seconds and last until 2106.
/// @param epochCap most units that one delegated statement may credit
/// @param minInterval seconds between two delegated statements
/// @param nextCap cap that replaces `epochCap` at `nextAt`
/// @param nextMinInterval interval that replaces `minInterval` at `nextAt`
/// @param nextAt when the announced limits begin; zero if none are announced
/// @param lastAt when the last delegated statement landed
struct Limits {
    uint64 epochCap;
    uint32 minInterval;
    uint64 nextCap;
    uint32 nextMinInterval;
    uint32 nextAt;
    uint32 lastAt;
}

/// @title What a payer's cold key lets hot keys do
/// @notice A delegate signs statements and nothing else: to payees on the payer's allow-list, at most `epochCap` units each,
/// `minInterval` apart. What gives a delegate more is announced and begins after the thaw time, or at once while the payer has
/// no deposit; what gives it less holds at once. All functions speak for the caller, but `admitPayees`.
interface IDelegation {
    /// @notice `delegate` may sign for `payer` from `liveFrom`.
    event DelegateAdded(address indexed payer, address indexed delegate, uint64 liveFrom);
    /// @notice `delegate` may sign for `payer` no more after `liveUntil`.
    event DelegateRevoked(address indexed payer, address indexed delegate, uint64 liveUntil);
    /// @notice Limits in force now, and the ones that begin at `nextAt` (zero: none).
    event LimitsChanged(
        address indexed payer, uint64 epochCap, uint32 minInterval, uint64 nextCap, uint32 nextMinInterval, uint32 nextAt
    );
    /// @notice The payees `256 * word + bit` of `bits` may be admitted from `admissibleAt`.
    event PayeesAnnounced(address indexed payer, uint256 indexed word, uint256 bits, uint64 admissibleAt);
    /// @notice Delegates may credit exactly the payees `256 * word + bit` of `bits` in this word.
    event PayeesAllowed(address indexed payer, uint256 indexed word, uint256 bits);

    error DelegateInvalid(address delegate);
    error EpochCapExceeded(uint64 epochCap, uint256 units);
    error IntervalNotOver(uint256 endsAt);
    error NotYet(uint64 at);
    error NothingChanged();
    error PayeeNotAllowed(uint32 index);

    /// @notice Lets `delegate` sign statements, after the delay. Errors: DelegateInvalid (nobody, the payer itself, or one already).
    function addDelegate(address delegate) external;

    /// @notice Ends a delegate. A statement that it handed out can land until the thaw time is over, within the limits; one
    /// that was never live ends at once. Error: DelegateInvalid.
    function revokeDelegate(address delegate) external;

    /// @notice Sets the limits. The part that lowers them holds at once, the part that raises them after the delay;
    /// limits announced before are dropped.
    function setLimits(uint64 epochCap, uint32 minInterval) external;

    /// @notice Announces more payees of a word, or admits them at once while the payer has no deposit. The clock restarts for
    /// all that are announced in the word. Error: NothingChanged.
    function allowPayees(uint256 word, uint256 bits) external;

    /// @notice Admits what `payer` announced; anyone may call. Errors: NothingChanged, NotYet.
    function admitPayees(address payer, uint256 word) external;

    /// @notice Takes payees off the list and out of the announcement, at once. Error: NothingChanged.
    function dropPayees(uint256 word, uint256 bits) external;

    /// @notice Unix times between which a delegate's statements can land; both zero if it never was one.
    function delegateOf(address payer, address delegate) external view returns (uint64 liveFrom, uint64 liveUntil);

    /// @notice Limits as they are now.
    function limitsOf(address payer) external view returns (Limits memory);

    /// @notice Payees of a word that delegates may credit; those announced, and when they may be admitted.
    function allowedPayees(address payer, uint256 word)
        external
        view
        returns (uint256 bits, uint256 announced, uint64 admissibleAt);
}
