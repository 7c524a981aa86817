export { stopTestDatabase as default } from '../tools/test-database.mjs';
