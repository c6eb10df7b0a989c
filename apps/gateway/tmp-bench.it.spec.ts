import { it } from '@jest/globals';
import { testNats } from '#testing';
import { GatewayStack, eventually } from './gateway-harness.js';
import { register } from 'prom-client';
it('bench', async () => {
  const stack = await GatewayStack.start(await testNats());
  const key = await stack.key('bench');
  const body = Buffer.from(JSON.stringify({ object: 'list', data: [{ object: 'embedding', index: 0, embedding: Array.from({ length: 512 }, () => Math.random()) }], model: 'm', usage: { prompt_tokens: 3, total_tokens: 3 } }));
  await stack.node(1, async () => ({ status: 200, contentType: 'application/json', body, usage: { inputTokens: 3, outputTokens: 0 } }), { capacity: 100 });
  const post = () => fetch(`${stack.url}/v1/embeddings`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'embed', input: 'x'.repeat(2000), encoding_format: 'base64' }) }).then(async (r) => { await r.arrayBuffer(); return r.status; });
  await eventually(async () => (await post()) === 200);
  for (const n of [500, 3000]) {
    let left = n; const t = performance.now(); let bad = 0;
    await Promise.all(Array.from({ length: 32 }, async () => { while (left-- > 0) if ((await post()) !== 200) bad++; }));
    console.log(n, 'req/s', Math.round(n / ((performance.now() - t) / 1000)), 'bad', bad);
  }
  console.log((await register.getSingleMetric('mizan_gateway_step_seconds')!.get() as any).values.filter((v: any) => v.metricName?.endsWith('_sum') || v.metricName?.endsWith('_count')).map((v: any) => `${v.labels.step} ${v.metricName.slice(-5)} ${v.value.toFixed(3)}`).join('\n'));
  await stack.stop();
}, 60_000);
