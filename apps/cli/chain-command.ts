import { Command, Option } from 'commander';
import { chainNamed, connect, knownChains, requireBuild, requireChain, rulesOf } from '#chain';
import type { BuiltContract, ChainRules } from '#chain';
import { deployContracts } from './chain/deploy.js';
import { readRecord } from './chain/record-file.js';
import { printer } from './output.js';
import { keyGiven, walletKey } from './wallet-key.js';

const days = (text: string): bigint => {
  const value = Number(text);
  if (!(value > 0 && value <= 90)) throw new Error('a period is more than 0 and at most 90 days');
  return BigInt(Math.round(value * 86_400));
};

interface Given {
  readonly chain: string;
  readonly rpc: string;
  readonly token?: string;
  readonly keyFile?: string;
  readonly out?: string;
  readonly thawDays: bigint;
  readonly bondThawDays: bigint;
  readonly answerDays: bigint;
  readonly rulingDays: bigint;
  readonly again?: boolean;
  readonly json?: boolean;
}

/** `mizan chain`: the chains that Mizan knows, and its contracts on them. Needs only an RPC endpoint, and for deploying a key with gas. */
export function chainCommand(): Command {
  const command = new Command('chain').description('the chains that Mizan knows, and its contracts on them');
  command.addCommand(listCommand());
  command.addCommand(deployCommand());
  command.addCommand(verifyCommand());
  return command;
}

function listCommand(): Command {
  return new Command('list')
    .description('the chains in the table: id, coin, finality, tokens, and what is not confirmed of them')
    .option('--json', 'print JSON')
    .action(({ json }: { json?: boolean }) => printer(json)({ data: knownChains.map(toLine) }));
}

const toLine = ({ name, id, coin, finality, tokens, unconfirmed }: ChainRules): object => ({
  name,
  id: id.toString(),
  coin,
  finality: finality.by === 'tag' ? `finalized tag, about ${Math.round(finality.aboutMs / 1_000)} s` : `${finality.blocks} blocks`,
  tokens: tokens.map(({ symbol, address, bridged }) => `${symbol} ${address}${bridged ? ' (bridged)' : ''}`).join(', ') || '-',
  unconfirmed: unconfirmed.join('; ') || '-',
});

const rpcOption = (): Option => new Option('--rpc <url>', 'JSON-RPC endpoint of the chain').env('MIZAN_RPC_URL').makeOptionMandatory();

function deployCommand(): Command {
  return new Command('deploy')
    .description('deploys escrow and bonds on a chain, compares them with this build, and records where they are; never twice unless told so')
    .requiredOption('--chain <name>', 'name or id of the chain; see: mizan chain list')
    .addOption(rpcOption())
    .option('--token <token>', 'symbol in the table, or address, of the token that is paid in (a local chain makes test money)')
    .option('--key-file <file>', 'file with the private key that pays the gas, in hex (or MIZAN_WALLET_KEY); it gets no rights over the contracts')
    .option('--out <file>', 'the record (default: deployments/<chain>.json)')
    .addOption(new Option('--thaw-days <days>', 'from asking a deposit back to getting it').argParser(days).default(days('7'), '7'))
    .addOption(new Option('--bond-thaw-days <days>', 'the same for a bond; at least twice answer and ruling together').argParser(days).default(days('30'), '30'))
    .addOption(new Option('--answer-days <days>', 'for an answer to a claim on a bond, and for an appeal').argParser(days).default(days('3'), '3'))
    .addOption(new Option('--ruling-days <days>', 'for a ruling on a claim').argParser(days).default(days('7'), '7'))
    .option('--again', 'deploy although there is a record; it is kept under another name')
    .option('--json', 'print the whole record as JSON')
    .action(async (given: Given) => {
      const rules = namedChain(given.chain);
      const record = await deployContracts({
        rules,
        rpc: given.rpc,
        key: walletKey(keyGiven(given.keyFile)),
        out: given.out ?? `deployments/${rules.name}.json`,
        token: given.token,
        thawSeconds: given.thawDays,
        bondThawSeconds: given.bondThawDays,
        answerSeconds: given.answerDays,
        rulingSeconds: given.rulingDays,
        again: given.again,
      });
      const { contracts, token } = record;
      printer(given.json)(given.json === true ? record : { chain: record.chain, token: token.address, escrow: contracts['MizanEscrow']!.address, bonds: contracts['MizanBonds']!.address, startBlock: contracts['MizanEscrow']!.block, record: given.out ?? `deployments/${rules.name}.json` });
    });
}

function verifyCommand(): Command {
  return new Command('verify')
    .description('compares the contracts of a deployment record with this build')
    .argument('<record>', 'what mizan chain deploy wrote')
    .addOption(rpcOption())
    .option('--json', 'print JSON')
    .action(async (path: string, { rpc, json }: { rpc: string; json?: boolean }) => {
      const record = readRecord(path);
      if (!record) throw new Error(`there is no ${path}`);
      const { id } = rulesOf(BigInt(record.chainId));
      const provider = connect(rpc, id);
      try {
        await requireChain(provider, id);
        for (const [name, { address }] of Object.entries(record.contracts)) await requireBuild(provider, name as BuiltContract, address);
        printer(json)({ chain: record.chain, ...Object.fromEntries(Object.entries(record.contracts).map(([name, { address }]) => [name, `${address} is this build`])) });
      } finally {
        provider.destroy();
      }
    });
}

function namedChain(asked: string): ChainRules {
  const rules = chainNamed(asked);
  if (rules) return rules;
  throw new Error(`there is no chain ${asked} in the table; known are ${knownChains.map(({ name, id }) => `${name} (${id})`).join(', ')}`);
}
