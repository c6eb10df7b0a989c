import { expect, it } from '@jest/globals';
import { ExampleWorld, exampleJob, ManualClock, MemoryLog, permitAll } from '../examples.js';
import { examplePipeline, OneLease } from './pipeline-harness.js';

it('the record of an admission is sealed once the job has left: the machine works meanwhile', async () => {
  const world = new ExampleWorld();
  world.offer(1);
  world.policy(permitAll);
  const order: string[] = [];
  const { tenant } = exampleJob();
  const watched = {
    ...tenant,
    get pseudonym() {
      order.push('sealed');
      return tenant.pseudonym;
    },
  };
  const { pipeline } = examplePipeline(world, new MemoryLog(), new ManualClock(), new OneLease(), async () => {
    // A job leaves with all that its turn has for the machine, and finding its session takes some steps of that turn.
    for (let n = 0; n < 5; n += 1) await Promise.resolve();
    await new Promise(setImmediate);
    order.push('left');
    return { status: 200, contentType: 'application/json', body: Buffer.from('{}'), usage: { inputTokens: 7, outputTokens: 0 }, receipt: { bytes: 'AA==', signature: 'AA==' } };
  });
  await pipeline.run(exampleJob({ tenant: watched }));
  expect(order).toEqual(['left', 'sealed', 'sealed']);
});
