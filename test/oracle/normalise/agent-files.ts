import { isObject } from '../resource-set.ts';
import type { Json, JsonObject } from '../resource-set.ts';

/** Where Envoy finds the CAs of the machine; Istio's agent calls them `system`. */
const SYSTEM_CAS = '/etc/ssl/certs/ca-certificates.crt';

/**
 * A TLS context whose files Istio's agent would serve by SDS (`file-cert:CERT~KEY`, `file-root:CA`), with the files themselves. There
 * is no agent beside our Envoys: they read the same files.
 */
export function withFiles(message: JsonObject): JsonObject {
  const { combinedValidationContext: combined, tlsCertificateSdsSecretConfigs: certificates, ...rest } = message;
  const ca =
    isObject(combined) && hasOnly(combined, ['defaultValidationContext', 'validationContextSdsSecretConfig'])
      ? agentFile(combined['validationContextSdsSecretConfig'], 'file-root:')
      : undefined;
  const pairs = Array.isArray(certificates) ? certificates.map((one: Json) => agentFile(one, 'file-cert:')?.split('~')) : [];
  return {
    ...rest,
    ...(ca === undefined
      ? present('combinedValidationContext', combined)
      : { validationContext: { ...defaultsOf(combined), trustedCa: { filename: ca === 'system' ? SYSTEM_CAS : ca } } }),
    ...(pairs.length === 0 || pairs.some((pair) => pair === undefined)
      ? present('tlsCertificateSdsSecretConfigs', certificates)
      : { tlsCertificates: pairs.map(certificate) }),
  };
}

function certificate(pair: readonly string[] | undefined): JsonObject {
  const [chain = '', key = ''] = pair ?? [];
  return { certificateChain: { filename: chain }, privateKey: { filename: key } };
}

/** The file that the agent is asked for; undefined where something else is, or somebody else. */
function agentFile(config: Json | undefined, prefix: string): string | undefined {
  if (!isObject(config) || !hasOnly(config, ['name', 'sdsConfig']) || !JSON.stringify(config).includes('"sds-grpc"'))
    return undefined;
  const { name } = config;
  return typeof name === 'string' && name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
}

function hasOnly(message: JsonObject, keys: readonly string[]): boolean {
  return Object.keys(message).every((key) => keys.includes(key));
}

function defaultsOf(combined: Json | undefined): JsonObject {
  const defaults = isObject(combined) ? combined['defaultValidationContext'] : undefined;
  return isObject(defaults) ? defaults : {};
}

function present(key: string, value: Json | undefined): JsonObject {
  return value === undefined ? {} : { [key]: value };
}
