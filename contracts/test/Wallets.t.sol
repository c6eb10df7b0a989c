// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EpochStatement, EscrowTest, IMizanEscrow, Statements, vm} from "./EscrowTest.sol";

/// A wallet with one owner, and every way to answer wrongly.
contract Wallet {
    enum Mood {
        Honest,
        Refuses,
        Reverts,
        Short,
        Huge,
        Silent,
        GasEater
    }

    address private immutable owner;
    Mood public mood;

    constructor(address owner_) {
        owner = owner_;
    }

    function set(Mood mood_) external {
        mood = mood_;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        if (mood == Mood.Refuses) return 0xffffffff;
        if (mood == Mood.Reverts) revert("no");
        if (mood == Mood.Short) {
            assembly {
                mstore(0, shl(224, 0x1626ba7e))
                return(0, 4)
            }
        }
        if (mood == Mood.Silent) {
            assembly {
                return(0, 0)
            }
        }
        if (mood == Mood.GasEater) {
            while (gasleft() > 0) {}
        }
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        bytes4 answer = signer == owner ? bytes4(0x1626ba7e) : bytes4(0);
        if (mood == Mood.Huge) {
            assembly {
                mstore(0, answer)
                return(0, 100000)
            }
        }
        return answer;
    }
}

contract WalletsTest is EscrowTest {
    Wallet private wallet;
    bytes private list;
    EpochStatement private s;

    function setUp() public override {
        super.setUp();
        wallet = new Wallet(payer);
        fund(address(wallet), 100);
        list = Statements.pack(one(0, 5));
        s = statementOver(list, 1, 5);
        s.payer = address(wallet);
    }

    function land() private returns (bool landed) {
        bytes memory data = abi.encodeCall(IMizanEscrow.settle, (s, list, signed(s)));
        (landed,) = address(escrow).call{gas: 5_000_000}(data);
    }

    function test_a_wallet_pays_by_what_it_accepts() public {
        require(land(), "landed");
        eq(escrow.payerOf(address(wallet)).available, 95, "available");
        require(!land(), "once");
    }

    function test_a_wallet_that_says_anything_but_yes_pays_nothing() public {
        Wallet.Mood[5] memory moods =
            [Wallet.Mood.Refuses, Wallet.Mood.Reverts, Wallet.Mood.Short, Wallet.Mood.Silent, Wallet.Mood.GasEater];
        for (uint256 i = 0; i < moods.length; ++i) {
            wallet.set(moods[i]);
            require(!land(), "landed");
        }
        eq(escrow.payerOf(address(wallet)).available, 100, "available");
    }

    function test_only_the_first_word_of_a_huge_answer_is_read() public {
        wallet.set(Wallet.Mood.Huge);
        require(land(), "landed");
    }

    function test_a_wallet_accepts_no_one_elses_signature() public {
        bytes memory signature = Statements.sign(0xBAD, s, address(escrow));
        vm.expectRevert(IMizanEscrow.SignatureWrong.selector);
        escrow.settle(s, list, signature);
    }

    function test_a_wallet_has_delegates_too() public {
        address hot = vm.addr(0x407);
        vm.prank(address(wallet));
        escrow.addDelegate(hot);
        vm.prank(address(wallet));
        escrow.setLimits(5, 0);
        vm.prank(address(wallet));
        escrow.allowPayees(0, 1);
        vm.warp(block.timestamp + THAW);
        escrow.admitPayees(address(wallet), 0);
        wallet.set(Wallet.Mood.Reverts);
        s.validUntil = uint64(block.timestamp);
        escrow.settle(s, list, Statements.sign(0x407, s, address(escrow)));
        eq(escrow.payerOf(address(wallet)).available, 95, "available");
    }

    function test_an_account_with_a_key_and_code_may_sign_with_its_key() public {
        vm.etch(payer, address(wallet).code);
        settle(one(0, 5), 1, 5);
        eq(creditOf(0), 5, "credit");
    }

    function test_an_account_without_code_accepts_nothing() public {
        s.payer = address(0xE0A);
        fund(address(0xE0A), 100);
        require(!land(), "landed");
    }
}
