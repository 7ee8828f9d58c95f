import { IsthmusHealth } from './isthmus-health.ts';
import { Isthmus } from './isthmus.ts';
import type { IsthmusOptions } from './isthmus.ts';
import { askedTargets, targetToken } from './target.ts';

const OPTIONS = 'isthmus:options';

type Token = string | symbol | (abstract new (...values: never[]) => unknown);

/** The part of Nest's DynamicModule that is used, the same in Nest 10, 11 and 12. */
interface NestModule {
  module: new () => IsthmusModule;
  global: true;
  // Nest's own types have `any` here, in three versions that are not each other's.
  imports: any[]; // oxlint-disable-line typescript/no-explicit-any
  providers: any[]; // oxlint-disable-line typescript/no-explicit-any
  exports: any[]; // oxlint-disable-line typescript/no-explicit-any
}

export interface IsthmusAsyncOptions {
  readonly imports?: readonly unknown[];
  readonly inject?: readonly Token[];
  readonly useFactory: (...injected: any[]) => IsthmusOptions | Promise<IsthmusOptions>; // oxlint-disable-line typescript/no-explicit-any
  /** Targets that are injected otherwise than by `@Target`. */
  readonly targets?: readonly string[];
}

/** `@isthmus/agent/nest` for Nest 10, 11 and 12: provides `Isthmus`, `IsthmusHealth` and a `TargetHandle` for each target everywhere. */
export class IsthmusModule {
  static forRoot(options: IsthmusOptions = {}): NestModule {
    return moduleOf([], { provide: OPTIONS, useValue: options }, options.targets ?? []);
  }

  static forRootAsync({ imports = [], inject = [], useFactory, targets = [] }: IsthmusAsyncOptions): NestModule {
    return moduleOf(imports, { provide: OPTIONS, useFactory, inject: [...inject] }, targets);
  }
}

function moduleOf(imports: readonly unknown[], options: object, targets: readonly string[]): NestModule {
  // Asked for when Nest looks at the module: by then every class that is imported has said its targets.
  const tokens = (): readonly string[] => [...new Set([...askedTargets(), ...targets].map(targetToken))];
  return {
    module: IsthmusModule,
    global: true,
    imports: [...imports],
    get providers() {
      return [
        options,
        { provide: Isthmus, useFactory: (given: IsthmusOptions) => new Isthmus(given), inject: [OPTIONS] },
        { provide: IsthmusHealth, useFactory: () => new IsthmusHealth() },
        ...tokens().map((token) => ({
          provide: token,
          useFactory: (isthmus: Isthmus) => isthmus.target(token.replace('isthmus:', '')),
          inject: [Isthmus],
        })),
      ];
    },
    get exports() {
      return [Isthmus, IsthmusHealth, ...tokens()];
    },
  };
}
