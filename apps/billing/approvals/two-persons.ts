import { failure } from '#protocol';

/** What one person proposes and another approves, as messages name it: `price change`, and `a price` in short. */
export interface Named {
  readonly noun: string;
  readonly short: string;
}

/** Who acts without a key of their own is nobody in particular, and cannot be told from who approves. Error: NOT_ALLOWED. */
export function personOf({ keyId }: { keyId: string | null }, { short }: Pick<Named, 'short'>): string {
  if (keyId === null) throw failure('NOT_ALLOWED', `${short} is proposed and approved by persons, each with a key of their own`);
  return keyId;
}

interface Proposed {
  readonly id: string;
  readonly hash: string;
  readonly proposedBy: string;
  readonly approvedBy: string | null;
}

/** Whether this person has approved it before; if not, it is theirs to approve. Errors: CONFLICT (it says something else, or somebody else has approved it), NOT_ALLOWED (it is their own). */
export function isApprovedBy({ id, hash, proposedBy, approvedBy }: Proposed, person: string, said: string, { noun, short }: Named): boolean {
  if (hash !== said) throw failure('CONFLICT', `this ${noun} says something else than what is approved: look at it again`, { id });
  if (approvedBy === person) return true;
  if (approvedBy !== null) throw failure('CONFLICT', `this ${noun} is approved already, by somebody else`, { id });
  if (proposedBy === person) throw failure('NOT_ALLOWED', `${short} is approved by another person than who proposed it`);
  return false;
}
