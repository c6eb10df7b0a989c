// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {TestDollar} from "../src/TestDollar.sol";

// Apart from the tests: a file in which a contract of ours is inherited carries the bytecode of all that it deploys (see forge.mjs).

/// A dollar with another number of decimals.
contract OtherDollar is ERC20("Other Dollar", "oUSD") {
    uint8 private immutable _places;

    constructor(uint8 places) {
        _places = places;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function decimals() public view override returns (uint8) {
        return _places;
    }
}

/// Takes one in a hundred of every transfer, signed ones too.
contract TollToken is TestDollar {
    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (from != address(0) && to != address(0)) super._update(to, address(1), value / 100);
    }
}

/// Can refuse one receiver, and can call back into an escrow while it moves money.
contract HostileDollar is TestDollar {
    address public blocked;
    address public target;
    bytes public callback;
    bool public callbackFailed;

    function set(address blocked_, address target_, bytes calldata callback_) external {
        (blocked, target, callback) = (blocked_, target_, callback_);
    }

    function _update(address from, address to, uint256 value) internal override {
        require(to != blocked, "blocked");
        super._update(from, to, value);
        if (target != address(0) && from == target) {
            (bool done,) = target.call(callback);
            callbackFailed = !done;
        }
    }
}

/// Takes one in a hundred from some moment on.
contract LateToll is TestDollar {
    bool private begun;

    function begin() external {
        begun = true;
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (begun && from != address(0) && to != address(1)) super._update(to, address(1), value / 100);
    }
}

/// Calls an escrow while money comes to it, having approved it from its own account.
contract EagerDollar is TestDollar {
    address private target;
    bytes private callback;
    bool public called;
    bool public failed;

    function callBack(address target_, bytes calldata callback_) external {
        (target, callback) = (target_, callback_);
        _approve(address(this), target_, type(uint256).max);
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (target == address(0) || to != target || called) return;
        called = true;
        (bool done,) = target.call(callback);
        failed = !done;
    }
}
