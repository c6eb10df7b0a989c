import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Home, LocalError, Ports, Secrets, launchUnder, localNats } from '#local';
import { testNats } from '#testing';
import type { TestNats } from '#testing';

describe('a NATS server that runs already', () => {
  const home = new Home(mkdtempSync(join(tmpdir(), 'mizan-nats-')));
  const parts = (env: NodeJS.ProcessEnv) => ({ home, secrets: new Secrets(home), ports: new Ports(home), launch: launchUnder(home), env });
  let nats: TestNats;
  beforeAll(async () => {
    nats = await testNats({ bare: true });
  });
  afterAll(async () => {
    await nats.stop();
    rmSync(home.root, { recursive: true, force: true });
  });

  it('is used with its own operator and credentials, and gets its streams', async () => {
    const directory = dirname(dirname(nats.credentialFiles.system));
    const env = { MIZAN_NATS_URL: nats.url, MIZAN_NATS_CREDS: directory };
    await expect(localNats(parts(env))).rejects.toThrow(/lacks .*operator\.json/);
    writeFileSync(join(directory, 'operator.json'), JSON.stringify(nats.operator));
    const given = await localNats(parts(env));
    expect(given.running).toBeUndefined();
    expect(given.operator.account).toBe(nats.operator.account);
  });

  it('is refused when it trusts another operator than ours', async () => {
    const refused = localNats(parts({ MIZAN_NATS_URL: nats.url }));
    await expect(refused).rejects.toThrow(LocalError);
    await expect(refused).rejects.toThrow(/must run with the operator/);
  });
});
