// Data folders of test servers. Their names carry the process id of their maker, so that a later run can remove what a dead one left.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const prefix = 'event-sourced-storage-test';

export function temporaryFolder() {
  return mkdtempSync(join(tmpdir(), `${prefix}-${process.pid}-`));
}

export function removeFolder(folder) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

export function removeFoldersOfDeadProcesses() {
  for (const name of readdirSync(tmpdir())) {
    const [, pid] = new RegExp(`^${prefix}-(\\d+)-`).exec(name) ?? [];
    if (!pid || isAlive(Number(pid))) continue;
    try {
      removeFolder(join(tmpdir(), name));
    } catch {
      // its mongod is still ending, or it is somebody else's: a later run removes it
    }
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}
