import { Counter, register } from 'prom-client';

const options = { name: 'mizan_settlement_foreign_nonces_total', help: "Nonces of the relayer's key that somebody else's transactions used; an alarm above 0" };

/** Two services in one process share the process's registry. */
const counter = (register.getSingleMetric(options.name) as Counter | undefined) ?? new Counter(options);

export const showForeignUse = (): void => counter.inc();
