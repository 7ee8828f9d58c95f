import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BridgeProcess } from './bridge.ts';

/** The built bridge with nothing but Istio's objects from files: services (ServiceEntry) and rules. */
export class RulesBridge {
  readonly bridge: BridgeProcess;

  private constructor(bridge: BridgeProcess) {
    this.bridge = bridge;
  }

  /** @param files YAML by name, there before the bridge starts @param istio more of that section of its config */
  static async start(files: Readonly<Record<string, string>>, istio: object = {}): Promise<RulesBridge> {
    const bridge = await BridgeProcess.prepare([{ name: 'nothing', kind: 'file', path: 'services.yaml' }], {
      istio: { dir: 'istio.d', ...istio },
    });
    const rules = new RulesBridge(bridge);
    try {
      await writeFile(join(bridge.directory, 'services.yaml'), 'services: []\n');
      await mkdir(join(bridge.directory, 'istio.d'));
      for (const [name, text] of Object.entries(files)) await rules.give(name, text);
      await bridge.run();
    } catch (error) {
      await bridge.close();
      throw error;
    }
    return rules;
  }

  /** Writes a file of objects, or replaces it, in one step. */
  async give(name: string, text: string): Promise<void> {
    const file = join(this.bridge.directory, 'istio.d', name);
    await writeFile(`${file}.tmp`, text);
    await rename(`${file}.tmp`, file);
  }

  async take(name: string): Promise<void> {
    await rm(join(this.bridge.directory, 'istio.d', name));
  }

  get xds(): number {
    return this.bridge.ports.xds;
  }

  get control(): string {
    return `http://127.0.0.1:${this.bridge.ports.control}`;
  }

  async close(): Promise<void> {
    await this.bridge.close();
  }
}
