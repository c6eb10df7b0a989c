/** The real parts for tests: PostgreSQL, NATS and an EVM chain, started on demand. */
export * from './anvil.js';
export * from './rpc-proxy.js';
export * from './database.js';
export * from './kept.js';
export * from './nats.js';
export * from './object-server.js';
export * from './postgres.js';
export * from './oracle-place.js';
export * from './x402-place.js';
export * from './x402-stands.js';
