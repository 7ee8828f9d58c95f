import type { Registration } from '../provider/registration.ts';
import { eurekaName } from './eureka-client.ts';
import type { EurekaClient } from './eureka-client.ts';

/** The server's cache of answers (30 s), and then the poll of its clients (30 s). Ribbon adds 30 s more where it is used. */
const PROPAGATION_MS = 60_000;

/** The instance of the application's `eureka-js-client`, of which a client has one. */
export class EurekaRegistration implements Registration {
  readonly id: string;
  readonly sdkName: string;
  readonly propagationMs = PROPAGATION_MS;
  readonly #client: EurekaClient;
  readonly #underWay: UnderWay;
  #isOut = false;

  constructor(client: EurekaClient, underWay: UnderWay) {
    this.#client = client;
    this.#underWay = underWay;
    this.sdkName = eurekaName(client.config?.instance?.app ?? '');
    this.id = `${this.sdkName} ${client.instanceId ?? ''}`;
  }

  async register(): Promise<void> {
    await called((done) => this.#client.register(done));
    // A status that was set over its own outlives a registration, and on a busy server was seen to outlive a deregistration.
    if (this.#isOut) await this.#ask('DELETE', '/status?value=UP');
    this.#isOut = false;
    clearInterval(this.#client.heartbeat);
    this.#client.startHeartbeats();
  }

  /**
   * A renewal that is answered 404 registers again, as UP, and a registration that is answered begins the renewals: so none of
   * either may be left when the instance goes.
   */
  async stopBeats(): Promise<void> {
    clearInterval(this.#client.heartbeat);
    await this.#underWay.settled();
    clearInterval(this.#client.heartbeat);
  }

  async takeOut(): Promise<void> {
    await this.#ask('PUT', '/status?value=OUT_OF_SERVICE');
    this.#isOut = true;
  }

  async deregister(): Promise<void> {
    await called((done) => this.#client.deregister(done));
  }

  #ask(method: string, path: string): Promise<void> {
    const uri = `${this.#client.config?.instance?.app ?? ''}/${this.#client.instanceId ?? ''}${path}`;
    return new Promise((resolve, reject) => {
      this.#client.eurekaRequest({ method, uri }, (error, response) => {
        if (error === null || error === undefined)
          if (response?.statusCode === 200) return resolve();
          else return reject(new Error(`eureka answered ${method} ${uri} with ${String(response?.statusCode)}`));
        reject(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }
}

/** Registrations and renewals of one client that are not answered. */
export class UnderWay {
  #open = 0;
  #waiting: (() => void)[] = [];

  begun(): void {
    this.#open += 1;
  }

  ended(): void {
    this.#open -= 1;
    if (this.#open === 0) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  settled(): Promise<void> {
    return this.#open === 0 ? Promise.resolve() : new Promise((resolve) => void this.#waiting.push(resolve));
  }
}

function called(call: (done: (error?: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => {
      if (error === null || error === undefined) resolve();
      else reject(error instanceof Error ? error : new Error(String(error)));
    });
  });
}
