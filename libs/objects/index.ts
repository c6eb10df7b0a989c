export * from './data-keys.js';
export * from './directory-store.js';
export * from './object-store.js';
export * from './s3-signature.js';
export * from './s3-store.js';
export * from './sealed-objects.js';
export * from './sealed-segments.js';
