import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { commonConfig } from '#service';
import { services } from '#protocol';
import { billing } from '../../billing/billing.service-definition.js';
import { gateway } from '../../gateway/gateway.service-definition.js';
import { governance } from '../../governance/governance.service-definition.js';
import { scheduler } from '../../scheduler/scheduler.service-definition.js';
import { settlement } from '../../settlement/settlement.service-definition.js';
import { issueDeploymentSecrets } from './deployment-secrets.js';

const chain = { SETTLEMENT_RPC_URL: 'http://chain:8545', SETTLEMENT_CHAIN_ID: '31337', SETTLEMENT_ESCROW: `0x${'ab'.repeat(20)}` };
const addresses = { database: 'postgres:5432/mizan', nats: 'nats://nats:4222', publicNats: 'nats://nats:4222', credentials: '/run/mizan/nats/creds' };

describe("a deployment's secrets", () => {
  let directory: string;
  const env = (name: string): Record<string, string | undefined> => parseEnv(readFileSync(join(directory, 'env', `${name}.env`), 'utf8'));
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'mizan-secrets-'));
    await issueDeploymentSecrets(directory, addresses);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('give every service an environment that it accepts', () => {
    for (const definition of [gateway, scheduler, billing, governance, settlement]) {
      const own = { ...env(definition.name), ...(definition.name === 'settlement' ? chain : {}) };
      expect([definition.name, definition.config.safeParse(own).error?.issues, commonConfig.safeParse(own).error?.issues]).toEqual([definition.name, undefined, undefined]);
    }
  });

  it('give the gateway no database, and no service the secrets of another', () => {
    expect(env('gateway')['DATABASE_URL']).toBeUndefined();
    const urls = services.flatMap((name) => env(name)['DATABASE_URL'] ?? []);
    expect(new Set(urls).size).toBe(4);
    expect(services.filter((name) => env(name)['GOVERNANCE_MASTER_KEY'] !== undefined)).toEqual(['governance']);
    expect(services.filter((name) => env(name)['SETTLEMENT_PAYER_KEYS'] !== undefined)).toEqual(['settlement']);
  });

  it('are the same when issued again, and readable by their owner only', async () => {
    const before = services.map(env);
    await issueDeploymentSecrets(directory, addresses);
    expect(services.map(env)).toEqual(before);
    for (const file of ['secrets.json', 'postgres-password', 'nats/nats.conf', 'nats/creds/gateway.creds', 'env/settlement.env']) expect([file, statSync(join(directory, file)).mode & 0o777]).toEqual([file, 0o600]);
  });
});
