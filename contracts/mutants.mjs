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

const bonds = { contract: 'MizanBonds', file: 'MizanBonds.sol' };

/** The same for bonds; their tests are in Bonds.t.sol, Claims.t.sol and BondsInvariants.t.sol. */
export const bondMutants = [
  { name: 'a bond leaves a second early', ...bonds, from: 'if (block.timestamp < bond.thawEndsAt) revert', to: 'if (block.timestamp + 1 < bond.thawEndsAt) revert' },
  { name: 'a claimed bond leaves', ...bonds, from: '_lesser(bond.thawing, bond.units - _lesser(bond.held, bond.units))', to: 'bond.thawing' },
  { name: 'terms change under a bond', ...bonds, from: 'if (bond.units != 0 || bond.held != 0)', to: 'if (bond.held != 0)' },
  { name: 'terms change under a claim', ...bonds, from: 'if (bond.units != 0 || bond.held != 0)', to: 'if (bond.units != 0)' },
  { name: 'a claim is above its limit', ...bonds, from: 'if (units > bond.claimMax)', to: 'if (units > bond.claimMax + 1)' },
  { name: 'the same claim is filed twice', ...bonds, from: 'if (_claims[id].filedAt != 0) revert AlreadyClaimed(id);', to: '' },
  { name: 'a stake is rounded down', ...bonds, from: '(units + STAKE_PART - 1) / STAKE_PART', to: 'units / STAKE_PART' },
  { name: 'the arbiter rules unheard', ...bonds, from: 'if (filed.answeredAt == 0 && block.timestamp <= answerEndsAt) revert', to: 'if (filed.answeredAt == 0 && block.timestamp < answerEndsAt) revert' },
  { name: 'anybody rules', ...bonds, from: 'if (msg.sender != _bonds[filed.provider].arbiter)', to: 'if (msg.sender == address(0))' },
  { name: 'the arbiter rules on the appeal', ...bonds, from: 'if (msg.sender != _bonds[filed.provider].court)', to: 'if (msg.sender != _bonds[filed.provider].court && msg.sender != _bonds[filed.provider].arbiter)' },
  { name: 'more is granted than was asked', ...bonds, from: 'if (granted > filed.units) revert', to: 'if (granted > filed.units + 1) revert' },
  { name: 'a winner appeals', ...bonds, from: 'byProvider ? filed.granted > 0 :', to: 'byProvider ? true :' },
  { name: 'an appeal is late', ...bonds, from: '_requireUntil(filed.ruledAt + answerSeconds);', to: '' },
  { name: 'a ruling is carried out before an appeal', ...bonds, from: 'else if (filed.appealedAt == 0) until = filed.ruledAt + answerSeconds;', to: 'else if (filed.appealedAt == 0) until = filed.ruledAt;' },
  { name: 'nothing is burnt', ...bonds, from: '(slashed + BURNT_PART - 1) / BURNT_PART', to: '0' },
  { name: 'a claim above the bond is stuck', ...bonds, from: 'uint128 slashed = _lesser(filed.granted, bond.units);', to: 'uint128 slashed = filed.granted;' },
  { name: 'a closed claim holds the bond', ...bonds, from: 'bond.held -= filed.units;', to: '' },
  { name: 'slashed bond thaws', ...bonds, from: 'if (bond.thawing > left) bond.thawing = left;', to: '' },
  { name: 'slashed money is out before a thaw', ...bonds, from: 'filed.granted == 0 ? 0 : filed.filedAt + thawSeconds', to: 'filed.granted == 0 ? 0 : filed.filedAt' },
  { name: 'a due is collected again', ...bonds, from: 'filed.due = 0;', to: '' },
  { name: 'a lost appeal gets its stake back', ...bonds, from: 'filed.courtRuledAt == 0 || filed.appealWon', to: 'filed.courtRuledAt == 0 || filed.appealWon || true' },
  { name: 'a rejected claimant keeps its stake', ...bonds, from: 'if (filed.ruledAt != 0 && filed.granted == 0) toBond', to: 'if (filed.ruledAt != 0 && filed.granted > filed.units) toBond' },
  { name: 'a thawed bond is held for ever', ...bonds, from: 'uint128 needed = thawed ? bond.held + units : units;', to: 'uint128 needed = units;' },
  { name: 'a stake arrives short', ...bonds, from: 'if (received != units * unit) revert', to: 'if (received > units * unit) revert' },
];
