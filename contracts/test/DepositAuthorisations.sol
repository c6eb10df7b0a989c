// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IPermit2} from "../src/IPermit2.sol";
import {EscrowTest, vm} from "./EscrowTest.sol";

/// Stands at Permit2's address: written from its published ABI and type strings, for keys with a 65-byte signature.
contract Permit2Stand is IPermit2 {
    mapping(address owner => mapping(uint256 nonce => bool)) private used;

    function permitTransferFrom(
        PermitTransferFrom calldata permit,
        SignatureTransferDetails calldata details,
        address owner,
        bytes calldata signature
    ) external {
        require(block.timestamp <= permit.deadline, "deadline");
        require(details.requestedAmount <= permit.permitted.amount, "amount");
        require(!used[owner][permit.nonce], "nonce");
        used[owner][permit.nonce] = true;
        bytes32 digest = Permit2Digest.digestOf(permit, msg.sender, address(this));
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        require(signer == owner, "signature");
        require(IERC20(permit.permitted.token).transferFrom(owner, details.to, details.requestedAmount), "transfer");
    }
}

library Permit2Digest {
    function digestOf(IPermit2.PermitTransferFrom memory permit, address spender, address permit2)
        internal
        view
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,uint256 chainId,address verifyingContract)"),
                keccak256("Permit2"),
                block.chainid,
                permit2
            )
        );
        bytes32 permitted = keccak256(
            abi.encode(keccak256("TokenPermissions(address token,uint256 amount)"), permit.permitted)
        );
        bytes32 body = keccak256(
            abi.encode(
                keccak256(
                    "PermitTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline)TokenPermissions(address token,uint256 amount)"
                ),
                permitted,
                spender,
                permit.nonce,
                permit.deadline
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, body));
    }
}

/// What the payer signs so that others may relay its deposit, by the standards' own type strings.
abstract contract DepositAuthorisations is EscrowTest {
    address internal constant PERMIT2 = 0x000000000022D473030F116dDEE9F6B43aC78BA3;

    function permitFor(uint256 amount, uint256 deadline) internal view returns (uint8, bytes32, bytes32) {
        bytes32 body = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                payer,
                address(escrow),
                amount,
                token.nonces(payer),
                deadline
            )
        );
        return ofToken(body);
    }

    /// Valid from now on for a second.
    function authorisationFor(uint256 amount, bytes32 nonce) internal view returns (uint8, bytes32, bytes32) {
        bytes32 body = keccak256(
            abi.encode(
                keccak256(
                    "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
                ),
                payer,
                address(escrow),
                amount,
                0,
                block.timestamp + 1,
                nonce
            )
        );
        return ofToken(body);
    }

    function permit2For(uint256 amount, uint256 nonce) internal view returns (bytes memory) {
        IPermit2.PermitTransferFrom memory permit =
            IPermit2.PermitTransferFrom(IPermit2.TokenPermissions(address(token), amount), nonce, block.timestamp);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(PAYER_KEY, Permit2Digest.digestOf(permit, address(escrow), PERMIT2));
        return abi.encodePacked(r, s, v);
    }

    /// Puts the stand at the fixed address, approved by the payer.
    function placePermit2() internal returns (IPermit2) {
        vm.etch(PERMIT2, address(new Permit2Stand()).code);
        vm.prank(payer);
        token.approve(PERMIT2, type(uint256).max);
        return IPermit2(PERMIT2);
    }

    function ofToken(bytes32 body) private view returns (uint8 v, bytes32 r, bytes32 s) {
        return vm.sign(PAYER_KEY, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), body)));
    }
}
