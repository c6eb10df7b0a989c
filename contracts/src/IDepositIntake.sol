// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Four ways into a deposit
/// @notice Each credits the account whose tokens moved, and no other; none touches a thaw. What arrives is measured: a token that
/// keeps a part of a transfer is refused (TokenAmountWrong).
interface IDepositIntake {
    /// @notice A payer added to its own deposit.
    event Deposited(address indexed payer, uint128 units, uint128 available);

    error AmountZero();
    error DecimalsUnsupported(uint8 decimals);
    error ParameterOutOfRange();
    error PermitUnusable();
    error TokenAmountWrong(uint256 expected, uint256 received);

    /// @notice Moves `units` of the token from the caller into the caller's deposit. Never touches a thaw.
    function deposit(uint128 units) external;

    /// @notice The same for `payer` by its EIP-2612 permit; anyone may relay it. A permit that was spent already does not stop
    /// the payer itself: its allowance stands. Anyone else gets PermitUnusable, or an old allowance could be drawn unasked.
    function depositWithPermit(address payer, uint128 units, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external;

    /// @notice The same for `payer` by its EIP-3009 `ReceiveWithAuthorization` to this contract; anyone may relay it.
    function depositWithAuthorization(
        address payer,
        uint128 units,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice The same for `payer` by its Permit2 `PermitTransferFrom` of exactly this amount to this contract as the
    /// spender; anyone may relay it. The payer approves Permit2 once.
    function depositWithPermit2(
        address payer,
        uint128 units,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external;
}
