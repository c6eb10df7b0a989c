// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IDelegation} from "./IDelegation.sol";
import {IDepositIntake} from "./IDepositIntake.sol";

/// @notice What a payer signs once per epoch: everybody's cumulative totals and the head of the audit log.
/// @param payer the account whose deposit pays; it signs itself, or a delegate does
/// @param epoch rises with every statement of a payer; gaps are allowed
/// @param listHash keccak256 of the packed list of (uint32 index, uint64 cumulative), 12 bytes each
/// @param cumulativeTotal sum of all the payer's cumulative totals after this statement, in units
/// @param registryHash rolling hash of the payee registry that the indices refer to
/// @param auditRoot root of the audit log that the payer saw
/// @param auditSize number of entries under that root; never falls
/// @param validUntil last second (Unix time) at which the statement may land
struct EpochStatement {
    address payer;
    uint64 epoch;
    bytes32 listHash;
    uint128 cumulativeTotal;
    bytes32 registryHash;
    bytes32 auditRoot;
    uint64 auditSize;
    uint64 validUntil;
}

/// @notice One payer's state. All amounts in units.
/// @param available deposit that no statement has credited yet, thawing part included
/// @param cumulativeTotal sum of the payer's cumulative totals
/// @param epoch number of the last statement
/// @param auditSize size of the anchored audit log
/// @param thawing part of `available` that the payer has asked back
/// @param thawEndsAt Unix time from which the thawing part may leave
/// @param auditRoot root of the anchored audit log
struct Payer {
    uint128 available;
    uint128 cumulativeTotal;
    uint64 epoch;
    uint64 auditSize;
    uint64 thawing;
    uint64 thawEndsAt;
    bytes32 auditRoot;
}

/// @title Deposits of payers, cumulative credits of payees, anchors of the audit log
/// @notice One unit is `unit` base units of `token`. Nobody owns, upgrades or pauses this contract.
interface IMizanEscrow is IDepositIntake, IDelegation {
    /// @notice A payer asked `units` more of its deposit back; all of `thawing` may leave at `thawEndsAt`.
    event ThawStarted(address indexed payer, uint64 units, uint64 thawing, uint64 thawEndsAt);
    /// @notice A payer gave up its thaw.
    event ThawCancelled(address indexed payer);
    /// @notice Thawed deposit left to `to`.
    event DepositWithdrawn(address indexed payer, address indexed to, uint64 units);
    /// @notice An account became payee number `index`; `registryHash` covers it and all before it.
    event PayeeRegistered(uint32 indexed index, address indexed payee, bytes32 registryHash);
    /// @notice A payee moved the address to which pushes go.
    event PayoutAddressChanged(uint32 indexed index, address indexed payoutAddress);
    /// @notice A statement landed: `units` went from the payer's deposit to its payees.
    event EpochSettled(
        address indexed payer,
        uint64 indexed epoch,
        bytes32 listHash,
        uint128 units,
        uint128 cumulativeTotal,
        bytes32 auditRoot,
        uint64 auditSize
    );
    /// @notice `units` of what `payer` credited to payee `index` left to `to`; `drawn` is the total that has.
    event Withdrawn(
        address indexed payer, uint32 indexed index, address indexed to, uint64 units, uint64 drawn
    );
    /// @notice A push failed; the credit stays.
    event PushFailed(uint32 indexed index, address indexed to);

    error AddressInvalid(address account);
    error AlreadyRegistered(address payee, uint32 index);
    error AuditRolledBack(uint64 storedSize, uint64 statedSize);
    error CumulativeFell(uint32 index, uint64 stored, uint64 stated);
    error DepositInsufficient(uint128 available, uint128 needed);
    error EpochStale(uint64 stored, uint64 stated);
    error IndicesNotAscending(uint32 index);
    error ListHashWrong(bytes32 actual);
    error ListLengthWrong(uint256 length);
    error NotPayee(uint32 index, address caller);
    error NotSelf();
    error PayeeUnknown(uint32 index);
    error RegistryUnknown(bytes32 registryHash);
    error SignatureWrong();
    error StepTooLarge();
    error StatementExpired(uint64 validUntil);
    error ThawNotOver(uint64 thawEndsAt);
    error TotalFell(uint128 stored, uint128 stated);
    error TotalWrong(uint256 listed, uint128 stated);

    /// @notice Asks `units` more of the caller's deposit back and restarts the clock for all of it.
    /// Until it leaves, thawing deposit still pays statements.
    function thaw(uint64 units) external;

    /// @notice Gives up the caller's thaw.
    function cancelThaw() external;

    /// @notice Pays the caller's thawed deposit to `to`.
    function withdrawDeposit(address to) external;

    /// @notice Makes `payee` the next payee; anyone may pay the gas. Pushes go to `payee` until it says otherwise.
    /// @return index its number in statements
    function register(address payee) external returns (uint32 index);

    /// @notice Moves the caller's payout address; only the payee itself can.
    function setPayoutAddress(address to) external;

    /// @notice Applies a payer's signed statement; anyone may relay it.
    /// @param list packed (uint32 index, uint64 cumulative) with strictly ascending indices
    /// @param signature 65 bytes (r, s, v) with low s by the payer's own key or by one of its delegates, or what the payer's
    /// ERC-1271 wallet accepts. A delegate is held to the payer's limits and allow-list (IDelegation).
    function settle(EpochStatement calldata statement, bytes calldata list, bytes calldata signature) external;

    /// @notice Pays the calling payee all that `payers` have credited to it.
    function withdraw(address[] calldata payers, uint32 index, address to) external;

    /// @notice Pays many payees at their payout addresses; anyone may call. A failing push leaves the credit.
    function pushMany(address[] calldata payers, uint32[] calldata indices) external;

    /// @notice State of a payer.
    function payerOf(address payer) external view returns (Payer memory);

    /// @notice What `payer` has credited to payee `index` in all, and what of that has left. In units.
    function creditOf(address payer, uint32 index) external view returns (uint64 cumulative, uint64 drawn);

    /// @notice A payee's identity and payout address. Error: PayeeUnknown.
    function payeeAt(uint32 index) external view returns (address payee, address payoutAddress);

    /// @notice A payee's number. `known` is false for an account that was never registered.
    function indexOf(address payee) external view returns (bool known, uint32 index);

    /// @notice Number of payees under a registry hash; zero if the hash was never current.
    function countAt(bytes32 registryHash) external view returns (uint32);
}
