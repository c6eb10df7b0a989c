import { accountId } from './chart-of-accounts.js';
import type { Account } from './chart-of-accounts.js';

/** 100,000 ids with their codes are some 20 MB. */
const accountsMax = 100_000;

/**
 * Ids of accounts, and which of them are in the books, so that neither is found out again for each posting. Only a memory: the
 * database refuses postings on accounts that are not there, and then everything here is forgotten.
 */
export class KnownAccounts {
  private readonly ids = new Map<string, string>();
  private readonly open = new Set<string>();

  idOf(account: Account): string {
    const key = `${account.currency}\0${account.code}`;
    const known = this.ids.get(key);
    if (known !== undefined) return known;
    if (this.ids.size >= accountsMax) this.forget();
    const id = accountId(account);
    this.ids.set(key, id);
    return id;
  }

  isOpen(id: string): boolean {
    return this.open.has(id);
  }

  /** They are there, and no transaction that breaks off takes them away again. */
  opened(ids: Iterable<string>): void {
    for (const id of ids) this.open.add(id);
  }

  forget(): void {
    this.ids.clear();
    this.open.clear();
  }
}
