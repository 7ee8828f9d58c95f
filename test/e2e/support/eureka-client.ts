/** Registers at a real Eureka as its clients do, with a lease that outlives the test. */
export class EurekaClient {
  readonly #base: string;

  constructor(port: number) {
    this.#base = `http://127.0.0.1:${port}/eureka/apps`;
  }

  async register(
    app: string,
    port: number,
    fields: { readonly status?: string; readonly metadata?: Readonly<Record<string, string>>; readonly address?: string } = {},
  ): Promise<void> {
    const { address = '127.0.0.1' } = fields;
    const instance = {
      instanceId: `${address}:${app}:${port}`,
      hostName: address,
      app: app.toUpperCase(),
      ipAddr: address,
      vipAddress: app,
      status: fields.status ?? 'UP',
      port: { $: port, '@enabled': 'true' },
      securePort: { $: 443, '@enabled': 'false' },
      dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
      leaseInfo: { renewalIntervalInSecs: 30, durationInSecs: 3600 },
      metadata: fields.metadata ?? {},
    };
    await this.#call('POST', app.toUpperCase(), JSON.stringify({ instance }));
  }

  async deregister(app: string, port: number): Promise<void> {
    await this.#call('DELETE', `${app.toUpperCase()}/127.0.0.1:${app}:${port}`);
  }

  async #call(method: string, path: string, body?: string): Promise<void> {
    const answer = await fetch(`${this.#base}/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  }
}
