import { describe, expect, it, jest } from '@jest/globals';
import { assertDurability } from './record-durability.js';

const having = (replicas: number) => ({ streams: { info: jest.fn(async (_name: string) => ({ config: { num_replicas: replicas } })) } });

describe('the durability that records name', () => {
  it('is what the stream of records has, or less', async () => {
    for (const replicas of [3, 5]) {
      const states = having(replicas);
      await assertDurability('three-replicas', states);
      expect(states.streams.info).toHaveBeenCalledWith('RECORDS');
    }
    await assertDurability('one-replica', having(1));
  });

  it('is no more than that: a gateway that would say so does not start', async () => {
    for (const replicas of [1, 2]) await expect(assertDurability('three-replicas', having(replicas))).rejects.toThrow(`has ${replicas} of 3 replicas. Provision the streams with STREAM_REPLICAS=3`);
    await expect(assertDurability('three-replicas', { streams: { info: () => Promise.reject(new Error('no answer')) } })).rejects.toThrow('no answer');
  });
});
