import { ZeroAddress } from 'ethers';
import { bondsCalls, isoOf, namingRefusals, sendCall } from '#chain';
import { accountOf, toAmount, toUnits } from '../contract/contract-session.js';
import { hashOfFile, sendPaying } from './bond-session.js';
import type { BondSession } from './bond-session.js';

const timeOf = (seconds: bigint): string | null => (seconds === 0n ? null : isoOf(seconds));

async function sent({ bonds, wallet }: BondSession, data: string): Promise<{ tx: string }> {
  return { tx: (await namingRefusals(() => sendCall(wallet!, bonds.address, data))).hash };
}

/** Who has bonded what, under which terms. Amounts of the token. */
export async function showBond(session: BondSession, provider: string): Promise<object> {
  const bond = await session.bonds.bond(accountOf(provider));
  const [total, secured, thawing, held, claimMax] = [bond.units, bond.secured, bond.thawing, bond.held, bond.claimMax].map((units) => toAmount(session, units));
  return { provider: accountOf(provider), bond: total, secured, thawing, thawEndsAt: bond.thawing === 0n ? null : timeOf(bond.thawEndsAt), claimed: held, arbiter: bond.arbiter, court: bond.court === ZeroAddress ? null : bond.court, claimMax };
}

/** A claim, and what can happen to it next. */
export async function showClaim(session: BondSession, id: string): Promise<object> {
  const claim = await session.bonds.claim(id);
  const [asked, granted, stake, due] = [claim.units, claim.granted, claim.stake, claim.due].map((units) => toAmount(session, units));
  const { answerSeconds, rulingSeconds } = await session.bonds.constants();
  const answerEndsAt = claim.filedAt + answerSeconds;
  return {
    claim: id,
    provider: claim.provider,
    claimant: claim.claimant,
    asked,
    stake,
    filedAt: timeOf(claim.filedAt),
    answeredAt: timeOf(claim.answeredAt),
    answerUntil: claim.answeredAt === 0n ? timeOf(answerEndsAt) : null,
    rulingUntil: claim.ruledAt === 0n ? timeOf(answerEndsAt + rulingSeconds) : null,
    ruledAt: timeOf(claim.ruledAt),
    granted: claim.ruledAt === 0n ? null : granted,
    appealUntil: claim.ruledAt === 0n || claim.appealedAt !== 0n ? null : timeOf(claim.ruledAt + answerSeconds),
    appealedAt: timeOf(claim.appealedAt),
    courtRuledAt: timeOf(claim.courtRuledAt),
    closedAt: timeOf(claim.closedAt),
    due,
  };
}

export function setTerms(session: BondSession, { arbiter, court, claimMax }: { arbiter: string; court?: string | undefined; claimMax: string }): Promise<object> {
  return sent(session, bondsCalls.setTerms(accountOf(arbiter), court === undefined ? ZeroAddress : accountOf(court), toUnits(session, claimMax)));
}

export async function post(session: BondSession, amount: string): Promise<object> {
  const units = toUnits(session, amount);
  const tx = await sendPaying(session, units, bondsCalls.deposit(units));
  return { tx, ...(await showBond(session, session.wallet!.address)) };
}

export async function thaw(session: BondSession, amount: string | undefined): Promise<object> {
  const { address } = session.wallet!;
  const { units, thawing } = await session.bonds.bond(address);
  const asked = amount === undefined ? units - thawing : toUnits(session, amount);
  if (asked === 0n) throw new Error('there is nothing left to thaw');
  return { ...(await sent(session, bondsCalls.thaw(asked))), ...(await showBond(session, address)) };
}

/** Error: the thaw is not over by the chain's own clock. */
export async function withdraw(session: BondSession, to: string | undefined): Promise<object> {
  const { address } = session.wallet!;
  const { thawing, thawEndsAt } = await session.bonds.bond(address);
  const now = BigInt((await session.provider.getBlock('latest'))!.timestamp);
  if (thawing > 0n && now < thawEndsAt) throw new Error(`the thaw ends at ${timeOf(thawEndsAt)}; by the chain's clock it is ${timeOf(now)}`);
  return { ...(await sent(session, bondsCalls.withdraw(to === undefined ? address : accountOf(to)))), ...(await showBond(session, address)) };
}

/** Files a claim over the hash of an evidence file; the claim's name is what the other steps ask for. */
export async function dispute(session: BondSession, { provider, amount, evidence }: { provider: string; amount: string; evidence: string }): Promise<object> {
  const [against, hash, units] = [accountOf(provider), hashOfFile(evidence), toUnits(session, amount)];
  const stake = (units + 19n) / 20n;
  const tx = await sendPaying(session, stake, bondsCalls.claim(against, units, hash));
  return { tx, ...(await showClaim(session, await session.bonds.claimId(against, session.wallet!.address, hash))) };
}

export async function answer(session: BondSession, id: string, evidence: string): Promise<object> {
  return { ...(await sent(session, bondsCalls.answer(id, hashOfFile(evidence)))), ...(await showClaim(session, id)) };
}

export async function resolve(session: BondSession, id: string, amount: string): Promise<object> {
  return { ...(await sent(session, bondsCalls.rule(id, toUnits(session, amount)))), ...(await showClaim(session, id)) };
}

export async function appeal(session: BondSession, id: string): Promise<object> {
  const { stake } = await session.bonds.claim(id);
  const tx = await sendPaying(session, stake, bondsCalls.appeal(id));
  return { tx, ...(await showClaim(session, id)) };
}

export async function close(session: BondSession, id: string): Promise<object> {
  return { ...(await sent(session, bondsCalls.close(id))), ...(await showClaim(session, id)) };
}

export async function collect(session: BondSession, id: string, to: string | undefined): Promise<object> {
  const { address } = session.wallet!;
  return { ...(await sent(session, bondsCalls.collect(id, to === undefined ? address : accountOf(to)))), ...(await showClaim(session, id)) };
}
