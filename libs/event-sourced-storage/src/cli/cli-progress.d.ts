// cli-progress brings no types; these are of what is used here.
declare module 'cli-progress' {
  export interface BarOptions {
    readonly format?: string;
    readonly stream?: NodeJS.WriteStream;
    readonly clearOnComplete?: boolean;
    readonly hideCursor?: boolean;
    readonly etaBuffer?: number;
  }
  export class SingleBar {
    constructor(options: BarOptions, preset?: object);
    start(total: number, startValue: number, payload?: Readonly<Record<string, unknown>>): void;
    setTotal(total: number): void;
    update(value: number, payload?: Readonly<Record<string, unknown>>): void;
    stop(): void;
  }
  const cliProgress: { readonly SingleBar: typeof SingleBar; readonly Presets: { readonly shades_classic: object } };
  export default cliProgress;
}
