// Processor time of processes and of the whole machine, in microseconds; from /proc, so on Linux only: elsewhere it is not known.
import { readFileSync } from 'node:fs';

const tickMicros = 10_000; // USER_HZ is 100 on every Linux that Node supports

/** @returns {number} `NaN` when it is not known */
export function processMicros(pid) {
  const [line] = lines(`/proc/${pid}/stat`);
  if (!line) return Number.NaN;
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' '); // a program's name may hold spaces
  return (Number(fields[11]) + Number(fields[12])) * tickMicros;
}

/** Of all processors together, idle time left out. @returns {number} `NaN` when it is not known */
export function machineMicros() {
  const [line] = lines('/proc/stat');
  if (!line) return Number.NaN;
  const [user, nice, system, , , irq, softirq, steal] = line.trim().split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softirq + steal) * tickMicros;
}

function lines(file) {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}
