export * from './assert.js';
export * from './canonical-json.js';
export * from './clock.js';
export * from './errors.js';
export * from './ids.js';
export * from './linked-abort.js';
export * from './money.js';
