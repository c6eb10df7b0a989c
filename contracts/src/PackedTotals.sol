// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Four uint64 totals to a storage word: the total of `index` is lane `index % 4` of word `index / 4`
library PackedTotals {
    /// @notice The total of `index` in its word.
    function lane(uint256 word, uint32 index) internal pure returns (uint64) {
        return uint64(word >> _shift(index));
    }

    /// @notice The word with the total of `index` replaced.
    function withLane(uint256 word, uint32 index, uint64 total) internal pure returns (uint256) {
        uint256 shift = _shift(index);
        return (word & ~(uint256(type(uint64).max) << shift)) | (uint256(total) << shift);
    }

    /// @notice The stored total of `index`.
    function read(mapping(uint256 => uint256) storage words, uint32 index) internal view returns (uint64) {
        return lane(words[index >> 2], index);
    }

    /// @notice Replaces the stored total of `index`.
    function write(mapping(uint256 => uint256) storage words, uint32 index, uint64 total) internal {
        words[index >> 2] = withLane(words[index >> 2], index, total);
    }

    function _shift(uint32 index) private pure returns (uint256) {
        return uint256(index & 3) << 6;
    }
}
