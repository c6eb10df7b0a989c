// One-line bugs, each of which the contracts' own tests must find. `from` occurs exactly once in its file, a part of `contract`.
const escrow = { contract: 'MizanEscrow', file: 'MizanEscrow.sol' };
const delegation = { contract: 'MizanEscrow', file: 'Delegation.sol' };
const intake = { contract: 'MizanEscrow', file: 'DepositIntake.sol' };

export const mutants = [
  { name: 'a total may fall', ...escrow, from: 'if (stated < stored) revert', to: 'if (stated < stored && stated == 0) revert' },
  { name: 'a delegate is not held to its limits', ...escrow, from: '_requireWithinLimits(statement.payer, units);', to: '' },
  { name: 'a revoked delegate never ends', ...delegation, from: '&& block.timestamp <= key.liveUntil', to: '' },
  { name: 'a payee may be named twice', ...escrow, from: 'next = index + 1;', to: 'next = index;' },
  { name: 'the list may be below the signed total', ...escrow, from: 'if (listed != units)', to: 'if (listed > units)' },
  { name: 'the list may be above the signed total', ...escrow, from: 'if (listed != units)', to: 'if (listed < units)' },
  { name: 'an epoch lands twice', ...escrow, from: 'if (statement.epoch <= epoch)', to: 'if (statement.epoch < epoch)' },
  { name: 'a deposit may be overdrawn', ...escrow, from: 'available -= units;\n        payer.available = available;', to: 'unchecked { available -= units; }\n        payer.available = available;', also: { from: 'if (units > available) revert', to: 'if (units == type(uint128).max) revert' } },
  { name: 'the audit log forks at the same size', ...escrow, from: 'statement.auditSize <= auditSize && !sameHead', to: 'statement.auditSize < auditSize && !sameHead' },
  { name: 'an expired statement lands', ...escrow, from: 'if (block.timestamp > statement.validUntil)', to: 'if (block.timestamp > uint256(statement.validUntil) + 1)' },
  { name: 'any key signs', ...escrow, from: 'if (signer == statement.payer) return false;', to: 'if (signer != address(0)) return false;' },
  { name: 'a payee outside the signed registry is credited', ...escrow, from: 'if (index >= count)', to: 'if (index > count)' },
  { name: 'a deposit leaves a second early', ...escrow, from: 'if (block.timestamp < payer.thawEndsAt)', to: 'if (block.timestamp + 1 < payer.thawEndsAt)' },
  { name: 'a later deposit inherits a thaw', ...escrow, from: 'if (thawing > available) payer.thawing', to: 'if (thawing > available + units) payer.thawing' },
  { name: 'a credit is paid again', ...escrow, from: '_drawn[payer].write(index, cumulative);', to: '' },
  { name: 'anybody withdraws for a payee', ...escrow, from: 'if (msg.sender != _payees[index].payee)', to: 'if (msg.sender == address(0))' },
  { name: 'a delegate credits any payee', ...escrow, from: '_requireAllowed(statement.payer, list);', to: '' },
  { name: 'a new delegate is live at once', ...delegation, from: 'uint64(block.timestamp + _delayOf(msg.sender))', to: 'uint64(block.timestamp)' },
  { name: 'a raised cap holds at once', ...delegation, from: 'if (delay == 0 || epochCap < limits.epochCap)', to: 'if (delay == 0 || epochCap != limits.epochCap)' },
  { name: 'announced payees are admitted early', ...delegation, from: 'if (block.timestamp < announced.admissibleAt)', to: 'if (block.timestamp + 1 < announced.admissibleAt)' },
  { name: 'a dropped payee stays announced', ...delegation, from: 'announced.bits &= ~bits;', to: '' },
  { name: 'the interval never begins', ...delegation, from: 'limits.lastAt = block.timestamp.toUint32();', to: '' },
  { name: 'a toll is not noticed', ...intake, from: 'if (received != units * unit)', to: 'if (received > units * unit)' },
  { name: 'an old allowance is drawn by anybody', ...intake, from: 'if (msg.sender != payer) revert PermitUnusable();', to: '' },
];
