import { createHash } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { failure } from '#protocol';
import type { payerAdmissionCalls, ReplyOf } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import { ChangeRecords } from '../changes/change-records.service.js';
import type { SettlementConfig } from '../config.js';
import { ListSource } from './list-source.js';
import { OracleSource } from './oracle-source.js';
import type { SanctionsSource } from './sanctions-source.js';

type Config = Pick<SettlementConfig, 'SETTLEMENT_SCREENING_ORACLE' | 'SETTLEMENT_SCREENING_LIST' | 'SETTLEMENT_SCREENING_WAIVER'>;

/** Looks payers and payees up in every list of sanctions that was configured. Where one does not answer, nobody is clear. */
@Injectable()
export class Screening implements OnApplicationBootstrap {
  private readonly logger = new Logger(Screening.name);
  private readonly sources: readonly SanctionsSource[];

  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: Config,
    private readonly dataSource: DataSource,
    chain: ChainLink,
    private readonly changes: ChangeRecords,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    clock: Clock,
  ) {
    const { SETTLEMENT_SCREENING_ORACLE: oracle, SETTLEMENT_SCREENING_LIST: list } = config;
    const nowMs = (): number => clock.nowMs();
    this.sources = [...(oracle === undefined ? [] : [new OracleSource(oracle, chain, nowMs)]), ...(list === undefined ? [] : [new ListSource(list, nowMs)])];
  }

  /** A waiver is an entry of the log, once for each wording. */
  async onApplicationBootstrap(): Promise<void> {
    const waiver = this.config.SETTLEMENT_SCREENING_WAIVER;
    if (this.sources.length > 0 || waiver === undefined) return;
    this.logger.warn(`nobody is screened for sanctions, by waiver: ${waiver}`);
    const hash = createHash('sha256').update(waiver).digest('hex');
    await withTenant(this.dataSource, '*', async (manager) => {
      const rows = await manager.query<unknown[]>('INSERT INTO settlement.screening_waivers (hash, waiver) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1', [hash, waiver]);
      if (rows.length === 1) await this.changes.ofDeployment(manager, 'screening.waived', this.ids.uuid(), { waiver });
    });
    this.outbox.kick();
  }

  /** Of some addresses (EIP-55), those that are listed, with where. Error: SCREENING_UNAVAILABLE. */
  async hits(addresses: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const source of this.sources) {
      const { kind, name } = source.state();
      for (const address of await source.listed(addresses)) found.set(address, `${kind} ${name}`);
    }
    return found;
  }

  /** Errors: SANCTIONED, SCREENING_UNAVAILABLE. */
  async requireClear(address: string, role: 'payee' | 'payer'): Promise<void> {
    const where = (await this.hits([address])).get(address);
    if (where !== undefined) throw failure('SANCTIONED', `${role} ${address} is listed (${where}): nothing is paid from or to it while it is; nothing of it is taken either`, { address });
  }

  state(): ReplyOf<typeof payerAdmissionCalls.screening> {
    return { sources: this.sources.map((source) => source.state()), waiver: this.sources.length > 0 ? null : (this.config.SETTLEMENT_SCREENING_WAIVER ?? null) };
  }
}
