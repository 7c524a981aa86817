import type mongoose from 'mongoose';
import type { Connection } from 'mongoose';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import type { TransactionSession } from '../read/document-reader.js';
import { sessionTurn, type TransactionEnd, type TransactionScope, TransactionScopes } from '../write/transaction-scopes.js';
import { Turns } from '../write/turns.js';

/** `client` and `transaction` are there at run time, though the driver's types leave them out. */
type Session = mongoose.mongo.ClientSession & { readonly client: unknown; readonly transaction: object };

/** One transaction of a session, and who waits for its end. */
export class MongooseTransactionScope implements TransactionScope {
  hasConflict = false;
  private readonly listeners: ((end: TransactionEnd) => void)[] = [];
  private readonly turns = new Turns();
  private readonly transaction: object;
  private ended: TransactionEnd | undefined;
  private isFinishing = false;

  constructor(
    readonly transactionId: string,
    private readonly session: Session,
  ) {
    this.transaction = session.transaction;
  }

  get isOpen(): boolean {
    // every startTransaction() makes a new transaction object
    return !this.isFinishing && this.ended === undefined && this.session.inTransaction() && this.session.transaction === this.transaction;
  }

  inTurn<R>(key: string, work: () => Promise<R>): Promise<R> {
    return this.turns.take(key, work);
  }

  /** Takes no more commands; resolves once the one under way is over. */
  async finish(): Promise<void> {
    this.isFinishing = true;
    await this.turns.take(sessionTurn, () => Promise.resolve());
  }

  onEnd(listener: (end: TransactionEnd) => void): void {
    if (this.ended === undefined) this.listeners.push(listener);
    else listener(this.ended);
  }

  markConflict(): void {
    this.hasConflict = true;
  }

  /** Tells everybody once, in the order in which they asked. */
  end(end: TransactionEnd): void {
    if (this.ended !== undefined) return;
    this.ended = end;
    for (const listener of this.listeners.splice(0)) listener(end);
  }
}

/**
 * The scopes of all transactions of one connection, shared by its features. The storage's own `withTransaction` reports how they end; of a
 * foreign transaction only its end is seen, when the next one begins in the session or the session is closed.
 */
export class MongooseTransactionScopes extends TransactionScopes {
  private readonly scopes = new WeakMap<Session, { readonly transaction: unknown; readonly scope: MongooseTransactionScope }>();

  constructor(
    private readonly connection: Connection,
    private readonly newTransactionId: () => string,
  ) {
    super();
  }

  override of(session: TransactionSession): MongooseTransactionScope {
    const own = this.check(session);
    const known = this.scopes.get(own);
    if (known !== undefined && known.transaction === own.transaction) return known.scope;
    known?.scope.end('unknown');
    const scope = new MongooseTransactionScope(this.newTransactionId(), own);
    this.scopes.set(own, { transaction: own.transaction, scope });
    if (known === undefined) own.once('ended', () => this.scopes.get(own)?.scope.end('unknown'));
    return scope;
  }

  private check(session: TransactionSession): Session {
    const own = session as Session;
    const given: unknown = session;
    if (typeof given !== 'object' || given === null || typeof own.inTransaction !== 'function' || typeof own.once !== 'function') {
      throw new InvalidArgumentError('session', 'a ClientSession of the Mongoose connection is needed');
    }
    if (own.client !== this.connection.getClient()) throw new InvalidArgumentError('session', 'it belongs to another connection than this model');
    if (own.hasEnded || !own.inTransaction()) throw new InvalidArgumentError('session', 'no transaction runs in it; start one, or use withTransaction()');
    return own;
  }
}
