import type { ModulesContainer } from '@nestjs/core';
import { InvalidOptionsError } from '../errors/invalid-options.error.js';
import { EventSourcedStorageService } from '../event-sourced-storage.service.js';

type NestModule = ModulesContainer extends Map<string, infer M> ? M : never;

/**
 * A module that imports several features would get one of them for the bare class, and nobody would notice: found here, refused at start.
 * @throws InvalidOptionsError
 */
export function refuseAmbiguousInjection(modules: ModulesContainer): void {
  const problems: string[] = [];
  for (const module of modules.values()) {
    const sources = [...module.imports].filter((imported) => offersBareClass(imported, new Set()));
    if (sources.length < 2) continue;
    for (const wrapper of [...module.providers.values(), ...module.controllers.values()]) {
      if (typeof wrapper.metatype !== 'function' || wrapper.inject !== undefined || !injectsBareClass(wrapper.metatype)) continue;
      problems.push(
        `${wrapper.name as string} injects EventSourcedStorageService, but its module imports ${sources.length} features: inject by name, for example @InjectEventSourcedStorage(Game.name)`,
      );
    }
  }
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}

function offersBareClass(module: NestModule, seen: Set<NestModule>): boolean {
  if (seen.has(module)) return false;
  seen.add(module);
  if (module.providers.has(EventSourcedStorageService)) return module.exports.has(EventSourcedStorageService);
  return [...module.imports].some((imported) => module.exports.has(imported.metatype) && offersBareClass(imported, seen));
}

function injectsBareClass(metatype: object): boolean {
  const types = (Reflect.getMetadata('design:paramtypes', metatype) ?? []) as unknown[];
  const named = (Reflect.getMetadata('self:paramtypes', metatype) ?? []) as readonly { readonly index: number }[];
  const byName = new Set(named.map(({ index }) => index));
  return types.some((type, index) => type === EventSourcedStorageService && !byName.has(index));
}
