export { startTestDatabase as default } from '../tools/test-database.mjs';
