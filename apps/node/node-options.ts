import { z } from 'zod';
import { parseNanos } from '#kernel';
import { evmAddress, failure, label, machineFacts, publicUrl } from '#protocol';

/** US dollars per 10⁶ tokens as a decimal text; nanos in code. */
const usdPerMillion = z.string().transform((text, context) => {
  try {
    const value = parseNanos(text);
    if (value >= 0n) return value;
  } catch {
    // Said below.
  }
  context.addIssue({ code: 'custom', message: 'is a price in US dollars per million tokens, as 0.02' });
  return z.NEVER;
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
  priceInput: usdPerMillion,
  priceOutput: usdPerMillion,
  /** Jobs at once. */
  capacity: z.coerce.number().int().min(1).max(10_000),
  /** `embedded`, `llama.cpp`, or URLs of OpenAI-compatible engines. */
  engine: z.array(z.string()).min(1),
  engineKey: z.string().optional(),
  /** GGUF file that llama.cpp runs. */
  model: z.string().min(1).optional(),
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
