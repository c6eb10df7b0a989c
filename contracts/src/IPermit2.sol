// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Permit2's SignatureTransfer, as far as an escrow needs it
/// @notice The spender that the owner signed for is the caller.
interface IPermit2 {
    struct TokenPermissions {
        address token;
        uint256 amount;
    }

    struct PermitTransferFrom {
        TokenPermissions permitted;
        uint256 nonce;
        uint256 deadline;
    }

    struct SignatureTransferDetails {
        address to;
        uint256 requestedAmount;
    }

    /// @notice Moves `details.requestedAmount` of the permitted token from `owner` to `details.to`.
    function permitTransferFrom(
        PermitTransferFrom calldata permit,
        SignatureTransferDetails calldata details,
        address owner,
        bytes calldata signature
    ) external;
}
