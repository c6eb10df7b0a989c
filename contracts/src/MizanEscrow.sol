// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Delegation} from "./Delegation.sol";
import {DepositIntake} from "./DepositIntake.sol";
import {EpochStatement, IMizanEscrow, Payer} from "./IMizanEscrow.sol";
import {PackedTotals} from "./PackedTotals.sol";

/// @title Deposits of payers, cumulative credits of payees, anchors of the audit log
/// @notice See IMizanEscrow for every function.
contract MizanEscrow is IMizanEscrow, DepositIntake, Delegation, EIP712 {
    using SafeERC20 for IERC20Metadata;
    using PackedTotals for mapping(uint256 => uint256);

    bytes32 private constant STATEMENT_TYPEHASH = keccak256(
        "EpochStatement(address payer,uint64 epoch,bytes32 listHash,uint128 cumulativeTotal,bytes32 registryHash,bytes32 auditRoot,uint64 auditSize,uint64 validUntil)"
    );
    /// @dev A push may use this much gas, and this much more for each payer it collects from.
    uint256 private constant PUSH_GAS = 200_000;
    uint256 private constant PUSH_GAS_PER_PAYER = 40_000;
    uint256 private constant THAW_SECONDS_MAX = 90 days;
    uint256 private constant ITEM_BYTES = 12;

    /// @dev How far one statement may move its payer's epoch and audit size, or a stolen delegate could use them up.
    uint64 private constant EPOCH_STEP_MAX = 2 ** 32;
    uint64 private constant AUDIT_STEP_MAX = 2 ** 40;

    /// @notice Seconds from asking a deposit back to getting it.
    uint64 public immutable thawSeconds;

    /// @notice Rolling hash of all payees in order: keccak256(previous hash, payee).
    bytes32 public registryHash;
    /// @notice Number of payees.
    uint32 public payeeCount;
    /// @inheritdoc IMizanEscrow
    mapping(bytes32 registryHash => uint32) public countAt;

    /// @dev Pushes go to the payee itself until it moved its payout address: one slot to read then.
    struct PayeeEntry {
        address payee;
        bool moved;
        address payoutAddress;
    }

    mapping(uint32 index => PayeeEntry) private _payees;
    mapping(address payee => uint32 indexPlusOne) private _numbers;
    mapping(address payer => Payer) private _payers;
    mapping(address payer => mapping(uint256 word => uint256)) private _credited;
    mapping(address payer => mapping(uint256 word => uint256)) private _drawn;

    /// @param token_ ERC-20 with at most 18 decimals
    /// @param unit_ base units of the token in one unit, at least 1
    /// @param thawSeconds_ 1 second to 90 days
    constructor(IERC20Metadata token_, uint256 unit_, uint64 thawSeconds_)
        EIP712("MizanEscrow", "1")
        DepositIntake(token_, unit_)
    {
        if (thawSeconds_ == 0 || thawSeconds_ > THAW_SECONDS_MAX) revert ParameterOutOfRange();
        thawSeconds = thawSeconds_;
    }

    // ---------------------------------------------------------------- deposits

    /// @inheritdoc IMizanEscrow
    function thaw(uint64 units) external {
        if (units == 0) revert AmountZero();
        Payer storage payer = _payers[msg.sender];
        uint64 thawing = payer.thawing + units;
        if (thawing > payer.available) revert DepositInsufficient(payer.available, thawing);
        uint64 endsAt = uint64(block.timestamp) + thawSeconds;
        payer.thawing = thawing;
        payer.thawEndsAt = endsAt;
        emit ThawStarted(msg.sender, units, thawing, endsAt);
    }

    /// @inheritdoc IMizanEscrow
    function cancelThaw() external {
        Payer storage payer = _payers[msg.sender];
        if (payer.thawing == 0) revert AmountZero();
        payer.thawing = 0;
        emit ThawCancelled(msg.sender);
    }

    /// @inheritdoc IMizanEscrow
    function withdrawDeposit(address to) external nonReentrant {
        _requireOutside(to);
        Payer storage payer = _payers[msg.sender];
        uint64 units = payer.thawing;
        if (units == 0) revert AmountZero();
        if (block.timestamp < payer.thawEndsAt) revert ThawNotOver(payer.thawEndsAt);
        payer.thawing = 0;
        payer.available -= units;
        emit DepositWithdrawn(msg.sender, to, units);
        token.safeTransfer(to, units * unit);
    }

    // ---------------------------------------------------------------- payees

    /// @inheritdoc IMizanEscrow
    function register(address payee) external returns (uint32 index) {
        _requireOutside(payee);
        uint32 number = _numbers[payee];
        if (number != 0) revert AlreadyRegistered(payee, number - 1);
        index = payeeCount;
        bytes32 hash = keccak256(abi.encode(registryHash, payee));
        payeeCount = index + 1;
        registryHash = hash;
        countAt[hash] = index + 1;
        _numbers[payee] = index + 1;
        _payees[index].payee = payee;
        emit PayeeRegistered(index, payee, hash);
    }

    /// @inheritdoc IMizanEscrow
    function setPayoutAddress(address to) external {
        _requireOutside(to);
        uint32 number = _numbers[msg.sender];
        if (number == 0) revert NotPayee(0, msg.sender);
        _payees[number - 1].moved = true;
        _payees[number - 1].payoutAddress = to;
        emit PayoutAddressChanged(number - 1, to);
    }

    // ---------------------------------------------------------------- statements

    /// @inheritdoc IMizanEscrow
    function settle(EpochStatement calldata statement, bytes calldata list, bytes calldata signature)
        external
        nonReentrant
    {
        if (block.timestamp > statement.validUntil) revert StatementExpired(statement.validUntil);
        bytes32 listHash = keccak256(list);
        if (listHash != statement.listHash) revert ListHashWrong(listHash);
        bool delegated = _requireSigned(statement, signature);

        uint128 units = _advance(_payers[statement.payer], statement);
        uint256 listed = _credit(statement.payer, list, _countUnder(statement.registryHash));
        if (listed != units) revert TotalWrong(listed, units);
        if (delegated) {
            _requireWithinLimits(statement.payer, units);
            _requireAllowed(statement.payer, list);
        }
        emit EpochSettled(
            statement.payer,
            statement.epoch,
            listHash,
            units,
            statement.cumulativeTotal,
            statement.auditRoot,
            statement.auditSize
        );
    }

    // ---------------------------------------------------------------- payouts

    /// @inheritdoc IMizanEscrow
    function withdraw(address[] calldata payers, uint32 index, address to) external nonReentrant {
        _requireOutside(to);
        if (msg.sender != _payees[index].payee) revert NotPayee(index, msg.sender);
        _pay(payers, index, to);
    }

    /// @inheritdoc IMizanEscrow
    function pushMany(address[] calldata payers, uint32[] calldata indices) external nonReentrant {
        uint256 gasMax = PUSH_GAS + PUSH_GAS_PER_PAYER * payers.length;
        for (uint256 i = 0; i < indices.length; ++i) {
            (, address to) = payeeAt(indices[i]);
            // A call to itself, so that a failure takes back every effect of this one push.
            try this.push{gas: gasMax}(payers, indices[i], to) {}
            catch {
                emit PushFailed(indices[i], to);
            }
        }
    }

    /// @notice One push of `pushMany`; only this contract may call it. Error: NotSelf.
    function push(address[] calldata payers, uint32 index, address to) external {
        if (msg.sender != address(this)) revert NotSelf();
        _pay(payers, index, to);
    }

    // ---------------------------------------------------------------- reads

    /// @inheritdoc IMizanEscrow
    function payerOf(address payer) external view returns (Payer memory) {
        return _payers[payer];
    }

    /// @inheritdoc IMizanEscrow
    function creditOf(address payer, uint32 index) external view returns (uint64 cumulative, uint64 drawn) {
        return (_credited[payer].read(index), _drawn[payer].read(index));
    }

    /// @inheritdoc IMizanEscrow
    function payeeAt(uint32 index) public view returns (address payee, address payoutAddress) {
        PayeeEntry storage entry = _payees[index];
        payee = entry.payee;
        if (payee == address(0)) revert PayeeUnknown(index);
        payoutAddress = entry.moved ? entry.payoutAddress : payee;
    }

    /// @inheritdoc IMizanEscrow
    function indexOf(address payee) external view returns (bool known, uint32 index) {
        uint32 number = _numbers[payee];
        return number == 0 ? (false, 0) : (true, number - 1);
    }

    // ---------------------------------------------------------------- rules

    function _requireOutside(address account) private view {
        if (account == address(0) || account == address(this)) revert AddressInvalid(account);
    }

    /// @dev Signed by the payer's key, by one of its live delegates, or by the payer as a wallet. An account that has both a key
    /// and code (EIP-7702) may use either.
    function _requireSigned(EpochStatement calldata statement, bytes calldata signature)
        private
        view
        returns (bool delegated)
    {
        bytes32 digest = _hashTypedDataV4(
            keccak256(
                abi.encode(
                    STATEMENT_TYPEHASH,
                    statement.payer,
                    statement.epoch,
                    statement.listHash,
                    statement.cumulativeTotal,
                    statement.registryHash,
                    statement.auditRoot,
                    statement.auditSize,
                    statement.validUntil
                )
            )
        );
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (failure == ECDSA.RecoverError.NoError) {
            if (signer == statement.payer) return false;
            if (_isLive(statement.payer, signer)) return true;
        }
        if (!_walletAccepts(statement.payer, digest, signature)) revert SignatureWrong();
    }

    /// @dev ERC-1271. Reads one word of the answer, however long it is; an account without code answers nothing.
    function _walletAccepts(address wallet, bytes32 digest, bytes calldata signature)
        private
        view
        returns (bool accepted)
    {
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bytes32 magic = IERC1271.isValidSignature.selector;
        assembly ("memory-safe") {
            let done := staticcall(gas(), wallet, add(question, 0x20), mload(question), 0, 0x20)
            accepted := and(and(done, gt(returndatasize(), 0x1f)), eq(mload(0), magic))
        }
    }

    /// @dev Number of payees that a statement may name. The registry before its first payee has the hash zero.
    function _countUnder(bytes32 hash) private view returns (uint32 count) {
        count = countAt[hash];
        if (count == 0 && hash != 0) revert RegistryUnknown(hash);
    }

    /// @dev Epoch, total, deposit and audit head of a payer; returns what its payees must get in sum.
    function _advance(Payer storage payer, EpochStatement calldata statement) private returns (uint128 units) {
        (uint128 available, uint128 total) = (payer.available, payer.cumulativeTotal);
        (uint64 epoch, uint64 auditSize, uint64 thawing) = (payer.epoch, payer.auditSize, payer.thawing);
        if (statement.epoch <= epoch) revert EpochStale(epoch, statement.epoch);
        if (statement.cumulativeTotal < total) revert TotalFell(total, statement.cumulativeTotal);
        units = statement.cumulativeTotal - total;
        if (units > available) revert DepositInsufficient(available, units);
        bool sameHead = statement.auditSize == auditSize && statement.auditRoot == payer.auditRoot;
        if (statement.auditSize <= auditSize && !sameHead) {
            revert AuditRolledBack(auditSize, statement.auditSize);
        }
        if (statement.epoch - epoch > EPOCH_STEP_MAX) revert StepTooLarge();
        if (statement.auditSize - auditSize > AUDIT_STEP_MAX) revert StepTooLarge();
        available -= units;
        payer.available = available;
        payer.cumulativeTotal = statement.cumulativeTotal;
        payer.epoch = statement.epoch;
        payer.auditSize = statement.auditSize;
        // What a statement took cannot thaw: a later deposit must not inherit the clock.
        if (thawing > available) payer.thawing = uint64(available);
        if (!sameHead) payer.auditRoot = statement.auditRoot;
    }

    /// @dev Raises the cumulative totals that the list names; returns the sum of the differences. Nothing overflows: an item is
    /// 96 bits of a list that fits a transaction.
    function _credit(address payer, bytes calldata list, uint32 count) private returns (uint256 listed) {
        if (list.length % ITEM_BYTES != 0) revert ListLengthWrong(list.length);
        mapping(uint256 => uint256) storage credited = _credited[payer];
        uint256 next = 0; // the smallest index that may follow
        uint256 word = 0;
        uint256 key = type(uint256).max; // of the word in hand; no index has this one
        unchecked {
            for (uint256 at = 0; at < list.length; at += ITEM_BYTES) {
                uint256 item;
                assembly ("memory-safe") {
                    item := shr(160, calldataload(add(list.offset, at)))
                }
                uint256 index = item >> 64;
                if (index < next) revert IndicesNotAscending(uint32(index));
                if (index >= count) revert PayeeUnknown(uint32(index));
                next = index + 1;
                if (index >> 2 != key) {
                    if (key != type(uint256).max) credited[key] = word;
                    key = index >> 2;
                    word = credited[key];
                }
                uint64 stored = PackedTotals.lane(word, uint32(index));
                uint64 stated = uint64(item);
                if (stated < stored) revert CumulativeFell(uint32(index), stored, stated);
                listed += stated - stored;
                word = PackedTotals.withLane(word, uint32(index), stated);
            }
        }
        if (key != type(uint256).max) credited[key] = word;
    }

    /// @dev Pays payee `index` everything that `payers` have credited and it has not drawn; effects first.
    function _pay(address[] calldata payers, uint32 index, address to) private {
        uint256 sum = 0;
        for (uint256 i = 0; i < payers.length; ++i) {
            address payer = payers[i];
            uint64 cumulative = _credited[payer].read(index);
            uint64 units = cumulative - _drawn[payer].read(index);
            if (units == 0) continue;
            _drawn[payer].write(index, cumulative);
            sum += units;
            emit Withdrawn(payer, index, to, units, cumulative);
        }
        if (sum == 0) revert AmountZero();
        token.safeTransfer(to, sum * unit);
    }

    function _addDeposit(address payer, uint128 units) internal override returns (uint128 available) {
        available = _payers[payer].available + units;
        _payers[payer].available = available;
    }

    function _depositOf(address payer) internal view override returns (uint128) {
        return _payers[payer].available;
    }

    function _thawSeconds() internal view override returns (uint64) {
        return thawSeconds;
    }
}
