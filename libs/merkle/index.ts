export * from './browser.js';
export * from './node-crypto.js';
