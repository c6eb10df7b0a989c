export * from './bus.js';
export type { OpenHeader, Refusal } from './control.js';
export * from './gateway-side.js';
export * from './job.js';
export * from './nats-bus.js';
export * from './node-side.js';
export { wireVersion } from './version.js';
