// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IDepositIntake} from "./IDepositIntake.sol";

/// @notice One provider's bond. All amounts in units.
/// @param arbiter rules on claims; the provider named it while its bond was empty
/// @param claimMax the most that one claim may ask
/// @param court rules on appeals; zero: there are none
/// @param units the whole bond, thawing part included
/// @param thawing part of `units` that the provider has asked back; slashable until it leaves
/// @param held sum of the claims that are not closed; as much of the bond may not leave
/// @param thawEndsAt Unix time from which the thawing part may leave
struct Bond {
    address arbiter;
    address court;
    uint128 claimMax;
    uint128 units;
    uint128 thawing;
    uint128 held;
    uint64 thawEndsAt;
}

/// @notice A claim on a bond. All amounts in units, all times Unix seconds, zero before they have happened.
/// @param provider whose bond
/// @param filedAt when it was filed
/// @param claimant who filed it, and gets what is due
/// @param answeredAt when the provider answered
/// @param units what is asked
/// @param granted what was granted by the ruling that stands
/// @param stake what the claimant staked, and what an appeal costs
/// @param due what the claimant may collect, once closed
/// @param ruledAt when the arbiter ruled
/// @param appealedAt when one of the two appealed
/// @param courtRuledAt when the court ruled
/// @param closedAt when the outcome was carried out
/// @param appealedByProvider which of the two appealed
/// @param appealWon whether the court ruled better for the one that appealed
struct Claim {
    address provider;
    uint64 filedAt;
    address claimant;
    uint64 answeredAt;
    uint128 units;
    uint128 granted;
    uint128 stake;
    uint128 due;
    uint64 ruledAt;
    uint64 appealedAt;
    uint64 courtRuledAt;
    uint64 closedAt;
    bool appealedByProvider;
    bool appealWon;
}

/// @title Bonds of providers, and claims on them
/// @notice One unit is `unit` base units of `token`. Nobody owns, upgrades or pauses this contract. A bond is worth what its arbiter
/// is worth: whoever relies on one must know the arbiter, and count only what does not thaw (`securedOf`).
interface IMizanBonds is IDepositIntake {
    /// @notice A provider, whose bond was empty, said who rules on claims and what one claim may ask.
    event TermsSet(address indexed provider, address indexed arbiter, address indexed court, uint128 claimMax);
    /// @notice A provider asked `units` more of its bond back; all of `thawing` may leave at `thawEndsAt`.
    event ThawStarted(address indexed provider, uint128 units, uint128 thawing, uint64 thawEndsAt);
    /// @notice A provider gave up its thaw.
    event ThawCancelled(address indexed provider);
    /// @notice Thawed bond left to `to`.
    event BondWithdrawn(address indexed provider, address indexed to, uint128 units);
    /// @notice Somebody asks `units` of a bond for what the evidence shows.
    event ClaimFiled(
        bytes32 indexed id, address indexed provider, address indexed claimant, uint128 units, bytes32 evidenceHash
    );
    /// @notice The provider answered a claim.
    event ClaimAnswered(bytes32 indexed id, bytes32 answerHash);
    /// @notice The arbiter, or on appeal the court, granted so much of a claim; zero is a rejection.
    event ClaimRuled(bytes32 indexed id, address indexed by, uint128 granted);
    /// @notice One of the two asked the court.
    event ClaimAppealed(bytes32 indexed id, address indexed by);
    /// @notice The outcome was carried out: `slashed` left the bond, of which `burnt` is nobody's, and `due` waits for the claimant.
    event ClaimClosed(bytes32 indexed id, uint128 slashed, uint128 burnt, uint128 due);
    /// @notice A claimant took what was due to it.
    event Collected(bytes32 indexed id, address indexed to, uint128 units);

    error AddressInvalid(address account);
    error AlreadyClaimed(bytes32 id);
    error AlreadyDone();
    error BondHeld(uint128 held);
    error BondInsufficient(uint128 available, uint128 needed);
    error BondNotEmpty();
    error ClaimTooLarge(uint128 claimMax, uint128 units);
    error ClaimUnknown(bytes32 id);
    error NotYours(address caller);
    error TermsMissing(address provider);
    error ThawNotOver(uint64 thawEndsAt);
    error TooEarly(uint64 from);
    error TooLate(uint64 until);

    /// @notice Names who rules on claims against the caller's bond, while that is empty and nothing is claimed of it.
    /// @param arbiter an account or a contract that carries out an agreed rule; not the caller
    /// @param court who rules on appeals; zero: there are none
    /// @param claimMax the most that one claim may ask, in units
    function setTerms(address arbiter, address court, uint128 claimMax) external;

    /// @notice Asks `units` more of the caller's bond back and restarts the clock for all of it.
    function thaw(uint128 units) external;

    /// @notice Gives up the caller's thaw.
    function cancelThaw() external;

    /// @notice Pays the caller's thawed bond to `to`, as far as no claim holds it.
    function withdraw(address to) external;

    /// @notice Claims `units` of a provider's bond. Takes a stake of a twentieth from the caller: lost to the bond on rejection.
    /// @param evidenceHash of what the arbiter is shown; the same claimant uses it once against a provider
    /// @return id names the claim by what it says, so that no reorganisation puts another in its place
    function claim(address provider, uint128 units, bytes32 evidenceHash) external returns (bytes32 id);

    /// @notice The provider's answer to a claim, within `answerSeconds`; the arbiter may rule from then on.
    function answer(bytes32 id, bytes32 answerHash) external;

    /// @notice The ruling: by the arbiter after the answer or the time for it, by the court after an appeal; each within
    /// `rulingSeconds`. Grants at most what was asked; zero rejects.
    function rule(bytes32 id, uint128 granted) external;

    /// @notice Asks the court, within `answerSeconds` of the ruling: the provider when something was granted, the claimant when
    /// not all was. Takes the claim's stake once more, lost to the other side unless the court rules better for the caller.
    function appeal(bytes32 id) external;

    /// @notice Carries out what was ruled, once that is final; anyone may call. An arbiter that is silent grants nothing and costs
    /// nobody anything; a court that is silent leaves the ruling as it is. Never pays, so nobody's token can stop it.
    function close(bytes32 id) external;

    /// @notice Pays the calling claimant what is due. What was slashed is due no sooner than a thaw that began with the claim.
    function collect(bytes32 id, address to) external;

    /// @notice A provider's bond.
    function bondOf(address provider) external view returns (Bond memory);

    /// @notice What of a bond neither thaws nor is claimed: what a new claim can count on.
    function securedOf(address provider) external view returns (uint128);

    /// @notice A claim. Error: ClaimUnknown.
    function claimOf(bytes32 id) external view returns (Claim memory);

    /// @notice The name of a claim.
    function claimId(address provider, address claimant, bytes32 evidenceHash) external pure returns (bytes32);
}
