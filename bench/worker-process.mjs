// The side of the benchmark that starts workers and calls them.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('worker.mjs', import.meta.url));

/** One worker for each contender and place; a worker stays, so that its code is warm in later cells. */
export class WorkerProcesses {
  #workers = new Map();

  /** @returns {WorkerProcess[]} */
  of(contender, count) {
    return Array.from({ length: count }, (_, place) => this.#worker(`${contender}/${place}`));
  }

  get pids() {
    return Array.from(this.#workers.values(), ({ pid }) => pid);
  }

  async stop() {
    await Promise.all(Array.from(this.#workers.values(), (worker) => worker.stop()));
  }

  #worker(key) {
    const worker = this.#workers.get(key);
    if (worker?.running) return worker;
    const started = new WorkerProcess();
    this.#workers.set(key, started);
    return started;
  }
}

class WorkerProcess {
  /** Whether its code has run for a while. */
  warm = false;
  #child = fork(program, { serialization: 'advanced', execArgv: ['--disable-warning=ExperimentalWarning'] });
  #waiting = new Map();
  #calls = 0;

  constructor() {
    this.#child.on('message', ({ id, result, error }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) reject(Object.assign(new Error(error.message), { stack: error.stack }));
      else resolve(result);
    });
    this.#child.once('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the worker ended (${signal ?? `exit code ${code}`})`));
    });
  }

  get pid() {
    return this.#child.pid;
  }

  get running() {
    return this.#child.connected;
  }

  call(call, argument = {}) {
    const id = (this.#calls += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, call, argument }, (error) => error && reject(error));
    });
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((done) => this.#child.once('exit', done));
    this.#child.disconnect();
    await gone;
  }
}
