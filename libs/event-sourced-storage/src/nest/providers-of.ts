import type { ModulesContainer } from '@nestjs/core';

/** A provider or controller of the application. */
export interface FoundProvider {
  /** `undefined` for one that is made for each request. */
  readonly instance: object | undefined;
  readonly type: NewableFunction;
}

/** Every provider and controller once, however many modules have it. */
export function providersOf(modules: ModulesContainer): FoundProvider[] {
  const found = new Map<unknown, FoundProvider>();
  for (const module of modules.values()) {
    for (const wrapper of [...module.providers.values(), ...module.controllers.values()]) {
      const instance = wrapper.isDependencyTreeStatic() ? (wrapper.instance as object | undefined) : undefined;
      // of a provider made by a factory only what it made tells the class
      const type = (typeof instance === 'object' && (instance as unknown) !== null ? instance.constructor : wrapper.metatype) as NewableFunction | undefined;
      if (typeof type !== 'function' || (wrapper.inject !== undefined && instance === undefined)) continue;
      found.set(instance ?? type, { instance, type });
    }
  }
  return [...found.values()];
}
