import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

export interface KnownPayee {
  /** EIP-55. */
  readonly address: string;
  /** Its index on chain once that is final. */
  readonly index: number | null;
}

/** Payees that billing has named, with their final indices. */
@Injectable()
export class PayeeStore {
  constructor(private readonly dataSource: DataSource) {}

  async add(addresses: readonly string[]): Promise<void> {
    await this.dataSource.query('INSERT INTO settlement.payees (address) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING', [addresses]);
  }

  async setIndex(address: string, index: number | null): Promise<void> {
    await this.dataSource.query('UPDATE settlement.payees SET payee_index = $2 WHERE address = $1', [address, index]);
  }

  all(): Promise<KnownPayee[]> {
    return this.dataSource.query<KnownPayee[]>('SELECT address, payee_index AS index FROM settlement.payees ORDER BY payee_index NULLS LAST, address');
  }

  async indices(addresses: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.dataSource.query<{ address: string; index: number }[]>(
      'SELECT address, payee_index AS index FROM settlement.payees WHERE address = ANY($1::text[]) AND payee_index IS NOT NULL',
      [addresses],
    );
    return new Map(rows.map(({ address, index }) => [address, index]));
  }
}
