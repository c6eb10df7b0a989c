import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { failure, storedResponseCalls } from '#protocol';
import { ManualClock, uuidOf } from '../examples.js';
import { StoredResponses } from './stored-responses.js';

const owner = { tenant: uuidOf(1), project: uuidOf(3), keyId: uuidOf(4) };

describe('a response that could not be stored', () => {
  it('is given up until the scheduler has heard of it: it would run otherwise, and be charged', async () => {
    const store = createServer((request, answer) => request.resume().on('end', () => answer.writeHead(500).end()));
    await new Promise<void>((resolve) => store.listen(0, '127.0.0.1', resolve));
    try {
      let tries = 0;
      let hear: (request: unknown) => void;
      const heard = new Promise((resolve) => (hear = resolve));
      const call = async (what: unknown, request: unknown): Promise<object> => {
        if (what === storedResponseCalls.beginResponse) return { url: `http://127.0.0.1:${(store.address() as AddressInfo).port}/` };
        expect(what).toBe(storedResponseCalls.deleteResponse);
        if ((tries += 1) === 1) throw failure('SERVICE_UNAVAILABLE', 'the scheduler starts anew');
        hear(request);
        return {};
      };
      const stored = new StoredResponses({ call } as never, {} as never, new ManualClock());
      await expect(stored.save(owner, uuidOf(9), 60, { v: 1, response: {}, input: [], dataClass: 'internal' })).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
      expect(await heard).toEqual({ tenant: owner.tenant, project: owner.project, id: uuidOf(9) });
    } finally {
      store.closeAllConnections();
      await new Promise((resolve) => store.close(resolve));
    }
  });
});
