import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { evmAddress, payeeRegistrationCalls } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, Open, deployment } from '../access/authorise.js';
import { pageQuery } from '../http/list-query.js';
import type { PageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

type Calls = typeof payeeRegistrationCalls;
const asked = payeeRegistrationCalls.challenge.request.omit({ payee: true });
const claim = payeeRegistrationCalls.register.request.omit({ payee: true });

/** Whose addresses payees' are: proven by whoever holds them, without an account. */
@Controller('v1/payees')
export class PayeeRegistrationController {
  constructor(private readonly caller: Caller) {}

  /** Error: NOT_FOUND (no such machine with this address, no such organisation). */
  @Post(':payee/registration/challenge')
  @Open()
  @Replies('What the owner of an address signs, as text (EIP-191) or typed data (EIP-712), within an hour', payeeRegistrationCalls.challenge.reply)
  challenge(@Param('payee', { schema: evmAddress }) payee: string, @Body({ schema: asked }) { subject }: z.output<typeof asked>): Promise<ReplyOf<Calls['challenge']>> {
    return this.caller.call(payeeRegistrationCalls.challenge, { payee, subject });
  }

  /** Errors: NOT_FOUND, NOT_ALLOWED (signature or time), SANCTIONED, CHAIN_UNAVAILABLE. */
  @Post(':payee/registration')
  @Open()
  @Replies('Keeps the proof that an address belongs to whom it is to be paid for; a wallet that is a contract is asked by ERC-1271', payeeRegistrationCalls.register.reply)
  register(@Param('payee', { schema: evmAddress }) payee: string, @Body({ schema: claim }) body: z.output<typeof claim>): Promise<ReplyOf<Calls['register']>> {
    return this.caller.call(payeeRegistrationCalls.register, { ...body, payee });
  }

  @Get()
  @Authorise('payout.read', deployment)
  @Replies('Payees that are known, with their index on chain and their proofs', payeeRegistrationCalls.list.reply)
  list(@Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<Calls['list']>> {
    return this.caller.call(payeeRegistrationCalls.list, page);
  }
}
