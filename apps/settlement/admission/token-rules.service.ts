import { readFileSync } from 'node:fs';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { authorisationsOf, rulesOf } from '#chain';
import { evmAddress, failure, tokenAuthorisation } from '#protocol';
import type { payerAdmissionCalls, ReplyOf, TokenAuthorisation } from '#protocol';
import { SERVICE_CONFIG } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';

const onFile = z.array(tokenAuthorisation.extend({ token: evmAddress }));

/** From payers of which places the escrow's token is taken: where its issuer is authorised, as it is on file. */
@Injectable()
export class TokenRules {
  private readonly given: z.output<typeof onFile> | undefined;

  /** Error: REQUEST_INVALID when the file cannot be read or is wrong. */
  constructor(
    @Inject(SERVICE_CONFIG) config: Pick<SettlementConfig, 'SETTLEMENT_TOKEN_AUTHORISATIONS'>,
    private readonly chain: ChainLink,
  ) {
    if (config.SETTLEMENT_TOKEN_AUTHORISATIONS !== undefined) this.given = read(config.SETTLEMENT_TOKEN_AUTHORISATIONS);
  }

  /** Errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED. */
  async state(): Promise<ReplyOf<typeof payerAdmissionCalls.token>> {
    const { token } = await this.chain.constants();
    const own = (this.given ?? []).filter((each) => each.token.toLowerCase() === token.toLowerCase()).map(({ token: _, ...authorisation }) => authorisation);
    const authorisations: TokenAuthorisation[] = [...own, ...authorisationsOf(this.chain.chainId, token)];
    return { chainId: Number(this.chain.chainId), token, everywhere: this.given === undefined && rulesOf(this.chain.chainId).local, authorisations };
  }

  /** Why the token is not taken from a payer of a place; null: it is. */
  async refusal(jurisdiction: string | null): Promise<string | null> {
    const { token, everywhere, authorisations } = await this.state();
    if (everywhere) return null;
    if (jurisdiction === null) return 'the payer’s jurisdiction is not known: name it with the payer';
    if (authorisations.some(({ jurisdictions }) => jurisdictions.includes(jurisdiction))) return null;
    return `no authorisation of the issuer of token ${token} for ${jurisdiction} is on file`;
  }
}

function read(path: string): z.output<typeof onFile> {
  try {
    const parsed = onFile.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    if (parsed.success) return parsed.data;
    const { path: where, message } = parsed.error.issues[0]!;
    throw new Error(`${where.join('.')}: ${message}`);
  } catch (error) {
    throw failure('REQUEST_INVALID', `SETTLEMENT_TOKEN_AUTHORISATIONS: ${path}: ${(error as Error).message}`, {}, error);
  }
}
