import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { evmAddress, nonCustodyCalls, payeeProof } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, Open, askedTenant } from '../access/authorise.js';
import { AllowedTenant } from '../access/resource-tenant.js';
import { tenantQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const statementsAsked = payeeProof.extend({ after: z.int().nonnegative().default(0) });

/** What payees see without an account: whoever signs with a payee's key is shown what concerns it. */
@Controller('v1')
export class NonCustodyController {
  constructor(private readonly caller: Caller) {}

  /** Error: NOT_ALLOWED (the signature is not the payee's, or too old). */
  @Post('payees/:payee/handed-statements')
  @Open()
  @Replies('Signed statements that pay a payee, for whoever proves to hold its key', nonCustodyCalls.handedStatements.reply)
  statements(@Param('payee', { schema: evmAddress }) payee: string, @Body({ schema: statementsAsked }) { after, ...proof }: z.output<typeof statementsAsked>): Promise<ReplyOf<typeof nonCustodyCalls.handedStatements>> {
    return this.caller.call(nonCustodyCalls.handedStatements, { payee, proof, after });
  }

  /** Error: NOT_ALLOWED (the signature is not the payee's, or too old). */
  @Post('payees/:payee/exposure')
  @Open()
  @Replies('What a payee holds in unsettled receipts against each deposit that pays it, for whoever proves to hold its key', nonCustodyCalls.payeeExposure.reply)
  exposure(@Param('payee', { schema: evmAddress }) payee: string, @Body({ schema: payeeProof }) proof: z.output<typeof payeeProof>): Promise<ReplyOf<typeof nonCustodyCalls.payeeExposure>> {
    return this.caller.call(nonCustodyCalls.payeeExposure, { payee, proof });
  }

  @Get('settlement/exposures')
  @Authorise('payout.read', askedTenant)
  @Replies('What is owed and not settled, against the deposit that pays it', nonCustodyCalls.exposures.reply)
  list(@AllowedTenant() tenant: string | null, @Query({ schema: tenantQuery }) _query: unknown): Promise<ReplyOf<typeof nonCustodyCalls.exposures>> {
    return this.caller.call(nonCustodyCalls.exposures, { tenant });
  }
}
