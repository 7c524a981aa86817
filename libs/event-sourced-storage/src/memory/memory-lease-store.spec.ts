import { describeLeaseStore } from '../testing/lease-store.contract.js';
import { MemoryLeaseStore } from './memory-lease-store.js';
import { MemorySession } from './memory-session.js';

describeLeaseStore('MemoryLeaseStore', () => {
  let time = 0;
  const leases = new MemoryLeaseStore(() => time++);
  return Promise.resolve({
    leases,
    elsewhere: leases,
    startTransaction: () => {
      const session = new MemorySession();
      session.startTransaction();
      return Promise.resolve({ session, commit: () => session.commitTransaction(), abort: () => session.abortTransaction() });
    },
    close: () => Promise.resolve(),
  });
});
