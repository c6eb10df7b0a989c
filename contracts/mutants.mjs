// One-line bugs, each of which the contracts' own tests must find. `from` occurs exactly once in its file.
const escrow = 'MizanEscrow.sol';
const delegation = 'Delegation.sol';
const intake = 'DepositIntake.sol';

export const mutants = [
  { name: 'a total may fall', file: escrow, from: 'if (stated < stored) revert', to: 'if (stated < stored && stated == 0) revert' },
  { name: 'a delegate is not held to its limits', file: escrow, from: '_requireWithinLimits(statement.payer, units);', to: '' },
  { name: 'a revoked delegate never ends', file: delegation, from: '&& block.timestamp <= key.liveUntil', to: '' },
  { name: 'a payee may be named twice', file: escrow, from: 'next = index + 1;', to: 'next = index;' },
  { name: 'the list may be below the signed total', file: escrow, from: 'if (listed != units)', to: 'if (listed > units)' },
  { name: 'the list may be above the signed total', file: escrow, from: 'if (listed != units)', to: 'if (listed < units)' },
  { name: 'an epoch lands twice', file: escrow, from: 'if (statement.epoch <= epoch)', to: 'if (statement.epoch < epoch)' },
  { name: 'a deposit may be overdrawn', file: escrow, from: 'available -= units;\n        payer.available = available;', to: 'unchecked { available -= units; }\n        payer.available = available;', also: { from: 'if (units > available) revert', to: 'if (units == type(uint128).max) revert' } },
  { name: 'the audit log forks at the same size', file: escrow, from: 'statement.auditSize <= auditSize && !sameHead', to: 'statement.auditSize < auditSize && !sameHead' },
  { name: 'an expired statement lands', file: escrow, from: 'if (block.timestamp > statement.validUntil)', to: 'if (block.timestamp > uint256(statement.validUntil) + 1)' },
  { name: 'any key signs', file: escrow, from: 'if (signer == statement.payer) return false;', to: 'if (signer != address(0)) return false;' },
  { name: 'a payee outside the signed registry is credited', file: escrow, from: 'if (index >= count)', to: 'if (index > count)' },
  { name: 'a deposit leaves a second early', file: escrow, from: 'if (block.timestamp < payer.thawEndsAt)', to: 'if (block.timestamp + 1 < payer.thawEndsAt)' },
  { name: 'a later deposit inherits a thaw', file: escrow, from: 'if (thawing > available) payer.thawing', to: 'if (thawing > available + units) payer.thawing' },
  { name: 'a credit is paid again', file: escrow, from: '_drawn[payer].write(index, cumulative);', to: '' },
  { name: 'anybody withdraws for a payee', file: escrow, from: 'if (msg.sender != _payees[index].payee)', to: 'if (msg.sender == address(0))' },
  { name: 'a delegate credits any payee', file: escrow, from: '_requireAllowed(statement.payer, list);', to: '' },
  { name: 'a new delegate is live at once', file: delegation, from: 'uint64(block.timestamp + _delayOf(msg.sender))', to: 'uint64(block.timestamp)' },
  { name: 'a raised cap holds at once', file: delegation, from: 'if (delay == 0 || epochCap < limits.epochCap)', to: 'if (delay == 0 || epochCap != limits.epochCap)' },
  { name: 'announced payees are admitted early', file: delegation, from: 'if (block.timestamp < announced.admissibleAt)', to: 'if (block.timestamp + 1 < announced.admissibleAt)' },
  { name: 'a dropped payee stays announced', file: delegation, from: 'announced.bits &= ~bits;', to: '' },
  { name: 'the interval never begins', file: delegation, from: 'limits.lastAt = block.timestamp.toUint32();', to: '' },
  { name: 'a toll is not noticed', file: intake, from: 'if (received != units * unit)', to: 'if (received > units * unit)' },
  { name: 'an old allowance is drawn by anybody', file: intake, from: 'if (msg.sender != payer) revert PermitUnusable();', to: '' },
];

const pledge = 'MizanBonds.sol';

/** The same for bonds; their tests are in Bonds.t.sol, Claims.t.sol and BondsInvariants.t.sol. */
export const bondMutants = [
  { name: 'a bond leaves a second early', file: pledge, from: 'if (block.timestamp < bond.thawEndsAt) revert', to: 'if (block.timestamp + 1 < bond.thawEndsAt) revert' },
  { name: 'a claimed bond leaves', file: pledge, from: '_lesser(bond.thawing, bond.units - _lesser(bond.held, bond.units))', to: 'bond.thawing' },
  { name: 'terms change under a bond', file: pledge, from: 'if (bond.units != 0 || bond.held != 0)', to: 'if (bond.held != 0)' },
  { name: 'terms change under a claim', file: pledge, from: 'if (bond.units != 0 || bond.held != 0)', to: 'if (bond.units != 0)' },
  { name: 'a claim is above its limit', file: pledge, from: 'if (units > bond.claimMax)', to: 'if (units > bond.claimMax + 1)' },
  { name: 'the same claim is filed twice', file: pledge, from: 'if (_claims[id].filedAt != 0) revert AlreadyClaimed(id);', to: '' },
  { name: 'a stake is rounded down', file: pledge, from: '(units + STAKE_PART - 1) / STAKE_PART', to: 'units / STAKE_PART' },
  { name: 'the arbiter rules unheard', file: pledge, from: 'if (filed.answeredAt == 0 && block.timestamp <= answerEndsAt) revert', to: 'if (filed.answeredAt == 0 && block.timestamp < answerEndsAt) revert' },
  { name: 'anybody rules', file: pledge, from: 'if (msg.sender != _bonds[filed.provider].arbiter)', to: 'if (msg.sender == address(0))' },
  { name: 'the arbiter rules on the appeal', file: pledge, from: 'if (msg.sender != _bonds[filed.provider].court)', to: 'if (msg.sender != _bonds[filed.provider].court && msg.sender != _bonds[filed.provider].arbiter)' },
  { name: 'more is granted than was asked', file: pledge, from: 'if (granted > filed.units) revert', to: 'if (granted > filed.units + 1) revert' },
  { name: 'a winner appeals', file: pledge, from: 'byProvider ? filed.granted > 0 :', to: 'byProvider ? true :' },
  { name: 'an appeal is late', file: pledge, from: '_requireUntil(filed.ruledAt + answerSeconds);', to: '' },
  { name: 'a ruling is carried out before an appeal', file: pledge, from: 'else if (filed.appealedAt == 0) until = filed.ruledAt + answerSeconds;', to: 'else if (filed.appealedAt == 0) until = filed.ruledAt;' },
  { name: 'nothing is burnt', file: pledge, from: '(slashed + BURNT_PART - 1) / BURNT_PART', to: '0' },
  { name: 'a claim above the bond is stuck', file: pledge, from: 'uint128 slashed = _lesser(filed.granted, bond.units);', to: 'uint128 slashed = filed.granted;' },
  { name: 'a closed claim holds the bond', file: pledge, from: 'bond.held -= filed.units;', to: '' },
  { name: 'slashed bond thaws', file: pledge, from: 'if (bond.thawing > left) bond.thawing = left;', to: '' },
  { name: 'slashed money is out before a thaw', file: pledge, from: 'filed.granted == 0 ? 0 : filed.filedAt + thawSeconds', to: 'filed.granted == 0 ? 0 : filed.filedAt' },
  { name: 'a due is collected again', file: pledge, from: 'filed.due = 0;', to: '' },
  { name: 'a lost appeal gets its stake back', file: pledge, from: 'filed.courtRuledAt == 0 || filed.appealWon', to: 'filed.courtRuledAt == 0 || filed.appealWon || true' },
  { name: 'a rejected claimant keeps its stake', file: pledge, from: 'if (filed.ruledAt != 0 && filed.granted == 0) toBond', to: 'if (filed.ruledAt != 0 && filed.granted > filed.units) toBond' },
  { name: 'a thawed bond is held for ever', file: pledge, from: 'uint128 needed = thawed ? bond.held + units : units;', to: 'uint128 needed = units;' },
  { name: 'a stake arrives short', file: pledge, from: 'if (received != units * unit) revert', to: 'if (received > units * unit) revert' },
];
