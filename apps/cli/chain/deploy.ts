import { keccak256, Wallet } from 'ethers';
import type { JsonRpcProvider } from 'ethers';
import { Bonds, compilerInput, connect, Escrow, planContract, reaching, requireBuild, requireChain } from '#chain';
import type { BuiltContract, ChainRules } from '#chain';
import type { DeployedContract, DeploymentRecord } from '#protocol';
import { findToken, requireCancun, tokenAddress, unitFor } from './preflight.js';
import { readRecord, setAside, writeInput, writeRecord } from './record-file.js';

export interface DeployOrder {
  readonly rules: ChainRules;
  readonly rpc: string;
  /** Private key that sends and pays the gas; it has no rights over what it makes. */
  readonly key: string;
  /** Where the record is written. */
  readonly out: string;
  /** Symbol of the chain's table or address; left out on a local chain: test money is made. */
  readonly token?: string | undefined;
  readonly thawSeconds: bigint;
  readonly bondThawSeconds: bigint;
  readonly answerSeconds: bigint;
  readonly rulingSeconds: bigint;
  /** Deploys although there is a finished record: that one is kept under another name. */
  readonly again?: boolean | undefined;
}

type Parameters = Readonly<Record<string, string | bigint>>;

/**
 * Deploys escrow and bonds, compares what stands with this build, and records it. A run that was cut off goes on where it was: each
 * contract's place is written down before it is sent. Errors: the record is finished already; wrong chain or token; CHAIN_UNAVAILABLE;
 * CHAIN_REJECTED.
 */
export async function deployContracts(order: DeployOrder): Promise<DeploymentRecord> {
  const provider = connect(order.rpc, order.rules.id);
  try {
    await requireChain(provider, order.rules.id);
    await requireCancun(provider);
    return await new Deployment(order, provider).run();
  } finally {
    provider.destroy();
  }
}

class Deployment {
  private readonly wallet: Wallet;
  private record!: DeploymentRecord;

  constructor(
    private readonly order: DeployOrder,
    private readonly provider: JsonRpcProvider,
  ) {
    this.wallet = new Wallet(order.key, provider);
  }

  async run(): Promise<DeploymentRecord> {
    const { rules, thawSeconds, bondThawSeconds, answerSeconds, rulingSeconds } = this.order;
    this.record = this.begun() ?? this.blank();
    const token = await this.token();
    const unit = unitFor(token.decimals);
    this.record = { ...this.record, token, unit: unit.toString() };
    await this.stand('MizanEscrow', { token: token.address, unit, thawSeconds });
    await this.stand('MizanBonds', { token: token.address, unit, thawSeconds: bondThawSeconds, answerSeconds, rulingSeconds });
    await this.requireConstants(rules.id);
    return this.save({ complete: true });
  }

  /** The record of a run that was cut off. A finished one stands in the way unless it was said to deploy again. */
  private begun(): DeploymentRecord | null {
    const { out, rules, again } = this.order;
    const found = readRecord(out);
    if (!found) return null;
    if (found.chainId !== Number(rules.id)) throw new Error(`${out} is the record of ${found.chain} (chain ${found.chainId}); give another file with --out`);
    if (!found.complete) return found;
    if (again !== true) throw new Error(`${rules.name} has its contracts already: ${out} says where. To deploy others and keep that record under another name, say --again`);
    setAside(out, found);
    return null;
  }

  private blank(): DeploymentRecord {
    const { version, settings } = compilerInput('MizanEscrow');
    const nowhere = { address: `0x${'0'.repeat(40)}`, symbol: '', decimals: 0, test: false, authorisations: false };
    const { name, id } = this.order.rules;
    return { format: 'mizan-deployment/1', chain: name, chainId: Number(id), deployer: this.wallet.address, token: nowhere, unit: '1', compiler: { version, settings }, contracts: {}, complete: false };
  }

  private async token(): Promise<DeploymentRecord['token']> {
    const { rules, token } = this.order;
    if (token === undefined && !rules.local) throw new Error(`name the token that ${rules.name} pays in: --token SYMBOL or --token 0x…`);
    const address = token === undefined ? (await this.stand('TestDollar', {})).address : tokenAddress(rules, token);
    return { ...(await findToken(this.provider, rules, address)), test: token === undefined };
  }

  /** Makes a contract unless it stands already where the record says, and compares it with the build. */
  private async stand(name: BuiltContract, parameters: Parameters): Promise<DeployedContract> {
    const { contracts } = this.record;
    const asText = Object.fromEntries(Object.entries(parameters).map(([key, value]) => [key, value.toString()]));
    let entry = contracts[name];
    if (entry && JSON.stringify(entry.parameters) !== JSON.stringify(asText)) throw new Error(`the unfinished record ${this.order.out} has another ${name}: go on with the options it was begun with, or move it away`);
    if (!entry || (await reaching(() => this.provider.getCode(entry!.address))) === '0x') {
      const planned = await planContract(this.wallet, name, Object.values(parameters));
      const { address, creationHash, parameterBytes } = planned;
      entry = { address, tx: null, block: null, parameters: asText, parameterBytes, creationHash, runtimeHash: null, standardInput: await writeInput(this.order.out, name) };
      await this.save({ contracts: { ...contracts, [name]: entry } });
      entry = { ...entry, ...(await planned.make()) };
    }
    entry = { ...entry, runtimeHash: keccak256(await requireBuild(this.provider, name, entry.address)) };
    await this.save({ contracts: { ...contracts, [name]: entry } });
    return entry;
  }

  /** What the constructors wrote is not in the comparison of code: it is asked for. */
  private async requireConstants(chainId: bigint): Promise<void> {
    const { MizanEscrow: escrow, MizanBonds: bonds } = this.record.contracts;
    const stand = { escrow: await new Escrow(escrow!.address, this.provider).constants(), bonds: await new Bonds(bonds!.address, this.provider).constants() };
    for (const [{ address, parameters }, constants] of [[escrow!, stand.escrow], [bonds!, stand.bonds]] as const) {
      for (const [name, value] of Object.entries(constants)) {
        if (String(value).toLowerCase() !== parameters[name]!.toLowerCase()) throw new Error(`${address} on chain ${chainId} has ${name} ${String(value)} and should have ${parameters[name]}`);
      }
    }
  }

  private async save(change: Partial<DeploymentRecord>): Promise<DeploymentRecord> {
    this.record = { ...this.record, ...change };
    await writeRecord(this.order.out, this.record);
    return this.record;
  }
}
