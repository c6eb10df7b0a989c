// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title Test money without value
/// @notice A dollar token with 6 decimals that anyone may mint, with EIP-2612 permits and EIP-3009 authorisations.
/// For local chains and test networks only.
contract TestDollar is ERC20("Mizan Test Dollar", "tUSD"), ERC20Permit("Mizan Test Dollar") {
    bytes32 private constant TRANSFER_TYPEHASH = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 private constant RECEIVE_TYPEHASH = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );

    /// @notice Whether an authorisation's nonce was used.
    mapping(address authorizer => mapping(bytes32 nonce => bool)) public authorizationState;

    event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce);

    error AuthorizationOutOfTime();
    error AuthorizationSpent();
    error AuthorizationSignatureWrong();
    error CallerNotReceiver();

    /// @notice Creates `amount` base units (1e-6 of a test dollar) for `to`.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice Moves `value` from `from` to `to` by the signature of `from`; anyone may relay it. EIP-3009.
    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        bytes32 body = keccak256(abi.encode(TRANSFER_TYPEHASH, from, to, value, validAfter, validBefore, nonce));
        _authorise(from, validAfter, validBefore, nonce, body, v, r, s);
        _transfer(from, to, value);
    }

    /// @notice The same, but only `to` may relay it. EIP-3009.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        if (msg.sender != to) revert CallerNotReceiver();
        bytes32 body = keccak256(abi.encode(RECEIVE_TYPEHASH, from, to, value, validAfter, validBefore, nonce));
        _authorise(from, validAfter, validBefore, nonce, body, v, r, s);
        _transfer(from, to, value);
    }

    /// @notice As in most dollar tokens: 6.
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function _authorise(
        address from,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes32 body,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) private {
        if (block.timestamp <= validAfter || block.timestamp >= validBefore) revert AuthorizationOutOfTime();
        if (authorizationState[from][nonce]) revert AuthorizationSpent();
        if (ECDSA.recover(_hashTypedDataV4(body), v, r, s) != from) revert AuthorizationSignatureWrong();
        authorizationState[from][nonce] = true;
        emit AuthorizationUsed(from, nonce);
    }
}
