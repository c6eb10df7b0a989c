import { z } from 'zod';

const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/);
const hash = z.string().regex(/^0x[0-9a-f]{64}$/);
const decimal = z.string().regex(/^[0-9]+$/);

/** One contract of a deployment. `tx`, `block` and `runtimeHash` are null until it stands and was compared with the build. */
export const deployedContract = z.object({
  address,
  tx: hash.nullable(),
  block: z.number().int().nonnegative().nullable(),
  /** What the constructor was given, by name; numbers as decimal text. */
  parameters: z.record(z.string(), z.string()),
  /** The same as the bytes after the creation code: explorers ask for them. */
  parameterBytes: z.string().regex(/^0x[0-9a-f]*$/),
  /** keccak256 of the creation code without parameters. */
  creationHash: hash,
  /** keccak256 of the code that stands on chain. */
  runtimeHash: hash.nullable(),
  /** File beside the record with the compiler's standard JSON input, and its keccak256.. */
  standardInput: z.object({ file: z.string(), hash }),
});

/** What `mizan chain deploy` writes: where the contracts of a chain are, and all that is needed to compile them again. */
export const deploymentRecord = z.object({
  format: z.literal('mizan-deployment/1'),
  chain: z.string(),
  chainId: z.number().int().positive(),
  deployer: address,
  token: z.object({
    address,
    symbol: z.string(),
    decimals: z.number().int().min(0).max(18),
    /** Money without value that the deployment made itself. */
    test: z.boolean(),
    /** Whether it takes EIP-3009 authorisations. */
    authorisations: z.boolean(),
  }),
  /** Base units of the token in one unit of the contracts. */
  unit: decimal,
  compiler: z.object({ version: z.string(), settings: z.record(z.string(), z.unknown()) }),
  contracts: z.record(z.string(), deployedContract),
  /** Whether every contract stands and was compared with the build. */
  complete: z.boolean(),
});
export type DeploymentRecord = z.output<typeof deploymentRecord>;
export type DeployedContract = z.output<typeof deployedContract>;
