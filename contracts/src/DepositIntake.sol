// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IDepositIntake} from "./IDepositIntake.sol";
import {IPermit2} from "./IPermit2.sol";

/// @title The one token of an escrow, and the ways in which it arrives
/// @notice See IDepositIntake for every function.
abstract contract DepositIntake is IDepositIntake, ReentrancyGuardTransient {
    using SafeERC20 for IERC20Metadata;

    /// @dev The same address on every chain that has Permit2.
    IPermit2 private constant PERMIT2 = IPermit2(0x000000000022D473030F116dDEE9F6B43aC78BA3);

    /// @notice The one token this contract holds. Fee-on-transfer and rebasing tokens are refused on deposit.
    IERC20Metadata public immutable token;
    /// @notice Base units of the token in one unit; a token with 18 decimals and units of 1e-6 has 1e12.
    uint256 public immutable unit;

    /// @param token_ ERC-20 with at most 18 decimals
    /// @param unit_ base units of the token in one unit, from 1 to one whole token
    constructor(IERC20Metadata token_, uint256 unit_) {
        uint8 decimals = token_.decimals();
        if (decimals > 18) revert DecimalsUnsupported(decimals);
        if (unit_ == 0 || unit_ > 10 ** decimals) revert ParameterOutOfRange();
        token = token_;
        unit = unit_;
    }

    /// @dev Measures what arrives between its two halves, and adds it to the payer's deposit.
    modifier arriving(address payer, uint128 units) {
        if (units == 0) revert AmountZero();
        uint256 before = token.balanceOf(address(this));
        _;
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != units * unit) revert TokenAmountWrong(units * unit, received);
        emit Deposited(payer, units, _addDeposit(payer, units));
    }

    /// @inheritdoc IDepositIntake
    function deposit(uint128 units) external nonReentrant arriving(msg.sender, units) {
        token.safeTransferFrom(msg.sender, address(this), units * unit);
    }

    /// @inheritdoc IDepositIntake
    function depositWithPermit(address payer, uint128 units, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        nonReentrant
        arriving(payer, units)
    {
        uint256 amount = units * unit;
        try IERC20Permit(address(token)).permit(payer, address(this), amount, deadline, v, r, s) {}
        catch {
            if (msg.sender != payer) revert PermitUnusable();
        }
        token.safeTransferFrom(payer, address(this), amount);
    }

    /// @inheritdoc IDepositIntake
    function depositWithAuthorization(
        address payer,
        uint128 units,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant arriving(payer, units) {
        IERC3009(address(token))
            .receiveWithAuthorization(
                payer, address(this), units * unit, validAfter, validBefore, nonce, v, r, s
            );
    }

    /// @inheritdoc IDepositIntake
    function depositWithPermit2(
        address payer,
        uint128 units,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external nonReentrant arriving(payer, units) {
        uint256 amount = units * unit;
        PERMIT2.permitTransferFrom(
            IPermit2.PermitTransferFrom(IPermit2.TokenPermissions(address(token), amount), nonce, deadline),
            IPermit2.SignatureTransferDetails(address(this), amount),
            payer,
            signature
        );
    }

    /// @dev Adds to a payer's deposit; returns what it holds then.
    function _addDeposit(address payer, uint128 units) internal virtual returns (uint128 available);
}
