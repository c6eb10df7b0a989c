import { Controller, Get, Query } from '@nestjs/common';
import { z } from 'zod';
import { Clock } from '#kernel';
import { Caller } from '#messaging';
import { accountedDecision, closeCalls, comparedCharge, completenessCalls, completenessSum, countsPerPageMax, countStates, decisionsPerPageMax, decisionsPerSumMax, decisionStates, failure } from '#protocol';
import type { AccountedDecision, CompletenessSum, Reader, ReplyOf } from '#protocol';
import { Authorise, askedTenant } from '../access/authorise.js';
import { CurrentPrincipal, readerOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { AllowedTenant, OneTenant } from '../access/resource-tenant.js';
import { pageQuery, tenantQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';
import { accounted, DecisionSums } from './accounted.js';

const ms = z.coerce.number<string>().int().nonnegative().max(253_402_300_799_999);
const afterEntry = z.coerce.number<string>().int().nonnegative().max(Number.MAX_SAFE_INTEGER).optional();
const period = tenantQuery.extend({ fromMs: ms, toMs: ms }).refine(({ fromMs, toMs }) => fromMs < toMs, { path: ['toMs'], message: 'must be after fromMs' });
const sumQuery = period.safeExtend({ after: afterEntry });
const decisionsQuery = sumQuery.safeExtend({ state: z.enum(decisionStates).optional(), counted: z.enum(countStates).optional(), limit: z.coerce.number<string>().int().min(1).max(decisionsPerPageMax).default(50) });
const chargesQuery = period.safeExtend(pageQuery.shape);
const countsQuery = tenantQuery.extend({ after: afterEntry, limit: z.coerce.number<string>().int().min(1).max(countsPerPageMax).default(20) });

const decisionsReply = z.object({ data: z.array(accountedDecision), next: z.int().nonnegative().nullable() });
const chargesReply = z.object({ data: z.array(comparedCharge), hasMore: z.boolean() });

/** Pages that are looked through for one answer of a listing by state: what is rare is gone on for with `next`. */
const pagesPerAnswer = 10;

interface Asked {
  readonly tenant: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly reader: Reader;
}

/** Whether all is there: gateways' numbers, the log, charges and invoices of one organisation, each held against the next. */
@Controller('v1/audit')
export class CompletenessController {
  constructor(
    private readonly caller: Caller,
    private readonly clock: Clock,
  ) {}

  @Get('completeness')
  @Authorise('log.export', askedTenant)
  @Replies('The decisions of a period by what became of each, and the invoices that their charges went into; to be gone on with after `next`, and added up', completenessSum)
  async sum(@CurrentPrincipal() principal: Principal, @OneTenant() tenant: string, @Query({ schema: sumQuery }) { fromMs, toMs, after }: z.output<typeof sumQuery>): Promise<CompletenessSum> {
    const asked = { tenant, fromMs, toMs, reader: readerOf(principal) };
    const sums = new DecisionSums();
    let [next, logSize]: [number | null, number] = [after ?? null, 0];
    for (let taken = 0; taken < decisionsPerSumMax; ) {
      const page = await this.page(asked, next, decisionsPerPageMax);
      sums.take(page.data);
      taken += page.data.length;
      ({ next, logSize } = page);
      if (next === null) break;
    }
    const invoices = next === null ? (await this.caller.call(completenessCalls.invoiced, { tenant, fromMs, toMs })).data : [];
    return { tenant, fromMs, toMs, logSize, ...sums.told(invoices), next };
  }

  @Get('completeness/decisions')
  @Authorise('log.export', askedTenant)
  @Replies('Decisions of a period in the order of the log, each with its number, what counted it, its end, its charge and its invoice; on after `next`', decisionsReply)
  async decisions(
    @CurrentPrincipal() principal: Principal,
    @OneTenant() tenant: string,
    @Query({ schema: decisionsQuery }) { fromMs, toMs, after, state, counted, limit }: z.output<typeof decisionsQuery>,
  ): Promise<z.output<typeof decisionsReply>> {
    const asked = { tenant, fromMs, toMs, reader: readerOf(principal) };
    const wanted = (decision: AccountedDecision): boolean => (state === undefined || decision.state === state) && (counted === undefined || decision.counted === counted);
    const data: AccountedDecision[] = [];
    let next: number | null = after ?? null;
    for (let pages = 0; pages < pagesPerAnswer; pages += 1) {
      const page = await this.page(asked, next, limit - data.length);
      data.push(...page.data.filter(wanted));
      next = page.next;
      if (next === null || data.length === limit) break;
    }
    return { data, next };
  }

  /** Error: REQUEST_INVALID. */
  @Get('completeness/charges')
  @Authorise('budget.read', askedTenant)
  @Replies('Charges of a period by time, each with its invoice, and whether the log has the end of its request', chargesReply)
  async charges(@OneTenant() tenant: string, @Query({ schema: chargesQuery }) { fromMs, toMs, after, limit }: z.output<typeof chargesQuery>): Promise<z.output<typeof chargesReply>> {
    const { data, hasMore } = await this.caller.call(completenessCalls.charges, { tenant, fromMs, toMs, after, limit });
    const { ended } = await this.caller.call(closeCalls.endedRecords, { records: data.map(({ record }) => record) });
    const known = new Set(ended);
    return { data: data.map((charge) => ({ ...charge, recorded: known.has(charge.record) })), hasMore };
  }

  @Get('decision-counts')
  @Authorise('proof.read', askedTenant)
  @Replies('What gateways committed to have decided, in the order of the log, with the numbers of which the log has no record; public, but for how many are the own', completenessCalls.counts.reply)
  counts(@AllowedTenant() tenant: string | null, @Query({ schema: countsQuery }) { after, limit }: z.output<typeof countsQuery>): Promise<ReplyOf<typeof completenessCalls.counts>> {
    return this.caller.call(completenessCalls.counts, { tenant, after: after ?? null, limit });
  }

  private async page({ tenant, ...asked }: Asked, after: number | null, limit: number): Promise<{ data: AccountedDecision[]; next: number | null; logSize: number }> {
    const { data: decisions, next, logSize } = await this.caller.call(completenessCalls.decisions, { ...asked, tenant, after, limit });
    if (next !== null && next <= (after ?? -1)) throw failure('INTERNAL', 'the log does not go on');
    const records = decisions.filter(({ isPaid }) => isPaid).map(({ record }) => record);
    const { data: charges } = records.length === 0 ? { data: [] } : await this.caller.call(completenessCalls.chargesOf, { tenant, records });
    return { data: accounted(decisions, charges, this.clock.nowMs()), next, logSize };
  }
}
