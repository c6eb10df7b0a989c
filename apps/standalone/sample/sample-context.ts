/** One of the machines that the stand-alone stack runs. */
export interface SampleNode {
  readonly id: string;
  readonly name: string;
  readonly region: string;
  readonly payoutAddress: string;
  /** Where it keeps its keys and the statements that it was handed. */
  readonly directory: string;
  /** SIGKILL: the process gets no chance to say goodbye. */
  kill(): void | Promise<void>;
  /** Takes all its credit out of the escrow with its own key. `units` are token units. */
  withdraw(): Promise<{ tx: string; units: bigint }>;
}

/** Somebody else who has a part of what requests cost: a payee of the escrow with its own key. */
export interface Sharer {
  readonly name: string;
  readonly address: string;
  /** Of the cost: 100 = 1 %. */
  readonly basisPoints: number;
  /** File with its key, for programs. */
  readonly keyFile: string;
  withdraw(statementFile: string): Promise<{ tx: string; units: bigint }>;
}

/** What payees and payer did with a statement file and an RPC endpoint alone. `units` are token units. */
export interface WithoutMizan {
  readonly submitted: { readonly sent: boolean; readonly payees: number; readonly tx: string | null };
  readonly withdrawn: { readonly payee: string; readonly units: bigint; readonly tx: string };
  readonly exited: { readonly asked: boolean; readonly taken: boolean; readonly units: bigint; readonly tx: string | null };
}

export interface SampleChain {
  /** Gives payees their place in the escrow, which anybody may, and waits until that is final. */
  register(addresses: readonly string[]): Promise<void>;
  /** Keeps a copy of the chain as it stands. */
  remember(): Promise<void>;
  gasOf(tx: string): Promise<bigint>;
  /** Submits, withdraws and exits on a chain of its own that starts from the copy. */
  withoutMizan(statementFile: string, payeeKeyFile: string): Promise<WithoutMizan>;
}

export interface Invariant {
  readonly name: string;
  readonly holds: boolean;
  readonly detail: string;
}

/** What `mizan audit verify` found in a file. */
export interface CheckedOffline {
  readonly result: 'valid' | 'incomplete' | 'invalid';
  /** How many things it looked at. */
  readonly checks: number;
  /** Those that do not hold, or could not be checked. */
  readonly broken: readonly string[];
  /** How the network was kept from it. */
  readonly network: string;
}

/** What the job is given by whoever runs it. */
export interface SampleContext {
  /** Base URL of the public API, without `/v1`. */
  readonly api: string;
  /** A platform administrator's key: settles, reads payouts. */
  readonly adminKey: string;
  /** The bank's own key: sends mail, reads its records. */
  readonly key: string;
  readonly tenant: string;
  readonly project: string;
  readonly nodes: readonly SampleNode[];
  readonly sharers: readonly Sharer[];
  readonly chain: SampleChain;
  /** Somebody with a wallet and no account. `most` is what it may pay for a request, in base units. */
  readonly buyer: { readonly privateKey: string; readonly network: string; readonly asset: string; readonly most: bigint };
  /** The outside check of the whole deployment. */
  verify(): Promise<{ invariants: readonly Invariant[] }>;
  /** Verifies a proof bundle in a process of its own that has no network. */
  verifyOffline(file: string, logKey: string): Promise<CheckedOffline>;
  /** Where `sample.json`, the cost file and the proofs go; made when it is not there. */
  readonly outDir: string;
  progress(done: number, total: number): void;
  print(line: string): void;
}

/** The job's data as left in `sample.json`. Amounts are decimal text: USD, or the token's whole units for payouts. */
export interface SampleReport {
  requests: { total: number; ok: number; refused: number; failedOver: number };
  /** Share of held-out mail whose label was predicted, 0–1. */
  accuracy: number;
  /** `price` is USD per million input tokens. */
  routes: { class: string; node: string; region: string; count: number; price: string }[];
  refusals: { policy: string; count: number }[];
  budget: string;
  spent: string;
  /** FOCUS file of all that the project was ever billed, up to a year back. */
  costs: { file: string; rows: number; billed: string };
  /** What the organisation is billed for, `usage` in USD to the nano, `gross` with VAT and rounded to hundredths. */
  invoice: { number: string; gross: string; usage: string; files: string[] };
  /** Of each payee that was paid: what it earned in the last year and is owed still (less than a unit of the token). */
  statements: { payee: string; file: string; earned: string; owed: string }[];
  /** Against list prices of clouds for the same tokens, in USD. */
  compared: { verdict: string; paid: string; baseline: string };
  /** `token` is the token's address, `tx` the withdrawal. */
  payouts: { payee: string; amount: string; token: string; tx: string }[];
  /** The epoch's transaction: gas in all and for each receipt that it paid. */
  gas: { epoch: string; receipts: number; perReceipt: string };
  /** What was done on a copy of the chain with the statement's file, as a machine kept it, and no process of Mizan's; token units. */
  withoutMizan: { statement: string; submitted: string | null; withdrawn: string; exited: string };
  /** One request paid for by x402; `amount` in the token's base units. */
  x402: { payer: string; amount: string; tx: string; record: string };
  invariants: { name: string; holds: boolean; detail: string }[];
  /** The close of the books after the job: its period's charges (USD), and how many differences it named. */
  close: { number: number; charges: number; charged: string; differences: number };
  /** `result` is of the bundle as it is, `changedByte` of it with one byte changed. */
  records: { id: string; proofFile: string; result: string; changedByte: string }[];
}
