export * from './pdf-page.js';
