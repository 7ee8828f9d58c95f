import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { CorsPolicySchema, HTTPFaultSchema } from '@isthmus/proto/envoy';
import { CorsPolicy_UnmatchedPreflights, GRPC_CODES } from '@isthmus/proto/istio';
import type { CorsPolicy, HTTPFaultInjection, HTTPRoute } from '@isthmus/proto/istio';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { fraction, hundredths } from './fractions.ts';
import { stringMatcher } from './string-match.ts';

/** What a route changes of the filters in front of the router; the filters themselves are in every HTTP listener. */
export function perFilterConfig({ fault, corsPolicy }: HTTPRoute): Record<string, Any> {
  return {
    ...(fault === undefined
      ? {}
      : { 'envoy.filters.http.fault': anyPack(HTTPFaultSchema, create(HTTPFaultSchema, httpFault(fault))) }),
    ...(corsPolicy === undefined
      ? {}
      : { 'envoy.filters.http.cors': anyPack(CorsPolicySchema, create(CorsPolicySchema, cors(corsPolicy))) }),
  };
}

type FaultInit = MessageInitShape<typeof HTTPFaultSchema>;

function httpFault({ delay, abort }: HTTPFaultInjection): FaultInit {
  return {
    ...(delay?.httpDelayType.case === 'fixedDelay'
      ? {
          delay: {
            percentage: delay.percentage === undefined ? hundredths(delay.percent) : fraction(delay.percentage),
            faultDelaySecifier: { case: 'fixedDelay', value: delay.httpDelayType.value },
          },
        }
      : {}),
    ...(abort === undefined ? {} : { abort: faultAbort(abort) }),
  };
}

type Abort = NonNullable<HTTPFaultInjection['abort']>;
type AbortInit = NonNullable<FaultInit['abort']>;

function faultAbort({ errorType, percentage }: Abort): AbortInit | undefined {
  const share = percentage === undefined ? {} : { percentage: fraction(percentage) };
  if (errorType.case === 'httpStatus') return { ...share, errorType: { case: 'httpStatus', value: errorType.value } };
  const code = errorType.case === 'grpcStatus' ? GRPC_CODES.indexOf(errorType.value) : -1;
  return code < 0 ? undefined : { ...share, errorType: { case: 'grpcStatus', value: code } };
}

function cors(policy: CorsPolicy): MessageInitShape<typeof CorsPolicySchema> {
  return {
    allowOriginStringMatch:
      policy.allowOrigins.length > 0
        ? policy.allowOrigins.map(stringMatcher)
        : policy.allowOrigin.map((value) => ({ matchPattern: { case: 'exact', value } })),
    allowMethods: policy.allowMethods.join(),
    allowHeaders: policy.allowHeaders.join(),
    exposeHeaders: policy.exposeHeaders.join(),
    ...(policy.maxAge === undefined ? {} : { maxAge: policy.maxAge.seconds.toString() }),
    ...(policy.allowCredentials === undefined ? {} : { allowCredentials: policy.allowCredentials }),
    filterEnabled: { defaultValue: hundredths(100) },
    forwardNotMatchingPreflights: policy.unmatchedPreflights !== CorsPolicy_UnmatchedPreflights.IGNORE,
  };
}
