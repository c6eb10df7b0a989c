import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Where a deployment can be looked at from outside. Everything but the database may be missing; the answer then says so. */
export interface Targets {
  readonly databaseUrl: string;
  readonly nats: { readonly url: string; readonly creds: string } | undefined;
  readonly chain: { readonly rpcUrl: string; readonly chainId: bigint; readonly escrow: string } | undefined;
  readonly api: { readonly url: string; readonly key: string } | undefined;
}

/** What of `.mizan/run.json` concerns a verifier. */
const runFile = z.object({
  api: z.string().optional(),
  adminKey: z.string().optional(),
  verifyDatabaseUrl: z.string().optional(),
  natsUrl: z.string().optional(),
  natsCreds: z.object({ verify: z.string().optional() }).optional(),
  rpcUrl: z.string().optional(),
  chainId: z.int().optional(),
  contracts: z.object({ escrow: z.string().optional() }).optional(),
});

export interface TargetOptions {
  readonly run?: string | undefined;
  readonly database?: string | undefined;
  readonly nats?: string | undefined;
  readonly natsCreds?: string | undefined;
  readonly rpc?: string | undefined;
  readonly chainId?: string | undefined;
  readonly escrow?: string | undefined;
  readonly api?: string | undefined;
  readonly key?: string | undefined;
}

/** Options first (flags and environment), then the run file. Error: no database is named, or the run file cannot be read. */
export function targetsOf(options: TargetOptions, defaultRunFile: string): Targets {
  const run = readRunFile(options.run, defaultRunFile, options.database !== undefined);
  const databaseUrl = options.database ?? run.verifyDatabaseUrl;
  if (databaseUrl === undefined) throw new Error(`no database is given: use --database, MIZAN_VERIFY_DATABASE_URL or --run FILE (looked in ${options.run ?? defaultRunFile})`);
  const [natsUrl, creds] = [options.nats ?? run.natsUrl, options.natsCreds ?? run.natsCreds?.verify];
  const [rpcUrl, escrow, chainId] = [options.rpc ?? run.rpcUrl, options.escrow ?? run.contracts?.escrow, options.chainId ?? run.chainId];
  const [api, key] = [options.api ?? run.api, options.key ?? run.adminKey];
  return {
    databaseUrl,
    nats: natsUrl !== undefined && creds !== undefined ? { url: natsUrl, creds } : undefined,
    chain: rpcUrl !== undefined && escrow !== undefined && chainId !== undefined ? { rpcUrl, escrow, chainId: BigInt(chainId) } : undefined,
    api: api !== undefined && key !== undefined ? { url: api, key } : undefined,
  };
}

function readRunFile(given: string | undefined, byDefault: string, optional: boolean): z.output<typeof runFile> {
  try {
    return runFile.parse(JSON.parse(readFileSync(given ?? byDefault, 'utf8')));
  } catch (error) {
    if (given === undefined && (optional || (error as NodeJS.ErrnoException).code === 'ENOENT')) return {};
    throw new Error(`the run file ${given ?? byDefault} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
