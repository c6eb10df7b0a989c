import { z } from 'zod';
import { keyReference } from '#chain';
import { machineMeters } from '#kernel';
import type { MeterNanos } from '#kernel';
import { dollars, endpoint, evmAddress, failure, label, machineFacts, machinePrices, publicUrl } from '#protocol';
import type { Endpoint } from '#protocol';

const usdPerMillion = dollars('is a price in US dollars per million tokens, as 0.02', 0n);

const usdPerUnit = dollars('is a price in US dollars for one, as images=0.04', 0n);

const list = z.string().transform((text) => text.split(',').map((one) => one.trim()).filter((one) => one !== ''));
const asset = z.string().regex(/^eip155:\d{1,19}\/0x[0-9a-fA-F]{40}$/, 'is a token on a chain, as eip155:8453/0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913');
const payee = z.string().regex(/^[^=\s]+=0x[0-9a-fA-F]{40}$/, 'is a host and an address, as shop.example=0x…');

/** `my-voice=audio.speech,my-painter=images.generations`: several of one model are joined by a plus. */
const endpointsOf = list.transform((pairs, context) => {
  const read = pairs.map((pair) => [pair.slice(0, pair.lastIndexOf('=')), z.array(endpoint).safeParse(pair.slice(pair.lastIndexOf('=') + 1).split('+')).data] as const);
  const wrong = read.findIndex(([model, of]) => model === '' || of === undefined);
  if (wrong < 0) return new Map<string, Endpoint[]>(read.map(([model, of]) => [model, of ?? []]));
  context.addIssue({ code: 'custom', message: `"${pairs[wrong]}" is no model and what it is for, as my-voice=audio.speech; there are ${endpoint.options.join(', ')}` });
  return z.NEVER;
});

/** `images=0.04,audio_ms=0.0001`: US dollars for an image, for a second of audio. */
const meterAsks = list.transform((pairs, context): MeterNanos => {
  const nanosOf = (usd: string): string => usdPerUnit.safeParse(usd).data?.toString() ?? '';
  const asked = machinePrices.safeParse(Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), nanosOf(pair.slice(pair.indexOf('=') + 1))])));
  if (asked.success) return asked.data;
  context.addIssue({ code: 'custom', message: `is what is measured and its price in US dollars, as images=0.04,audio_ms=0.0001; there are ${machineMeters.join(', ')}` });
  return z.NEVER;
});

const usd = dollars('is an amount in US dollars, as 0.05');

/** How a machine pays sellers that ask for x402. */
const x402Options = z.object({
  x402Rpc: z.url({ protocol: /^https?$/ }).optional(),
  x402Key: z.string().regex(keyReference, 'is a key in hex, keystore:FILE or kms:ID').optional(),
  x402KeyPasswordFile: z.string().min(1).optional(),
  x402Assets: list.pipe(z.array(asset).min(1)).optional(),
  x402Payees: list.pipe(z.array(payee)).optional(),
  x402MaxRequest: usd.optional(),
  x402MaxDay: usd.optional(),
  x402MaxHostDay: usd.optional(),
  x402Models: list.optional(),
});

const port = z.coerce.number().int().min(0).max(65_535);

const listenAddress = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^\s:]+):\d{1,5}$/, 'is an address and a port, as 0.0.0.0:8443')
  .transform((text) => ({ host: text.slice(0, text.lastIndexOf(':')).replace(/^\[|\]$/g, ''), port: Number(text.slice(text.lastIndexOf(':') + 1)) }));

/** Options of `mizan-node run`, from the command line or `MIZAN_NODE_*`. */
export const nodeOptions = z.object({
  hub: z.string().optional(),
  token: z.string().optional(),
  dir: z.string().min(1),
  name: label,
  ...machineFacts.shape,
  payoutAddress: evmAddress.optional(),
  /** Endpoint of the chain on which this node is paid; without one nobody asks it who may sign for a payer. */
  rpc: z.url({ protocol: /^https?$/ }).optional(),
  /** Contract from which this node is paid; what its payers' first statements name when left out. */
  escrow: evmAddress.optional(),
  priceInput: usdPerMillion,
  priceOutput: usdPerMillion,
  priceMeters: meterAsks.optional(),
  /** Jobs at once. */
  capacity: z.coerce.number().int().min(1).max(10_000),
  /** `embedded`, `llama.cpp`, or URLs of OpenAI-compatible engines. */
  engine: z.array(z.string()).min(1),
  engineKey: z.string().optional(),
  /** What models of URLs are for, where their names do not say. */
  modelEndpoints: endpointsOf.optional(),
  /** GGUF file that llama.cpp runs. */
  model: z.string().min(1).optional(),
  ...x402Options.shape,
  /** Port of `/healthz` and `/readyz` on loopback; none when left out. */
  healthPort: port.optional(),
  /** `host:port` on which gateways call this node straight. */
  listen: listenAddress.optional(),
  publicUrl: publicUrl.optional(),
}).refine(({ listen, publicUrl: url }) => (listen === undefined) === (url === undefined), { path: ['publicUrl'], error: 'goes with --listen: one says where gateways call, the other where this process hears them' });
export type NodeOptions = z.output<typeof nodeOptions>;

/** Error: REQUEST_INVALID naming each wrong option. */
export function readOptions(given: unknown): NodeOptions {
  const parsed = nodeOptions.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `--${String(issue.path[0]).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}: ${issue.message}`);
  throw failure('REQUEST_INVALID', problems.join('; '));
}
