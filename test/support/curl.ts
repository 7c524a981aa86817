/** A request as a curl command on our pages writes it. */
export interface CurlRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

/** Reads the few options that the commands in the documentation use; throws when there is something else in one. */
export function parseCurl(command: string, variables: Readonly<Record<string, string>>): CurlRequest {
  const given = /^curl\s+((?:-i |-X \w+ |"[^"]*"\s*|-H '[^']*'\s*|-d '[^']*'\s*|\\\n\s*)+)$/.exec(`${command.trim()} `)?.[1];
  if (given === undefined) throw new Error(`not understood: ${command}`);
  const url = /"([^"]*)"/.exec(given.replaceAll(/'[^']*'/g, ''))?.[1] ?? '';
  const [, method = 'GET'] = /-X (\w+)/.exec(given) ?? [];
  const [, body] = /-d '([^']*)'/.exec(given) ?? [];
  const headers = Object.fromEntries([...given.matchAll(/-H '([^:']*): ([^']*)'/g)].map(([, name = '', value = '']) => [name, value]));
  const path = url.replaceAll(/\$(\w+)/g, (_, name: string) => variables[name] ?? '');
  return { method, path, headers, ...(body === undefined ? {} : { body }) };
}

/** Sends it to a port of this machine. */
export async function sendCurl({ path, ...init }: CurlRequest, port: number): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, init);
  return { status: answer.status, body: await answer.json() };
}
