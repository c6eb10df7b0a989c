/** A moment in the life of a payout at which a process can be killed. */
export type Step =
  /** An endpoint is asked something: before it hears the question, or when it has answered and nobody has heard the answer. */
  | { readonly at: 'rpc'; readonly method: string; readonly moment: 'before' | 'after'; readonly victim: 'settlement' }
  /** A row has got a state, as {@link watchedRows} names it. */
  | { readonly at: 'row'; readonly row: string; readonly victim: Victim }
  /** A message passes: a call that is asked, an event that is published. */
  | { readonly at: 'message'; readonly subject: string; readonly victim: Victim };
export type Victim = 'settlement' | 'billing';

const methods = ['eth_getBlockByNumber', 'eth_call', 'eth_estimateGas', 'eth_getTransactionCount', 'eth_maxPriorityFeePerGas', 'eth_getBalance', 'eth_sendRawTransaction', 'eth_getTransactionReceipt', 'eth_getLogs'] as const;

export const rpc = (method: (typeof methods)[number], moment: 'before' | 'after'): Step => ({ at: 'rpc', method, moment, victim: 'settlement' });
export const row = (name: string, victim: Victim = 'settlement'): Step => ({ at: 'row', row: name, victim });
export const message = (subject: string, victim: Victim = 'settlement'): Step => ({ at: 'message', subject, victim });

export const subjects = {
  draw: 'mizan.rpc.billing.payables.draw',
  head: 'mizan.rpc.governance.audit.checkpoint',
  settled: 'mizan.event.settlement.epoch-settled',
  deposited: 'mizan.event.settlement.deposit-confirmed',
} as const;

/** The whole way of a payout, in order: owed, drawn, registered, signed, sent, mined, final, read, told, booked. */
export const stepsOfAPayout: readonly Step[] = [
  message(subjects.draw),
  message(subjects.draw, 'billing'),
  row('billing drawn', 'billing'),
  row('billing drawn'),
  row('statement drawn'),
  ...['planned', 'signed', 'broadcast', 'mined', 'final'].map((state) => row(`register ${state}`)),
  message(subjects.head),
  row('statement signed'),
  ...['planned', 'signed', 'broadcast', 'mined', 'final'].map((state) => row(`settle ${state}`)),
  ...methods.flatMap((method) => [rpc(method, 'before'), rpc(method, 'after')]),
  row('event EpochSettled'),
  row('statement settled'),
  message(subjects.settled),
  message(subjects.settled, 'billing'),
  row('billing settled', 'billing'),
  row('billing settled'),
];

export const nameOf = (step: Step): string => `${step.victim} at ${step.at === 'rpc' ? `${step.method}, ${step.moment}` : step.at === 'row' ? `row ${step.row}` : step.subject}`;

/** Tells of each new state on the channel `steps`, when its transaction has committed. To be run as the administrator of the database. */
export const watchedRows = `
  CREATE FUNCTION public.tell_step() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE step text := CASE TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME
    WHEN 'settlement.transactions' THEN to_jsonb(NEW) ->> 'purpose' || ' ' || (to_jsonb(NEW) ->> 'state')
    WHEN 'settlement.statements' THEN 'statement ' || CASE WHEN to_jsonb(NEW) ->> 'settled_tx' IS NOT NULL THEN 'settled' WHEN to_jsonb(NEW) ->> 'signature' IS NOT NULL THEN 'signed' ELSE 'drawn' END
    WHEN 'settlement.chain_events' THEN 'event ' || (to_jsonb(NEW) ->> 'name')
    ELSE 'billing ' || (to_jsonb(NEW) ->> 'state') END;
  BEGIN
    PERFORM pg_notify('steps', step);
    RETURN NULL;
  END $$;
  ${['settlement.transactions', 'settlement.statements', 'settlement.chain_events', 'billing.statements'].map((table) => `CREATE TRIGGER tell_step AFTER INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION public.tell_step();`).join('\n  ')}
`;
