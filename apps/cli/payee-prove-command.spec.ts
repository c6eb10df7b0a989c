import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { verifyMessage, Wallet } from 'ethers';
import { payeeClaimDomain, payeeClaimMessage } from '#chain';
import { payeeClaimText, payeeClaimTypes, payeeDisputeText, payoutRuleCalls } from '#protocol';
import { disputeAsPayee } from './payee-dispute-command.js';
import { provePayee } from './payee-prove-command.js';

const wallet = new Wallet(`0x${'71'.repeat(32)}`);
const node = '0198c0de-0000-7000-8000-0000000000b1';
const claim = { chainId: 31_337, escrow: '0x5FbDB2315678afecb367f032d93F642f64180aa3', payee: wallet.address, subject: { node }, validUntil: 1_800_000_000 };

describe('mizan payee prove', () => {
  let server: Server;
  let url: string;
  let text: string;
  const sent: { path: string; body: { validUntil?: number; signature?: string; reason?: string; signedAtMs?: number } }[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        sent.push({ path: request.url!, body: JSON.parse(Buffer.concat(parts).toString()) as object });
        const { subject: _, ...rest } = claim;
        const challenge = { ...rest, subject: { node }, text, typedData: { domain: payeeClaimDomain(claim), types: payeeClaimTypes, primaryType: 'PayeeRegistration', message: payeeClaimMessage(claim) } };
        response.setHeader('content-type', 'application/json').end(JSON.stringify(request.url!.endsWith('/challenge') ? challenge : { ok: true }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('signs the text of the challenge with the key, which is not sent', async () => {
    text = payeeClaimText(claim);
    expect(await provePayee(url, wallet.privateKey, { node })).toEqual({ ok: true });
    const [asked, proved] = sent.splice(0);
    expect([asked!.path, proved!.path]).toEqual([`/v1/payees/${wallet.address}/registration/challenge`, `/v1/payees/${wallet.address}/registration`]);
    expect(verifyMessage(text, proved!.body.signature!)).toBe(wallet.address);
    expect(proved!.body).toEqual({ subject: { node }, validUntil: claim.validUntil, signature: proved!.body.signature });
  });

  it.each([
    ['something else altogether', 'I give away everything'],
    ['another address', payeeClaimText({ ...claim, payee: claim.escrow })],
    ['another machine', payeeClaimText({ ...claim, subject: { node: '0198c0de-0000-7000-8000-0000000000b2' } })],
  ])('signs nothing when the server asks to sign %s', async (_what, asked) => {
    text = asked;
    await expect(provePayee(url, wallet.privateKey, { node })).rejects.toThrow('nothing was signed');
    expect(sent.splice(0)).toHaveLength(1);
  });

  it('disputes a statement with a signature over what the server will read, and sends no key', async () => {
    const statement = '0198c0de-0000-7000-8000-0000000000c1';
    expect(await disputeAsPayee(url, wallet.privateKey, statement, '  two jobs are missing ', 1_800_000_000_000)).toEqual({ ok: true });
    const [{ path, body }] = sent.splice(0) as [(typeof sent)[number]];
    expect(path).toBe(`/v1/payees/${wallet.address}/disputes`);
    const { reason, signedAtMs, signature } = payoutRuleCalls.openPayeeDispute.request.parse({ ...body, payee: wallet.address });
    expect(verifyMessage(payeeDisputeText(wallet.address, statement, reason, signedAtMs), signature)).toBe(wallet.address);
    expect(JSON.stringify(body)).not.toContain(wallet.privateKey.slice(2));
  });
});
