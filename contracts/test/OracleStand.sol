// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Stands (build-stands.mjs) on local chains for what others deployed on public ones, written from their published interfaces.

/// Answers as Chainlink's AggregatorV3Interface does whatever it was last told.
contract PriceFeedStand {
    uint8 public decimals;
    uint80 private round;
    int256 private answer;
    uint256 private updatedAt;

    function description() external pure returns (string memory) {
        return "TEST / USD";
    }

    function set(uint8 decimals_, uint80 round_, int256 answer_, uint256 updatedAt_) external {
        (decimals, round, answer, updatedAt) = (decimals_, round_, answer_, updatedAt_);
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return (round, answer, updatedAt, updatedAt, round);
    }
}

/// Answers as Chainalysis' sanctions oracle does.
contract SanctionsListStand {
    mapping(address account => bool) public isSanctioned;

    function set(address account, bool sanctioned) external {
        isSanctioned[account] = sanctioned;
    }
}

/// A wallet that is a contract (ERC-1271), of one key.
contract WalletStand {
    address public owner;

    function set(address owner_) external {
        owner = owner_;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        if (signature.length != 65) return 0xffffffff;
        address signer = ecrecover(
            digest, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64])
        );
        return signer != address(0) && signer == owner ? this.isValidSignature.selector : bytes4(0xffffffff);
    }
}
