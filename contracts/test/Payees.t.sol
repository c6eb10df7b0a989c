// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EscrowTest, IMizanEscrow, vm} from "./EscrowTest.sol";

contract PayeesTest is EscrowTest {
    function test_indices_are_given_in_order_and_the_hash_binds_the_order() public view {
        bytes32 hash = 0;
        for (uint32 i = 0; i < 5; ++i) {
            hash = keccak256(abi.encode(hash, payees[i]));
            eq(escrow.countAt(hash), i + 1, "count");
            (bool known, uint32 index) = escrow.indexOf(payees[i]);
            require(known && index == i, "index");
        }
        require(escrow.registryHash() == hash, "hash");
        eq(escrow.payeeCount(), 5, "payees");
    }

    function test_a_payee_is_registered_once() public {
        vm.expectRevert(abi.encodeWithSelector(IMizanEscrow.AlreadyRegistered.selector, payees[3], 3));
        escrow.register(payees[3]);
    }

    function test_nobody_and_the_escrow_itself_are_no_payees() public {
        vm.expectRevert(abi.encodeWithSelector(IMizanEscrow.AddressInvalid.selector, address(0)));
        escrow.register(address(0));
        vm.expectRevert(abi.encodeWithSelector(IMizanEscrow.AddressInvalid.selector, address(escrow)));
        escrow.register(address(escrow));
    }

    function test_only_the_payee_moves_its_payout_address() public {
        vm.prank(payees[1]);
        escrow.setPayoutAddress(address(0xCAFE));
        (address payee, address payoutAddress) = escrow.payeeAt(1);
        require(payee == payees[1] && payoutAddress == address(0xCAFE), "moved");
        (, payoutAddress) = escrow.payeeAt(2);
        require(payoutAddress == payees[2], "others stay");
        vm.prank(address(0xE71));
        vm.expectRevert(abi.encodeWithSelector(IMizanEscrow.NotPayee.selector, 0, address(0xE71)));
        escrow.setPayoutAddress(address(0xE71));
    }

    function test_an_unknown_payee_is_said_to_be_unknown() public {
        (bool known,) = escrow.indexOf(address(0xE71));
        require(!known, "known");
        vm.expectRevert(abi.encodeWithSelector(IMizanEscrow.PayeeUnknown.selector, 5));
        escrow.payeeAt(5);
    }
}
