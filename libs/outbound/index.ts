export * from './allow-list.js';
export * from './bounded-fetch.js';
export * from './guarded-agent.js';
export * from './outbound-target.js';
