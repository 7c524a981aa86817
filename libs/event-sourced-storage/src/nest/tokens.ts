import { Inject } from '@nestjs/common';

/** Holds what all features share. Its name is what Nest prints when `forRoot()` is missing. */
export const storageRootToken = 'EventSourcedStorageModule.forRoot()';

/**
 * The injection token of the storage of one model.
 * @param name the name given to `forFeature()`, usually `Game.name`
 * @param connectionName the connection given to `forFeature()`; left out for the unnamed one
 */
export function getEventSourcedStorageToken(name: string, connectionName?: string): string {
  return connectionName === undefined ? `${name}EventSourcedStorage` : `${connectionName}/${name}EventSourcedStorage`;
}

/** Injects the `EventSourcedStorageService` of one model: `@InjectEventSourcedStorage(Game.name) games: EventSourcedStorageService<Game>`. */
export function InjectEventSourcedStorage(name: string, connectionName?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getEventSourcedStorageToken(name, connectionName));
}
